import logging
from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch
from torch.amp import GradScaler

from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.training.trainer import make_trainer
from udaln.methods.udaln.stages import STAGES, DegradationStage, JointStage, SpectralStage
from udaln.physics.blocks import Blocks, blocks_of
from udaln.physics.windows import degrade
from udaln.scene import Known

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


def trained(stage, scene, precision="32-true"):
    chain = StageChain([stage])
    chain.run(
        make_trainer(chain, "cpu", precision, logger=False), SceneData(scene, stage.model.degradation.kernel_size)
    )
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
    assert {
        name.removeprefix("degradation.").split(".")[0] for name in before if not torch.equal(before[name], after[name])
    } == changed


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_is_plain_adam_on_its_losses(stage):
    """Calls, schedule and fused Adam change nothing but the last bits."""
    scene = made_up.scene()
    schedule = Schedule(1e-2, 20, 8)
    networks, plain = made_up.networks(scene), made_up.networks(scene)
    trained(stage(networks, schedule, steps_per_call=7), scene)

    reference = stage(plain, schedule, 1)
    blocks = blocks_of(scene, plain.degradation.kernel_size)
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
    blocks = blocks_of(scene, networks.degradation.kernel_size)
    tested = stage(networks, Schedule(3e-3, 200, 100), steps_per_call=50)
    before = float(sum(tested.losses(blocks).values()).detach())
    trained(tested, scene)
    assert float(sum(tested.losses(blocks).values()).detach()) < before / 2


def test_the_losses_are_the_papers():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    blocks = blocks_of(scene, networks.degradation.kernel_size)
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
    assert networks.map(scene.hr_msi).isfinite().all()


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
        stage.model.speu.layers[0].weight.register_hook(lambda gradient, seen=seen: seen.append(gradient.norm()))
        stage.optimise(blocks_of(scene, 4), 3, made["optimizer"], made["lr_scheduler"], scaler)
        weights.append((stage.model.speu.layers[0].weight.detach(), seen[0]))
    (scaled, scaled_gradient), (plain, gradient) = weights
    torch.testing.assert_close(scaled_gradient, 1024 * gradient)
    torch.testing.assert_close(scaled, plain)


def test_stage_1_solved_is_the_true_degradation():
    scene = made_up.scene(materials=12)  # of fewer than bands the problem is ill-conditioned
    networks = made_up.networks(scene)
    stage = trained(DegradationStage(networks, Schedule(1e-3, 0, 1, init=Init.convex), 5), scene)
    assert stage.finished and stage.steps_done == 0
    torch.testing.assert_close(networks.spad.psf, scene.truth.psf, atol=1e-7, rtol=0)
    torch.testing.assert_close(networks.sped.srf.detach(), scene.truth.srf, atol=1e-6, rtol=0)


DIFFERING = {"gain": torch.tensor([0.8, 1.1, 1.3]).double(), "offset": torch.tensor([0.03, -0.03, 0.01]).double()}


@pytest.mark.parametrize("factors", [(1.0, 1.0), (1e4, 1.0), (1.0, 250.0)])
@pytest.mark.parametrize("init", [Init.convex, Init.gaussian])
def test_stage_1_solves_for_what_two_instruments_differ_in(init, factors):
    """Whatever the units of the two images, tenfold apart and more."""
    scene = made_up.unlike((16, 14), fwhm=2.0, **DIFFERING)
    scaled = replace(scene, lr_hsi=factors[0] * scene.lr_hsi, hr_msi=factors[1] * scene.hr_msi)
    networks = made_up.networks(scaled, 9, gain=True, offset=True)
    trained(DegradationStage(networks, Schedule(1e-3, 0, 1, init=init), 5), scaled)
    torch.testing.assert_close(
        networks.degradation.gain, DIFFERING["gain"] * factors[1] / factors[0], rtol=1e-6, atol=0
    )
    torch.testing.assert_close(
        networks.degradation.offset, DIFFERING["offset"] * factors[1], rtol=0, atol=1e-6 * factors[1]
    )
    torch.testing.assert_close(networks.sped.srf.detach(), scene.truth.srf, rtol=0, atol=1e-6)
    first = (len(scene.truth.psf) - 4) // 2 - (9 - 4) // 2
    true = scene.truth.psf[first : first + 9, first : first + 9]
    torch.testing.assert_close(networks.spad.psf, true, rtol=0, atol=1e-5)  # the window cuts off a little of it


@pytest.mark.parametrize("differing", [{"gain": True}, {"offset": True}])
def test_stage_1_leaves_alone_what_does_not_differ(differing):
    scene = made_up.scene()
    networks = made_up.networks(scene, **differing)
    trained(DegradationStage(networks, Schedule(1e-3, 0, 1, init=Init.convex), 5), scene)
    assert (networks.degradation.offset == 0).all() == ("gain" in differing)
    assert (networks.degradation.gain == 1).all() == ("offset" in differing)


@pytest.mark.parametrize("stage", [DegradationStage, JointStage])
def test_gains_and_offsets_are_trained_too(stage):
    scene = made_up.unlike((12, 12), **DIFFERING)
    networks = made_up.networks(scene, 9, gain=True, offset=True)
    before = weights(networks)
    trained(stage(networks, Schedule(1e-2, 30, 15), 10), scene)
    after = weights(networks)
    changed = {name for name in before if "sped." in name and not torch.equal(before[name], after[name])}
    assert changed == {f"degradation.sped.{part}" for part in ("weight", "gain", "offset")}
    off = [(torch.linalg.vector_norm(part["degradation.sped.gain"] - DIFFERING["gain"])) for part in (before, after)]
    assert stage is JointStage or off[1] < off[0]


@pytest.mark.parametrize("known", ["psf", "srf"])
def test_stage_1_solves_for_what_is_not_known(known):
    scene = made_up.scene(materials=12)  # of fewer than bands the problem is ill-conditioned
    networks = made_up.networks(scene, known=Known(**{known: getattr(scene.truth, known)}))
    trained(DegradationStage(networks, Schedule(1e-3, 0, 1, init=Init.convex), 5), scene)
    torch.testing.assert_close(networks.spad.psf, scene.truth.psf, atol=1e-7, rtol=0)
    torch.testing.assert_close(networks.sped.srf.detach(), scene.truth.srf, atol=1e-6, rtol=0)


def test_polishing_starts_at_the_solution():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    stage = trained(DegradationStage(networks, Schedule(1e-6, 3, 1, init=Init.convex), 5), scene)
    assert stage.steps_done == 3
    error = (networks.spad.psf - scene.truth.psf).abs().max()
    assert 0 < error < 1e-5


@pytest.mark.parametrize("network", ["affine", "residual"])
def test_stage_2_starts_at_the_regression(network):
    scene = made_up.scene()
    networks = made_up.networks(scene, network=network, known=scene.known)
    trained(SpectralStage(networks, Schedule(1e-3, 0, 1, init=Init.regression), 5), scene)
    lr_msi = degrade(scene.hr_msi, scene.truth.psf, scene.scale).flatten(0, 1).numpy()
    design = np.c_[lr_msi, np.ones(len(lr_msi))]
    solved, *_ = np.linalg.lstsq(design, scene.lr_hsi.flatten(0, 1).numpy(), rcond=None)
    np.testing.assert_allclose(networks.speu(torch.from_numpy(lr_msi).float()).detach(), design @ solved, atol=1e-5)


@pytest.mark.parametrize("stage", STAGES)
def test_steps_on_drawn_blocks_minimise_the_loss_of_those_blocks(stage):
    """The same as plain Adam on the samples that the seed draws; a call's length changes nothing but where it draws."""
    scene = made_up.scene()
    schedule = Schedule(1e-2, 6, 6, blocks=5)
    networks, plain = made_up.networks(scene), made_up.networks(scene)
    trained(stage(networks, schedule, steps_per_call=6, seed=3), scene)
    reference, blocks = stage(plain, schedule, 6, seed=3), blocks_of(scene, plain.degradation.kernel_size)
    optimizer = torch.optim.Adam(reference.parameters_by_name().values(), lr=schedule.lr)
    generator = torch.Generator().manual_seed(3 * 1_000_003)
    for index in torch.randint(len(blocks.lr), (6, 5), generator=generator):
        optimizer.zero_grad()
        sum(reference.losses(Blocks(blocks.lr[index], blocks.windows[index])).values()).backward()
        optimizer.step()
    for name, value in networks.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], atol=2e-5, rtol=1e-4, msg=name)


def test_more_blocks_than_there_are_is_the_whole_scene():
    scene = made_up.scene()
    networks, sampled = made_up.networks(scene), made_up.networks(scene)
    trained(JointStage(networks, Schedule(1e-3, 4, 4), 2), scene)
    trained(JointStage(sampled, Schedule(1e-3, 4, 4, blocks=10_000), 2), scene)
    for name, value in networks.state_dict().items():
        assert torch.equal(value, sampled.state_dict()[name])


def test_a_stage_stops_where_its_loss_has_settled():
    scene = made_up.scene()
    still = made_up.networks(scene, known=scene.known)
    stage = SpectralStage(still, Schedule(1e-12, 100, 100, patience=10), 5)  # a rate that changes nothing
    assert trained(stage, scene).steps_done == 15  # the first call is the best, two more are patience
    moving = SpectralStage(made_up.networks(scene), Schedule(1e-3, 100, 100, patience=10), 5)
    assert trained(moving, scene).steps_done == 100


def test_a_chain_goes_on_after_a_stage_that_stopped():
    scene = made_up.scene()
    networks = made_up.networks(scene)
    stages = [
        SpectralStage(networks, Schedule(1e-12, 50, 50, patience=4), 2),
        JointStage(networks, Schedule(1e-3, 6, 3), 2),
    ]
    chain = StageChain(stages)
    chain.run(make_trainer(chain, "cpu", "32-true", logger=False), SceneData(scene, networks.degradation.kernel_size))
    assert chain.steps == {"spectral": 6, "joint": 6}
