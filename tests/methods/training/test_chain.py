import logging
from pathlib import Path

import made_up
import pytest
import torch
from pytorch_lightning import Callback, seed_everything

from udaln.errors import InputError
from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.schedule import Schedule
from udaln.methods.training.trainer import make_trainer
from udaln.methods.udaln.stages import STAGES
from udaln.monitor import FigureLog

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
SCENE = made_up.scene()
STEPS = 10
CALL = 4  # steps; does not divide STEPS, so that a stage ends with a shorter call


class Crash(Callback):
    """Raises at the end of a call of a stage."""

    def __init__(self, stage: str, steps: int) -> None:
        self.at = stage, steps

    def on_train_batch_end(self, trainer, pl_module, *_):
        if (pl_module.name, pl_module.steps_done) == self.at:
            raise ZeroDivisionError


def run(checkpoint: Path | None = None, *, seed=0, crash=None, resume=False):
    networks = made_up.networks(SCENE, seed=seed)
    stages = [stage(networks, Schedule(1e-2, STEPS, STEPS // 2), CALL) for stage in STAGES]
    chain, figures = StageChain(stages, checkpoint, checkpoint_seconds=0), FigureLog(SCENE)
    trainer = make_trainer(chain, "cpu", "32-true", callbacks=[figures, *([crash] if crash else [])], logger=False)
    seed_everything(0, verbose=False)
    chain.run(trainer, SceneData(SCENE, networks.degradation.kernel_size), resume=resume)
    return networks.state_dict(), figures.stage_ends, chain


@pytest.fixture(scope="module")
def uninterrupted():
    return run()


MOMENTS = [(stage.name, steps) for stage in STAGES for steps in (CALL, 2 * CALL, STEPS)]


@pytest.mark.parametrize(("stage", "steps"), MOMENTS[1:])  # nothing is saved before the first call ends
def test_a_run_that_crashed_ends_as_one_that_did_not(tmp_path, uninterrupted, stage, steps):
    with pytest.raises(ZeroDivisionError):
        run(tmp_path / "c.ckpt", crash=Crash(stage, steps))
    weights, figures, chain = run(tmp_path / "c.ckpt", seed=99, resume=True)
    assert all(torch.equal(weights[name], value) for name, value in uninterrupted[0].items())
    assert figures == uninterrupted[1]
    assert set(chain.seconds) == {stage.name for stage in STAGES}


def test_a_run_that_was_killed_after_its_last_step_has_all_figures(tmp_path, uninterrupted):
    run(tmp_path / "c.ckpt")
    weights, figures, _ = run(tmp_path / "c.ckpt", seed=99, resume=True)
    assert all(torch.equal(weights[name], value) for name, value in uninterrupted[0].items())
    assert figures == uninterrupted[1] and all(figures[stage.name]["loss"] > 0 for stage in STAGES)


def test_the_joint_stage_goes_on_with_the_adam_states_of_the_others():
    networks = made_up.networks(SCENE)
    stages = [stage(networks, Schedule(1e-3, steps, 2), 2) for stage, steps in zip(STAGES, (3, 5, 2), strict=True)]
    chain = StageChain(stages)
    trainer = make_trainer(chain, "cpu", "32-true", logger=False)
    chain.run(trainer, SceneData(SCENE, networks.degradation.kernel_size))
    (adam,) = trainer.optimizers
    steps = {name: int(adam.state[p]["step"]) for name, p in stages[2].parameters_by_name().items()}
    assert {name.removeprefix("degradation.").split(".")[0]: count for name, count in steps.items()} == {
        "spad": 5,
        "sped": 5,
        "speu": 7,
    }


def test_the_step_axis_goes_on_across_stages():
    networks = made_up.networks(SCENE)
    stages = [stage(networks, Schedule(1e-3, steps, 1), 2) for stage, steps in zip(STAGES, (3, 5, 2), strict=True)]
    seen = []

    class Axis(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            seen.append(pl_module.global_steps_done)

    chain = StageChain(stages)
    chain.run(
        make_trainer(chain, "cpu", "32-true", callbacks=[Axis()], logger=False),
        SceneData(SCENE, networks.degradation.kernel_size),
    )
    assert seen == [2, 3, 5, 7, 8, 10]


def test_a_stage_that_ends_early_is_noticed(monkeypatch):
    networks = made_up.networks(SCENE)
    chain = StageChain([STAGES[0](networks, Schedule(1e-3, 10, 1), 2)])
    trainer = make_trainer(chain, "cpu", "32-true", logger=False)
    trainer.limit_train_batches = 2
    with pytest.raises(RuntimeError, match="degradation ended after 4 of 10 steps"):
        chain.run(trainer, SceneData(SCENE, networks.degradation.kernel_size))


def test_there_must_be_something_to_go_on_from(tmp_path):
    with pytest.raises(InputError, match=r"found no .*none\.ckpt"):
        run(tmp_path / "none.ckpt", resume=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="accelerator=gpu"):
        make_trainer(StageChain([]), "gpu", "32-true", logger=False)
