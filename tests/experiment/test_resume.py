"""A real process, really killed, goes on and ends with the same bits."""

import json
import signal

import processes
import pytest
import torch
from hydra import compose, initialize_config_module
from pytorch_lightning import Callback

from udaln.errors import InputError
from udaln.experiment import command
from udaln.experiment.config import typed
from udaln.experiment.run import run as run_config
from udaln.methods.training import fit

SETTINGS = [
    "dataset.size=40",
    "dataset.bands=16",
    "stages=sampled",
    "refine=consistent",
    *(f"stages.{stage}.steps=30" for stage in ("degradation", "spectral", "joint")),
    *(f"stages.{stage}.constant_until=10" for stage in ("degradation", "spectral", "joint")),
    "monitor.every=10",
    "trainer.checkpoint_seconds=0",
    "monitor.pictures=null",
]
# The process kills itself, without a chance to tidy up, when a stage has done so many steps.
KILLED = """
import os, signal, sys
from pytorch_lightning import Callback
from udaln.experiment import command
from udaln.methods.training import fit

at = sys.argv[1], int(sys.argv[2])
del sys.argv[1:3]

class Kill(Callback):
    def on_train_batch_start(self, trainer, stage, *_):
        if (stage.name, stage.steps_done) == at:
            os.kill(os.getpid(), signal.SIGKILL)

made = fit.make_trainer
fit.make_trainer = lambda *given, callbacks, **named: made(*given, callbacks=[*callbacks, Kill()], **named)
command.main()
"""
MOMENTS = [("degradation", 10), ("spectral", 0), ("joint", 20)]  # within stage 1, between stages, within stage 3


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    killed = {}
    for moment in MOMENTS:
        arguments = [*map(str, moment), *SETTINGS, f"hydra.run.dir={folder / moment[0]}"]
        killed[moment] = processes.start(["-c", KILLED, *arguments], folder)
    for process in killed.values():
        process.join()
        assert process.exitcode == -signal.SIGKILL
    with initialize_config_module("udaln.conf", version_base="1.3"):
        config = typed(compose("config", SETTINGS))
    run_config(config, folder / "whole")
    return folder


def same(one, other):
    return all(torch.equal(value, other[name]) for name, value in one.items())


def figures(run):
    metrics = json.loads((run / "metrics.json").read_text())
    timeless = {k: v for k, v in metrics.items() if "seconds" not in k and "memory" not in k}
    stages = [line.split(",") for line in (run / "stages.csv").read_text().splitlines()]
    return timeless, [line[:2] + line[3:] for line in stages]  # the third column is the time


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_run_ends_with_the_same_bits(runs, moment):
    run = runs / moment[0]
    assert not (run / command.METRICS).exists() and (run / command.CHECKPOINT).exists()
    command.resume(run)
    saved = [torch.load(folder / "model.ckpt", weights_only=True)["state_dict"] for folder in (run, runs / "whole")]
    assert same(*saved)
    assert figures(run) == figures(runs / "whole")
    assert (run / "fused.mat").read_bytes()[128:] == (runs / "whole" / "fused.mat").read_bytes()[128:]  # after the date
    assert not (run / command.CHECKPOINT).exists()


def test_a_finished_run_is_not_run_again(runs):
    with pytest.raises(InputError, match="which is finished"):
        command.resume(runs / "whole")


def test_a_run_without_a_checkpoint_starts_over(runs, tmp_path):
    """Killed before the first checkpoint was due."""
    run = tmp_path / "run"
    run.mkdir()
    (run / command.CONFIG).write_bytes((runs / "whole" / command.CONFIG).read_bytes())
    command.resume(run)
    assert figures(run) == figures(runs / "whole")


def test_an_interrupted_run_tells_how_to_go_on(tmp_path, monkeypatch):
    class Interrupt(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            raise KeyboardInterrupt

    made = fit.make_trainer
    monkeypatch.setattr(
        fit,
        "make_trainer",
        lambda *given, callbacks, **named: made(*given, callbacks=[*callbacks, Interrupt()], **named),
    )
    with initialize_config_module("udaln.conf", version_base="1.3"):
        config = typed(compose("config", SETTINGS))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit):
        run_config(config, tmp_path / "run")
    signal.signal(signal.SIGINT, before)  # Lightning ignores further ones while it stops
    assert f"go on with: udaln resume={tmp_path / 'run'}" in (tmp_path / "run" / "udaln.log").read_text()
    assert not (tmp_path / "run" / command.METRICS).exists()
