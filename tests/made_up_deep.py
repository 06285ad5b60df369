"""The deep methods on small scenes, in few steps."""

import made_up
import torch

from udaln.experiment.fusion import fit
from udaln.experiment.preparation import FusionOptions, align
from udaln.experiment.presets import instruments_preset, method_preset
from udaln.methods.base import Training
from udaln.methods.deep.cucanet import CuCaNetStage
from udaln.methods.deep.hyconet import HyCoNetStage
from udaln.methods.deep.miae import MiaeStage, blocks_of_both
from udaln.methods.deep.unmixing import UnmixingStages
from udaln.methods.registry import method_class
from udaln.methods.training.schedule import Schedule
from udaln.metrics.functional import psnr
from udaln.physics.blocks import blocks_of
from udaln.physics.interpolation import interpolate


def trained(name, scene, steps, known=True, **schedule):
    """A model trained in some steps, half of them at the full rate; and the aligned scene."""
    method, _ = method_preset(name)
    changes = {"steps": steps, "constant_until": max(1, steps // 2)} | schedule
    for key, value in changes.items():
        setattr(method.stages.unmixing, key, value)
    alike = instruments_preset("alike")
    options = FusionOptions(method, False, alike, known_psf=known, known_srf=known, progress=False)
    pair = align(scene, options)
    return fit(pair, options, Training(accelerator="cpu")), pair.scene


def quality(name, scene, steps, known=True, **schedule):
    """PSNR of a method's image [dB], and that of the bicubic interpolation of the LR-HSI."""
    model, scene = trained(name, scene, steps, known, **schedule)
    images = model.fuse(scene).image, interpolate(scene.lr_hsi, scene.scale)
    return tuple(psnr(scene.truth.image.float(), image.float()).item() for image in images)


def stage_of(name, scene, lr=5e-3):
    """The untrained stage of a method for a scene whose PSF and SRF are not known, and the scene in blocks."""
    torch.manual_seed(0)
    degradation = made_up.networks(scene).degradation
    schedule = UnmixingStages(unmixing=Schedule(lr, 10, 10))
    method = method_class(name)(method_class(name).Settings(), schedule)
    model = method.model(degradation)
    if name == "cucanet":
        return CuCaNetStage(model, scene, schedule, Training()), blocks_of(scene, degradation.kernel_size)
    if name == "miae":
        return MiaeStage(model, schedule.unmixing, 100), blocks_of_both(scene, degradation)
    return HyCoNetStage(model, schedule.unmixing, 100), blocks_of(scene, degradation.kernel_size)
