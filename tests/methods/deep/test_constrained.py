"""What holds for every network that unmixes."""

from dataclasses import replace

import made_up
import pytest
import torch
from made_up_deep import stage_of, trained

NAMES = ["cucanet", "hyconet", "miae"]
LEARN_SENSORS = ["cucanet", "hyconet"]
RATES = {
    "cucanet": {"msi_features": 0.5, "msi_abundances": 0.5, "spatial_attention": 0.2, "attention_psf": 0.2},
    "hyconet": {"msi_encoder": 0.5},
    "miae": {},
}


def scene():
    return made_up.scene(size=16, bands=8, scale=4)


@pytest.mark.parametrize("name", NAMES)
def test_each_network_has_its_learning_rate(name):
    """Adam's first step moves a weight by the rate, whatever its gradient."""
    stage, blocks = stage_of(name, scene(), lr=1e-3)
    optimizer = stage.configure_optimizers()["optimizer"]
    before = {key: p.detach().clone() for key, p in stage.parameters_by_name().items()}
    torch.stack(list(stage.losses(blocks).values())).sum().backward()
    optimizer.step()
    moved = {}
    for key, parameter in stage.parameters_by_name().items():
        network = key.split(".")[0]
        moved[network] = max(moved.get(network, 0), (parameter.detach() - before[key]).abs().max().item())
    rates = {"degradation": 0.2, "spectral_attention": 0.2} | RATES[name]
    assert moved == pytest.approx({network: 1e-3 * rates.get(network, 1.0) for network in moved}, rel=0.02)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_of_the_model_is_trained(name):
    """All but PSF and SRF, where these are known; neither a gain nor an offset is learned."""
    stage, _ = stage_of(name, scene())
    learned = {key for key, p in stage.model.named_parameters() if p.requires_grad}
    if name not in LEARN_SENSORS:
        learned = {key for key in learned if not key.startswith("degradation.")}
    assert learned <= set(stage.parameters_by_name())


@pytest.mark.parametrize("name", NAMES)
def test_weights_stay_within_their_bounds(name):
    """With a rate that leads out of them at once."""
    model, _ = trained(name, scene(), 3, lr=1.0, known=False)
    assert 0 == model.endmembers.weight.min() < model.endmembers.weight.max() <= 1
    assert model.fuse(scene()).image.min() >= 0
    if name in LEARN_SENSORS:
        assert 0 <= model.degradation.psf.min() < model.degradation.psf.max() <= 1
        assert model.degradation.srf.min() >= 0


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_the_sensors_stays(name):
    """Also a PSF with negative weights, which one that is learned has not."""
    psf = torch.full((4, 4), 1 / 14, dtype=torch.float64)
    psf[0, 0] = psf[3, 3] = -1 / 28
    psf /= psf.sum()
    known = scene()
    model, _ = trained(name, replace(known, known=replace(known.known, psf=psf)), 3)
    torch.testing.assert_close(model.degradation.psf, psf, rtol=0, atol=0)
    torch.testing.assert_close(model.degradation.srf, known.known.srf)


@pytest.mark.parametrize("name", NAMES)
def test_the_errors_of_the_image_fall(name):
    stage, blocks = stage_of(name, scene())
    optimizer = stage.configure_optimizers()["optimizer"]
    errors = []
    for _ in range(8):
        optimizer.zero_grad()
        losses = stage.losses(blocks)
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        errors.append({key: loss.item() for key, loss in losses.items()})
    for key in ("fused_lr_hsi", "hr_msi"):
        assert errors[-1][key] < 0.8 * errors[0][key]
