"""A scene is made of the good bands and the valid pixels of two images, or refused with what leaves none."""

import numpy as np
import pytest
import torch
from made_up import smooth_mixtures

from udaln.errors import InputError
from udaln.io.assembly import assemble_scene
from udaln.io.bad_bands import describe_dropped_bands
from udaln.io.gaps import valid_values
from udaln.scene import Known, Truth

SRF = torch.zeros(12, 3, dtype=torch.float64)
for _band in range(12):
    SRF[_band, _band // 4] = 1 + _band % 4
SRF = SRF / SRF.sum(0)


def made(lr_hsi, hr_msi, keep=False, srf=SRF, **kwargs):
    return assemble_scene(
        lr_hsi,
        hr_msi,
        SRF > 0,
        lr_valid=valid_values(lr_hsi, "LR-HSI"),
        hr_valid=valid_values(hr_msi, "HR-MSI"),
        keep=keep,
        known=Known(srf=srf),
        **kwargs,
    )


def pair():
    image = smooth_mixtures(20, 12)
    return image[::4, ::4].contiguous(), image @ SRF


def test_without_bad_bands_the_scene_is_the_pair():
    lr_hsi, hr_msi = pair()
    scene = made(lr_hsi, hr_msi)
    assert scene.dropped_bands is None and scene.lr_valid is None and scene.hr_valid is None
    assert scene.lr_hsi is lr_hsi and scene.hr_msi is hr_msi and scene.known.srf is SRF


def test_the_scene_is_made_of_the_good_bands():
    lr_hsi, hr_msi = pair()
    wavelengths = torch.linspace(400, 950, 12, dtype=torch.float64)
    hr_msi[..., 1] = 0
    lr_hsi[..., [2, 6]], lr_hsi[1, 3, 8] = torch.nan, torch.nan
    scene = made(lr_hsi, hr_msi, wavelengths=wavelengths, truth=Truth(srf=SRF))
    kept = [0, 1, 3, 4, 5, 7, 8, 9, 10, 11]
    assert scene.dropped_bands.kept.nonzero().flatten().tolist() == kept
    assert scene.dropped_bands.msi_dead.tolist() == [False, True, False]
    np.testing.assert_array_equal(scene.wavelengths, wavelengths[kept])
    np.testing.assert_array_equal(scene.support, (SRF > 0)[kept][:, [0, 2]])
    rest = SRF[kept][:, [0, 2]]
    for srf in (scene.known.srf, scene.truth.srf):
        np.testing.assert_allclose(srf, rest / rest.sum(0), rtol=1e-12)
    assert scene.lr_gaps.nonzero().tolist() == [[1, 3, 6]] and scene.lr_valid is None and scene.hr_valid is None
    np.testing.assert_array_equal(scene.lr_hsi[~scene.lr_gaps], lr_hsi[..., kept][~scene.lr_gaps])
    np.testing.assert_array_equal(scene.hr_msi, hr_msi[..., [0, 2]])


def test_bands_that_the_file_flags_are_left_out_and_named_as_such():
    lr_hsi, hr_msi = pair()
    lr_hsi[..., [2, 6]] = torch.nan
    flagged = torch.arange(12) // 2 == 1  # bands 2 and 3
    scene = made(lr_hsi, hr_msi, flagged=flagged)
    assert scene.dropped_bands.kept.nonzero().flatten().tolist() == [0, 1, 4, 5, *range(7, 12)]
    assert scene.lr_hsi.shape[2] == 9 and scene.lr_valid is None
    assert describe_dropped_bands(scene.dropped_bands, filled=False) == [
        "LR-HSI bands 2–3 (counted from 0): flagged as bad by the file; left out",
        "LR-HSI band 6 (counted from 0): constant or almost without data; left out",
    ]
    assert made(lr_hsi.nan_to_num(0.1), hr_msi, keep=True, flagged=flagged).dropped_bands is None


def test_keep_uses_every_band():
    lr_hsi, hr_msi = pair()
    lr_hsi[..., 4] = 0.2
    assert made(lr_hsi, hr_msi, keep=True).lr_hsi is lr_hsi
    lr_hsi[..., 4] = torch.nan
    with pytest.raises(InputError, match=r"LR-HSI: expected data in every band, got none in band 4 \(counted from 0\)"):
        made(lr_hsi, hr_msi, keep=True)


def test_what_leaves_no_scene():
    lr_hsi, hr_msi = pair()
    message = r"bad_bands: .* HR-MSI's band 1 \(counted from 0\) covers, got none: LR-HSI bands 4–7 \(counted from 0\)"
    with pytest.raises(InputError, match=message):
        made(lr_hsi.index_fill(2, torch.arange(4, 8), 0.5), hr_msi)
    narrow = SRF.index_fill(0, torch.arange(8, 11), 0)  # of the last MSI band's response only band 11 is left
    with pytest.raises(InputError, match=r"bad_bands: .* HR-MSI's band 2 "):
        made(lr_hsi.index_fill(2, torch.tensor([11]), 0.5), hr_msi, srf=narrow)
    with pytest.raises(InputError, match="HR-MSI: expected a signal in some band, got none in 3 bands"):
        made(lr_hsi, torch.zeros_like(hr_msi))
    lr_hsi[:2, :, :7], lr_hsi[2:, :, 7:] = torch.nan, torch.nan  # each has data in half of the pixels, none in both
    hr_msi[:, :2], hr_msi[:, :, 1] = torch.nan, torch.nan
    with pytest.raises(InputError, match=r"LR-HSI: expected data in every band, got none in bands 7–11 \(counted"):
        made(lr_hsi[2:4], hr_msi[8:16], keep=True)
