import logging

import made_up
import pytest
import torch
from torch.amp import GradScaler

from udaln.chain import StageChain, make_trainer
from udaln.data.module import SceneData
from udaln.scene import Known
from udaln.stages import STAGES, DegradationStage, JointStage, Schedule, SpectralStage

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def trained(stage, scene, precision="32-true"):
    chain = StageChain([stage])
    chain.run(make_trainer(chain, "cpu", precision, logger=False), SceneData(scene, stage.networks.kernel_size))
    return stage


def weights(networks):
    return {name: value.clone() for name, value in networks.state_dict().items()}


def test_the_rate_is_constant_then_falls_linearly_towards_zero():
    paper = Schedule(lr=1e-3, steps=20_000, constant_until=10_000)
    assert paper.factor(0) == paper.factor(9_999) == 1
    assert paper.lr * paper.factor(19_999) == pytest.approx(9.999000078218832e-08, rel=1e-6)  # in the published log
    assert paper.factor(20_000) == 0
    joint = Schedule(lr=6e-5, steps=15_000, constant_until=5_000)
    assert joint.lr * joint.factor(14_999) == pytest.approx(5.9994000635572055e-09, rel=1e-6)  # likewise


@pytest.mark.parametrize(
    ("stage", "changed"),
    [(DegradationStage, {"spad", "sped"}), (SpectralStage, {"speu"}), (JointStage, {"spad", "sped", "speu"})],
)
def test_a_stage_trains_its_networks_and_no_others(stage, changed):
    scene = made_up.scene()
    networks = made_up.networks(scene)
    before = weights(networks)
    trained(stage(networks, Schedule(1e-3, 5, 3), steps_per_call=2), scene)
    after = weights(networks)
    assert {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])} == changed


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_plain_adam_on_its_losses(stage):
    """Calls, schedule and fused Adam change nothing but the last bits."""
    scene = made_up.scene()
    schedule = Schedule(1e-2, 20, 8)
    networks, plain = made_up.networks(scene), made_up.networks(scene)
    trained(stage(networks, schedule, steps_per_call=7), scene)

    reference = stage(plain, schedule, 1)
    blocks = scene.blocks(plain.kernel_size)
    optimizer = torch.optim.Adam(reference.parameters_by_name().values(), lr=schedule.lr)
    for done in range(20):
        optimizer.param_groups[0]["lr"] = schedule.lr * schedule.factor(done)
        optimizer.zero_grad()
        sum(reference.losses(blocks).values()).backward()
        optimizer.step()
    for name, value in networks.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("stage", STAGES)
def test_the_loss_falls(stage):
    scene = made_up.scene()
    networks = made_up.networks(scene)
    blocks = scene.blocks(networks.kernel_size)
    tested = stage(networks, Schedule(3e-3, 200, 100), steps_per_call=50)
    before = float(sum(tested.losses(blocks).values()).detach())
    trained(tested, scene)
    assert float(sum(tested.losses(blocks).values()).detach()) < before / 2


def test_the_losses_are_the_papers():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    blocks = scene.blocks(networks.kernel_size)
    schedule = Schedule(1, 1, 1)
    y, z = blocks.lr, blocks.windows

    def mae(a, b):
        return (a.detach().double() - b.double()).abs().mean()

    def blurred(windows):
        return (windows.double() * networks.spad.psf.flatten()[None, :, None]).sum(1)

    s1 = mae(y.double() @ networks.sped.srf.detach().double(), blurred(z))
    s2 = mae(networks.speu(networks.spad(z)), y)
    fused = networks.speu(z)
    s3 = [mae(fused.double() @ networks.sped.srf.double(), z), mae(blurred(fused), y)]
    for stage, terms in ((DegradationStage, [s1]), (SpectralStage, [s2]), (JointStage, [s1, s2, *s3])):
        actual = torch.stack([*stage(networks, schedule, 1).losses(blocks).values()]).detach().double()
        torch.testing.assert_close(actual, torch.stack(terms), rtol=1e-5, atol=1e-7)


def test_a_wide_psf_trains_too():
    scene = made_up.scene(kernel_size=7)
    networks = made_up.networks(scene, kernel_size=7)
    for stage in STAGES:
        trained(stage(networks, Schedule(1e-3, 4, 2), steps_per_call=2), scene)
    assert networks.fuse(scene.hr_msi).isfinite().all()


def test_reduced_precision_does_not_depend_on_the_steps_per_call():
    """Autocast caches its copies of the weights: a call of many steps must not train on stale ones."""
    scene = made_up.scene()
    ends = []
    for steps_per_call in (1, 10):
        networks = made_up.networks(scene)
        trained(SpectralStage(networks, Schedule(1e-2, 10, 5), steps_per_call), scene, "bf16-mixed")
        ends.append(networks.speu.layers[0].weight.detach())
    assert torch.equal(*ends)


def test_a_known_psf_stays():
    scene = made_up.scene()
    networks = made_up.networks(scene, known=Known(psf=scene.truth.psf))
    trained(JointStage(networks, Schedule(1e-2, 5, 3), 5), scene)
    assert torch.equal(networks.spad.psf, scene.truth.psf)


def test_float16_gradients_are_scaled():
    """Mean absolute errors have gradients that float16 would round to zero; Adam sees them unscaled all the same."""
    scene = made_up.scene()
    weights = []
    for scaler in (GradScaler("cpu", init_scale=1024.0), GradScaler("cpu", enabled=False)):
        stage = SpectralStage(made_up.networks(scene), Schedule(1e-3, 3, 1), 3)
        made = stage.configure_optimizers()
        seen = []
        stage.networks.speu.layers[0].weight.register_hook(lambda gradient, seen=seen: seen.append(gradient.norm()))
        stage.optimise(scene.blocks(4), 3, made["optimizer"], made["lr_scheduler"], scaler)
        weights.append((stage.networks.speu.layers[0].weight.detach(), seen[0]))
    (scaled, scaled_gradient), (plain, gradient) = weights
    torch.testing.assert_close(scaled_gradient, 1024 * gradient)
    torch.testing.assert_close(scaled, plain)
