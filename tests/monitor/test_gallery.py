from dataclasses import replace
from types import SimpleNamespace

import made_up
import pytest
import torch

from udaln.monitor import Gallery


class Writer:
    """Stands for TensorBoard's."""

    def __init__(self):
        self.shown = {}

    def add_figure(self, name, figure, step):
        self.shown[name] = figure, step


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("last", [900, 700])
def test_what_is_shown(trained, last):
    scene = made_up.scene()
    hr_valid = torch.ones(24, 24, dtype=torch.bool)
    hr_valid[:, 5] = False
    scene = replace(scene, wavelengths=torch.linspace(400, last, scene.lr_hsi.shape[2]), hr_valid=hr_valid)
    networks, writer = made_up.networks(scene), Writer()
    fused = networks.map(scene.hr_msi) if trained else None
    Gallery(scene).show(SimpleNamespace(experiment=writer), networks.degradation, fused, 7)
    names = {"images/true colour", "degradation"} | ({"images/false colour"} if last == 900 else set())
    assert set(writer.shown) == names | ({"spectra"} if trained else set())
    assert all(step == 7 for _, step in writer.shown.values())
    shown = {axis.get_title(): axis for axis in writer.shown["images/true colour"][0].axes}
    assert ("fused" in shown) == trained
    if trained:
        picture = shown["fused"].images[0].get_array()
        assert (picture[:, 5] == 0.5).all() and (picture[:, 6] != 0.5).any()
