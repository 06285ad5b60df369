"""What holds for all deep methods that train: a stopped fit goes on to the same bits; half precision."""

import pytest
import torch
from made_up_mixtures import mixtures
from pytorch_lightning import Callback
from short_fits import shortened, unfitted

from udaln.methods.base import Training
from udaln.methods.training.trainer import quiet_lightning

SMALL = {
    "sdp": {"layers": 2, "hidden": 16, "batch": 32, "diffusion_steps": 20},
    "spectralift": {},
    "spectramorph": {"updates": 5, "hidden": 32},
    "zsl": {"channels": 8, "patch": 4, "batch": 3},
}


class Stop(Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if pl_module.steps_done == 20:
            raise KeyError("stopped")


@pytest.mark.parametrize("name", sorted(SMALL))
def test_it_goes_on(name, tmp_path):
    quiet_lightning()
    scene = mixtures(side=32)
    method = shortened(name, 50, **SMALL[name])

    def fitted(**training):
        model = unfitted(method, scene)
        method.fit(model, scene, Training(accelerator="cpu", every=10, **training))
        return model.state_dict()

    whole = fitted()
    checkpoint = {"checkpoint": tmp_path / "resume.ckpt", "checkpoint_seconds": 0.0}
    with pytest.raises(KeyError, match="stopped"):
        fitted(callbacks=[Stop()], **checkpoint)
    resumed = fitted(**checkpoint)
    assert all(torch.equal(resumed[key], value) for key, value in whole.items())
    start = unfitted(method, scene).state_dict()
    assert any(
        not torch.equal(start[key], value) for key, value in whole.items() if "network" in key or "denoiser" in key
    )


@pytest.mark.parametrize("name", sorted(SMALL))
def test_half_precision_of_the_networks_changes_little(name):
    quiet_lightning()
    scene = mixtures(side=32)
    method = shortened(name, 20, **SMALL[name])
    images = []
    for precision in ("32-true", "bf16-mixed"):
        model = unfitted(method, scene)
        method.fit(model, scene, Training(accelerator="cpu", precision=precision))
        images.append(model.fuse(scene).image)
        assert all(value.dtype in (torch.float32, torch.float64, torch.bool) for value in model.state_dict().values())
    assert not torch.equal(*images)
    assert (images[1] - images[0]).norm() < 0.1 * images[0].norm()
