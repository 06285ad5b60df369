import made_up
import pytest
import torch
from torch.amp import GradScaler

from udaln.methods.training.schedule import Schedule
from udaln.methods.training.share import Share
from udaln.methods.udaln.stages import STAGES
from udaln.physics.blocks import blocks_of


@pytest.mark.parametrize("ranks", [1, 2, 3, 7])
def test_every_block_is_seen_by_one_process(ranks):
    drawn = torch.randint(1000, (5, 7))
    parts = [Share(rank, ranks).of(drawn) for rank in range(ranks)]
    assert torch.equal(torch.cat(parts, 1).sort(1).values, drawn.sort(1).values)
    assert {part.shape[1] for part in parts} <= {7 // ranks, -(-7 // ranks)}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("ranks", "blocks"), [(2, 6), (2, 7), (3, 7), (3, 10_000)])
def test_the_gradients_add_up_to_that_of_one_process(monkeypatch, stage, ranks, blocks):
    """Also where the parts differ in size, and where a step sees the whole scene."""
    scene = made_up.scene()

    def step(share):
        """The gradients, and the losses, before the processes exchange them."""
        networks = made_up.networks(scene, network="residual")
        tested = stage(networks, Schedule(1e-3, 1, 1, blocks=blocks), 1, seed=3)
        tested.share = share
        made = tested.configure_optimizers()
        arguments = made["optimizer"], made["lr_scheduler"], GradScaler(enabled=False)
        losses = tested.optimise(blocks_of(scene, networks.degradation.kernel_size), 1, *arguments)
        return {name: p.grad for name, p in tested.parameters_by_name().items()} | losses

    monkeypatch.setattr(Share, "total", list)
    one, several = step(Share()), [step(Share(rank, ranks)) for rank in range(ranks)]
    for name, value in one.items():
        torch.testing.assert_close(sum(part[name] for part in several), value, rtol=1e-5, atol=1e-6, msg=name)
