from dataclasses import replace
from types import SimpleNamespace

import made_up
import pytest
import torch

from udaln.monitor.gallery import Gallery
from udaln.scene import Truth


class Writer:
    """Stands for TensorBoard's."""

    def __init__(self):
        self.shown = []

    def add_figure(self, name, figure, step):
        self.shown.append((name, figure, step))


@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("last", [900, 700])
@pytest.mark.parametrize("truth", [True, False])
def test_what_is_shown(trained, last, truth):
    scene = made_up.scene()
    hr_valid = torch.ones(24, 24, dtype=torch.bool)
    hr_valid[:, 5] = False
    scene = replace(scene, wavelengths=torch.linspace(400, last, scene.lr_hsi.shape[2]), hr_valid=hr_valid)
    scene = scene if truth else replace(scene, truth=Truth())
    networks, writer = made_up.networks(scene), Writer()
    complete = networks.map(scene.hr_msi) if trained else None
    gallery, logger = Gallery(scene, 100, [(3, 4), (20, 8)]), SimpleNamespace(experiment=writer)
    gallery.show(logger, networks.degradation, complete, 7)
    colours = ["true colour", "false colour"] if last == 900 else ["true colour"]
    pair = {f"4 pair/{image}, {colour}" for image in ("LR-HSI", "HR-MSI") for colour in colours}
    names = pair | {"5 sensors/PSF", "5 sensors/SRF"}
    if trained:
        errors = (
            {"spectral angle", "error", "PSNR of each band"}
            if truth
            else {"misfit to the LR-HSI", "misfit to the HR-MSI"}
        )
        names |= {f"1 fused/{colour}" for colour in colours} | {"2 spectra/1", "2 spectra/2"}
        names |= {f"3 errors/{error}" for error in errors}
    assert {name for name, _, _ in writer.shown} == names and {step for _, _, step in writer.shown} == {7}
    if trained:
        figure = next(figure for name, figure, _ in writer.shown if name == "1 fused/true colour")
        picture = figure.axes[0].images[0].get_array()
        assert (picture[:, 5] == 0.5).all() and (picture[:, 6] != 0.5).any()
    first, writer.shown = len(writer.shown), []
    gallery.show(logger, networks.degradation, complete, 8)
    assert len(writer.shown) == first - len(pair)  # the pair does not change
