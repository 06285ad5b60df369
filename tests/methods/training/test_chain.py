import logging
from pathlib import Path

import made_up
import pytest
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger

from udaln.errors import InputError
from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.schedule import Schedule
from udaln.methods.training.trainer import make_trainer, quiet_lightning
from udaln.methods.udaln.stages import STAGES
from udaln.monitor.figure_log import FigureLog

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
    monkeypatch.setattr(STAGES[0], "calls", 2)
    with pytest.raises(RuntimeError, match="degradation ended after 4 of 10 steps"):
        chain.run(trainer, SceneData(SCENE, networks.degradation.kernel_size))


def stages_of(networks, steps=(6, 10, 4), **schedule):
    return [stage(networks, Schedule(1e-3, n, 1, **schedule), 2) for stage, n in zip(STAGES, steps, strict=True)]


def chained(stages, *callbacks, **options):
    chain = StageChain(stages)
    trainer = make_trainer(chain, "cpu", "32-true", callbacks=callbacks, logger=False, options=options)
    chain.run(trainer, SceneData(SCENE, stages[0].model.degradation.kernel_size))
    return trainer


def test_lightnings_callbacks_count_optimisation_steps(tmp_path):
    class Steps(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            seen.append(trainer.global_step)

    seen = []
    quiet_lightning()
    keep = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=4, save_top_k=-1)
    chained(stages_of(made_up.networks(SCENE)), Steps(), keep)
    assert seen == list(range(2, 21, 2))
    assert {path.name for path in tmp_path.glob("*.ckpt")} == {f"step={step}.ckpt" for step in range(4, 21, 4)}


def test_early_stopping_ends_each_stage_by_itself():
    stages = stages_of(made_up.networks(SCENE), (20, 20, 20))
    stopping = EarlyStopping("loss", patience=2, min_delta=1e9)  # nothing counts as better than the first look
    chained(stages, stopping)
    assert [stage.steps_done for stage in stages] == [6, 6, 6]
    assert all(stage.converged for stage in stages)


def test_a_time_limit_ends_each_stage():
    stages = stages_of(made_up.networks(SCENE), (10**6, 10**6, 10**6))
    chained(stages, max_time={"milliseconds": 1})
    assert all(0 < stage.steps_done < 10**6 and stage.finished for stage in stages)


def test_a_run_that_crashed_after_early_stopping_looked_goes_on_alike(tmp_path):
    def ended(checkpoint, crash=(), resume=False):
        stages = stages_of(made_up.networks(SCENE), (20, 20, 20))
        chain = StageChain(stages, checkpoint, checkpoint_seconds=0)
        stopping = EarlyStopping("loss", patience=3, min_delta=1e9)
        trainer = make_trainer(chain, "cpu", "32-true", callbacks=[stopping, *crash], logger=False)
        chain.run(trainer, SceneData(SCENE, stages[0].model.degradation.kernel_size), resume=resume)
        return [chain.steps[stage.name] for stage in stages]

    with pytest.raises(ZeroDivisionError):
        ended(tmp_path / "c.ckpt", [Crash("spectral", 6)])
    assert ended(tmp_path / "c.ckpt", resume=True) == ended(None) == [8, 8, 8]


def test_a_stage_trains_by_a_plain_trainer(tmp_path):
    """As in a notebook, with callbacks of Lightning; the result is that of the chain."""
    stages = [STAGES[1](made_up.networks(SCENE), Schedule(1e-2, 10, 5), 4) for _ in range(2)]
    data = SceneData(SCENE, stages[0].model.degradation.kernel_size)
    logger = CSVLogger(tmp_path, name="", version="")
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        logger=logger,
        callbacks=[LearningRateMonitor()],
        enable_progress_bar=False,
        enable_model_summary=False,
        log_every_n_steps=1,
    )
    trainer.fit(stages[0], datamodule=data)
    assert trainer.global_step == stages[0].steps_done == 10
    chained(stages[1:])
    weights = [stage.model.state_dict() for stage in stages]
    assert all(torch.equal(weights[0][name], value) for name, value in weights[1].items())
    rows = [line.split(",") for line in (tmp_path / "metrics.csv").read_text().splitlines()]
    at, rate = rows[0].index("step"), rows[0].index("lr-Adam")
    assert [int(row[at]) for row in rows[1:] if row[rate]] == [0, 4, 8]


@pytest.mark.parametrize("optimizer", ["SGD", "RMSprop", "AdamW"])
def test_another_optimizer_is_resumed_and_hands_on_its_state(tmp_path, optimizer):
    def ended(checkpoint, crash=(), resume=False):
        networks = made_up.networks(SCENE)
        settings = {"momentum": 0.9} if optimizer == "SGD" else {}
        stages = stages_of(networks, optimizer=optimizer, optimizer_settings=settings, gradient_clip_val=0.5)
        chain = StageChain(stages, checkpoint, checkpoint_seconds=0)
        trainer = make_trainer(chain, "cpu", "32-true", callbacks=crash, logger=False)
        chain.run(trainer, SceneData(SCENE, networks.degradation.kernel_size), resume=resume)
        assert type(trainer.optimizers[0]).__name__ == optimizer
        return networks.state_dict()

    with pytest.raises(ZeroDivisionError):
        ended(tmp_path / "c.ckpt", [Crash("joint", 4)])
    resumed, whole = ended(tmp_path / "c.ckpt", resume=True), ended(None)
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_stages_of_different_optimizers_do_not_share_states():
    networks = made_up.networks(SCENE)
    stages = stages_of(networks)
    stages[2].schedule = Schedule(1e-3, 4, 1, optimizer="RMSprop")
    trainer = chained(stages)
    assert {int(state["step"]) for state in trainer.optimizers[0].state.values()} == {4}


def test_there_must_be_something_to_go_on_from(tmp_path):
    with pytest.raises(InputError, match=r"found no .*none\.ckpt"):
        run(tmp_path / "none.ckpt", resume=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="accelerator=gpu"):
        make_trainer(StageChain([]), "gpu", "32-true", logger=False)
