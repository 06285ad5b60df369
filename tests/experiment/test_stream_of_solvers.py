"""Methods that solve each window by itself, fused window by window."""

import logging
from types import SimpleNamespace

import pytest
import torch
from made_up_mixtures import fitted, mixtures

from udaln.consistency.fuser import Fuser
from udaln.experiment import products, stream


@pytest.mark.parametrize(("name", "warned"), [("hysure", True), ("closed_form", False), ("cnmf", False)])
def test_seams_are_told_of(name, warned, monkeypatch, tmp_path, caplog):
    model, scene = fitted(name, mixtures(side=16))
    monkeypatch.setattr(products, "fuse_to_files", lambda *_, **__: None)
    monkeypatch.setattr(products, "fused_bands", lambda *_, **__: None)
    monkeypatch.setattr(products, "_Quicklook", lambda job: None)
    config = SimpleNamespace(method=SimpleNamespace(name=name), memory=SimpleNamespace(bytes=1))
    job = SimpleNamespace(
        config=config,
        scene=scene,
        pair=object(),
        streamed=True,
        filled_bands=None,
        image_file=tmp_path / "fused.npy",
        options=SimpleNamespace(uncertainty=False),
        device=torch.device("cpu"),
    )
    with caplog.at_level(logging.WARNING, "udaln"):
        products.write_images(job, SimpleNamespace(fuser=Fuser(model), model=model))
    assert ("may have seams" in caplog.text) == warned


def test_a_solver_gets_smaller_windows(monkeypatch, tmp_path):
    """As it holds more for each pixel."""
    asked = {}
    for name in ("closed_form", "fuse"):
        model, scene = fitted(name, mixtures(side=16))

        def stop(sides, part_of, memory_limit, bytes_needed, name=name):
            asked[name] = bytes_needed(10, 10)
            raise KeyboardInterrupt

        monkeypatch.setattr(stream, "windows_of", stop)
        pair = SimpleNamespace(scale=scene.scale, sides=(4, 4))
        with pytest.raises(KeyboardInterrupt):
            stream.fuse_to_files(
                Fuser(model), pair, scene, [tmp_path / "fused.npy"], None, None, None, memory_limit=1 << 30
            )
    assert asked["fuse"] - asked["closed_form"] == 100 * scene.scale**2 * model.pixel_bytes > 0
