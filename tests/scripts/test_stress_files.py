"""The battery of files: what is drawn exists, is written as it says, and a wrong image is called so."""

import numpy as np
import pytest

pytest.importorskip("rasterio", reason="the extra io is not installed")

import stress_files
import torch
from stress_file_kinds import KINDS, FileKind
from stress_file_writers import Place, write
from stress_files import END, measure, section

from udaln.io.formats import open_image

PLAIN = {"fill": "none", "mask": "none", "order": "bands last", "encoding": "UTF-8"}


@pytest.mark.parametrize("lr_hsi", [True, False])
def test_files_hold_what_is_said(tmp_path, lr_hsi):
    """One file of each format and type."""
    image, hole = np.random.default_rng(0).uniform(0.05, 0.9, (9, 8, 4)), np.zeros((9, 8), bool)
    hole[:2] = True
    seen = set()
    for number, kind in enumerate(KINDS[lr_hsi]):
        if (kind.format, kind.dtype, kind.fill) in seen or kind.mask != "none":
            continue
        seen.add((kind.format, kind.dtype, kind.fill))
        path, numbers, named = write(tmp_path / f"x {number}", image, hole & kind.has_hole, kind, Place(30))
        with open_image(path, key="x", nodata=[] if named is None else [named]) as opened:
            got = opened.whole()
        expected = np.where(np.isnan(got), np.nan, numbers) if kind.fill == "undeclared" else numbers
        if kind.fill == "undeclared":
            got = np.where(hole[..., None], np.nan, got)
            expected = numbers
        np.testing.assert_allclose(got, expected, rtol=1e-5, err_msg=str(kind))
    assert len(seen) > 60


def test_a_case_is_right_and_a_wrong_image_is_called_so(monkeypatch):
    kinds = (
        FileKind("ENVI", "int16", **PLAIN | {"fill": "undeclared", "encoding": "GBK"}),
        FileKind("GeoTIFF", "uint16", **PLAIN | {"mask": "internal"}),
    )
    outcome = measure(0, kinds)
    assert outcome.result == "right", outcome
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.random((4, 4, 2)))
    near = truth.numpy() + rng.normal(0, 1e-3, (4, 4, 2))
    right = stress_files._compared("x", 1e4 * near, 1e4 * near, truth)
    wrong = stress_files._compared("x", near + rng.normal(0, 1e-3, (4, 4, 2)), near, truth)
    assert (right.result, wrong.result) == ("right", "wrong")
    assert stress_files._compared("x", np.full((4, 4, 2), np.nan), near, truth).result == "wrong"
    text = section([outcome, wrong], [kinds, kinds])
    assert text.endswith(END) and "2 pairs: 1 right, 0 refused, 1 wrong." in text
