"""Methods that train, fitted by a short schedule, with PSF and SRF known."""

import torch

from udaln.experiment.presets import method_preset
from udaln.methods.base import Training
from udaln.methods.training.schedule import Schedule
from udaln.methods.training.trainer import quiet_lightning
from udaln.physics.degradation import Degradation
from udaln.scene import Known


def shortened(name, steps, **settings):
    """A method whose stages have a number of steps, with its own share of them before the rate falls."""
    method, _ = method_preset(name, None, settings)
    for schedule in vars(method.stages).values():
        if isinstance(schedule, Schedule):
            schedule.constant_until = max(1, schedule.constant_until * steps // schedule.steps)
            schedule.steps = steps
    return method


def unfitted(method, scene):
    """Its model for a scene whose PSF and SRF are the true ones; the first weights are always the same."""
    torch.manual_seed(0)
    known = Known(psf=scene.truth.psf, srf=scene.truth.srf)
    return method.model(
        Degradation(scale=scene.scale, kernel_size=scene.scale, support=scene.support, unit=scene.unit, known=known)
    )


def shortly_fitted(name, scene, steps, **settings):
    """A model fitted on the CPU."""
    quiet_lightning()
    method = shortened(name, steps, **settings)
    model = unfitted(method, scene)
    method.fit(model, scene, Training(accelerator="cpu"))
    return model
