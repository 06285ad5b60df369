"""The methods and scenes that ``benchmark.py`` measures."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

import torch
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from udaln.experiment.config import typed
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.experiment.preparation import FusionOptions
from udaln.experiment.presets import method_preset
from udaln.experiment.schema import Refine
from udaln.methods.base import Method
from udaln.methods.registry import names
from udaln.methods.udaln.method import Udaln
from udaln.physics.instruments import Instruments
from udaln.scene import Scene

NOISE = 40, 45  # signal-to-noise ratio of LR-HSI and HR-MSI in tiled scenes [dB]: real images are noisy


def udaln_method(stages: str) -> Udaln:
    """UDALN with a file of ``conf/stages``."""
    method, _ = method_preset(stages=stages)
    assert isinstance(method, Udaln)
    return method


def method_by_name(name: str) -> tuple[Method, bool]:
    """A method by its name or that of its stages, and whether the consistency step follows it."""
    method, refine = method_preset(name) if name in names() else method_preset(stages=name)
    return method, refine is Refine.consistent


def shortened(method: Udaln, share: float) -> Udaln:
    """A method whose stages take only a share of their steps."""
    return Udaln(method.settings, replace(method.stages, share=share).shortened())


def options(method: Method, *, refine: bool = False) -> FusionOptions:
    """Options for two images of one camera."""
    return FusionOptions(method, refine=refine, instruments=Instruments(), progress=False)


def synthetic_scene(size: int, bands: int, scale: int, sensor: str = "worldview2") -> Scene:
    """The built-in scene."""
    with initialize_config_module("udaln.conf", version_base="1.3"):
        sizes = [f"dataset.size={size}", f"dataset.bands={bands}", f"scale.factor={scale}", f"sensor={sensor}"]
        return simulated_scene(typed(compose("config", sizes)))


def simulated_from_files(reference: str, srf: str | None, scale: int) -> Scene:
    """The scene simulated from a reference cube and an SRF on disk."""
    with initialize_config_module("udaln.conf", version_base="1.3"):
        composed = compose("config", ["dataset=mat", f"scale.factor={scale}"])
    composed.dataset = OmegaConf.merge(composed.dataset, {"reference": reference, "srf": srf})
    return simulated_scene(typed(composed))


def tiled(scene: Scene, side: int) -> Scene:
    """A noisy scene of ``side``² HR pixels, rounded down to whole LR pixels, made of copies of a small one."""
    r, generator = scene.scale, torch.Generator().manual_seed(0)
    images = []
    for image, pixels, snr in zip((scene.lr_hsi, scene.hr_msi), (side // r, side // r * r), NOISE, strict=True):
        copies = ceil(pixels / image.shape[0])
        large = image.float().tile(copies, copies, 1)[:pixels, :pixels]
        sigma = large.square().mean((0, 1)).sqrt() * 10 ** (-snr / 20)
        images.append(torch.randn(large.shape, generator=generator).mul_(sigma).add_(large))
    return Scene(images[0], images[1], scene.support)
