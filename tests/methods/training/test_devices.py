"""Several processes that train as one: what each sees, what they make of it together, and how they end."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import made_up
import numpy as np
import pytest
import scipy.io
import torch

from udaln.experiment import command
from udaln.experiment.run import run as run_config
from udaln.methods.training import devices
from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.devices import followers
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.training.share import Share
from udaln.methods.training.trainer import make_trainer
from udaln.methods.udaln.stages import STAGES, JointStage

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)

SETTINGS = [
    "dataset.size=40",
    "dataset.bands=16",
    "dataset.snr_hsi=30",
    "dataset.snr_msi=35",
    "stages=sampled",
    *(f"stages.{stage}.steps=40" for stage in ("degradation", "spectral", "joint")),
    *(f"stages.{stage}.constant_until=20" for stage in ("degradation", "spectral", "joint")),
    "stages.degradation.blocks=16",
    "stages.spectral.blocks=16",
    "stages.joint.blocks=15",  # of which one process sees 8, the other 7
    "monitor.every=20",
    "trainer=cpu",
    "monitor.pictures=null",
    "trainer.checkpoint_seconds=0",
]
TWO = "trainer.devices=2"
# The first process kills itself, without a chance to tell the other, in the middle of stage 3.
KILLED = """
import os, signal, sys
from pytorch_lightning import Callback
from udaln.experiment import command
from udaln.methods.training import fit

class Kill(Callback):
    def on_train_batch_start(self, trainer, stage, *_):
        if (stage.name, stage.steps_done) == ("joint", 20):
            os.kill(os.getpid(), signal.SIGKILL)

made = fit.make_trainer
fit.make_trainer = lambda *given, callbacks, **named: made(*given, callbacks=[*callbacks, Kill()], **named)
command.main()
"""


class Compared(JointStage):
    """Fails where a step is not the one that a single process takes from the same state, to rounding.

    Its loss must be that of all its blocks, and its gradient the sum of the gradients of the shares, both recalculated
    here. (The gradient of all blocks at once may differ by more than rounding: that of an absolute error jumps where
    rounding changes the sign of a residual.) Fails, too, where the processes do not end with the same bits.
    """

    def optimise(self, blocks, steps, *given):
        drawn, _ = self._blocks_of_steps(len(blocks.lr), steps)
        self.of_steps, self.whole, self.alone = iter(drawn), self._by_block(blocks), []
        terms = super().optimise(blocks, steps, *given)
        for name, value in terms.items():
            expected = torch.stack([each[name] for each in self.alone]).mean()
            torch.testing.assert_close(value, expected, rtol=1e-5, atol=0)
        return terms

    def losses(self, blocks):
        self.drawn = next(self.of_steps)
        with torch.no_grad():
            self.alone.append(super().losses(self.whole.sample(self.drawn)))
        return super().losses(blocks)

    def _add_gradients(self):
        super()._add_gradients()
        learned = [p for p in self.parameters_by_name().values() if p.grad is not None]
        total = [torch.zeros_like(p) for p in learned]
        for rank in range(self.share.ranks):
            part = Share(rank, self.share.ranks).of(self.drawn[None])[0]
            loss = sum(super().losses(self.whole.sample(part)).values()) * len(part) / len(self.drawn)
            total = [a + b for a, b in zip(total, torch.autograd.grad(loss, learned), strict=True)]
        for parameter, gradient in zip(learned, total, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-5 * float(gradient.abs().max()))

    def on_train_end(self):
        if self.share.ranks > 1:
            states = [None] * self.share.ranks
            torch.distributed.all_gather_object(states, dict(self.model.state_dict()))
            assert all(torch.equal(states[0][name], value) for name, value in states[1].items())


class Failing(JointStage):
    """Fails in one of the processes."""

    def losses(self, blocks):
        if self.share.rank == 1:
            raise ZeroDivisionError
        return super().losses(blocks)


def train(last, number, blocks=7):
    torch.manual_seed(0)
    scene = made_up.unlike((12, 10), snr_hsi=30, snr_msi=35)
    networks = made_up.networks(scene, 9, network="residual")
    schedules = [Schedule(1e-3, 10, 10, init=init, blocks=blocks) for init in (Init.convex, Init.regression, Init.none)]
    stages = [s(networks, schedule, 4, seed=3) for s, schedule in zip((*STAGES[:2], last), schedules, strict=True)]
    chain = StageChain(stages)
    trainer = make_trainer(chain, "cpu", "32-true", devices=number, logger=False)
    chain.run(trainer, SceneData(scene, networks.degradation.kernel_size, weigh=True))
    return networks.map(scene.hr_msi)


def test_two_processes_train_as_one_and_end_with_the_same_bits(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    threads = torch.get_num_threads()
    one, two = (train(Compared, number) for number in (1, 2))
    torch.testing.assert_close(two, one, rtol=0, atol=1e-3 * float(one.mean()))
    assert torch.get_num_threads() == threads and "OMP_NUM_THREADS" not in os.environ
    assert not torch.distributed.is_initialized()


def test_a_process_that_fails_ends_the_others():
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="the process of device 1 ended with exit status 1"):
        train(Failing, 2)
    assert time.monotonic() - began < 60


def test_nothing_is_left_waiting_for_a_process_that_failed(monkeypatch):
    """Where nothing tells the first process of it: as in an exchange between GPUs."""
    ended, statuses = threading.Event(), []
    monkeypatch.setattr(devices, "GRACE", 0)
    monkeypatch.setattr(devices.os, "_exit", lambda status: (statuses.append(status), ended.set()))
    with pytest.raises(RuntimeError, match="ended with exit status 1"), followers(1, sys.exit):  # with its rank
        assert ended.wait(60)
    assert set(statuses) == {1}


def test_an_error_of_the_first_process_is_told_as_it_is():
    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), followers(1, time.sleep):
        raise ZeroDivisionError
    assert time.monotonic() - began < 10


@pytest.fixture(scope="module")
def runs(tmp_path_factory, configure):
    """The same run by one process, by two, and by two that were killed."""
    folder = tmp_path_factory.mktemp("devices")
    programs = {"two": ["-m", "udaln"], "killed": ["-c", KILLED]}
    outputs, statuses = {}, {}
    with ExitStack() as started:
        processes = {}
        for name, program in programs.items():
            words = [sys.executable, *program, *SETTINGS, TWO, f"hydra.run.dir={name}"]
            piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            processes[name] = started.enter_context(subprocess.Popen(words, cwd=folder, **piped))
            started.callback(processes[name].kill)
        run_config(configure(*SETTINGS), folder / "one")
        for name, process in processes.items():  # to the end of the output: of every process that has it
            outputs[name], statuses[name] = process.communicate(timeout=100)[0], process.returncode
    assert statuses == {"two": 0, "killed": -signal.SIGKILL}, outputs
    (folder / "two.txt").write_text(outputs["two"])
    return folder


def saved(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "model.ckpt", weights_only=True)["state_dict"]


def test_the_command_gives_what_one_process_gives(runs):
    """As far as rounding lets it: each step is the same (above), but 120 of them carry its last bit up to the percents.

    With inputs perturbed by 1e-7, one process alone gives figures 1.3 % apart and images 5 % of their error apart.
    """
    one, two = (json.loads((runs / run / command.METRICS).read_text()) for run in ("one", "two"))
    assert (one["devices"], two["devices"]) == (1, 2)
    assert one.keys() == two.keys()
    assert all(one[name] == two[name] for name in one if name.endswith("_steps"))
    for name in ("psnr", "sam", "ergas", "cc", "uiqi", "rmse", "lr_hsi_error", "hr_msi_error", "srf_error"):
        assert two[name] == pytest.approx(one[name], rel=0.1), name
    fused = [scipy.io.loadmat(runs / run / "fused.mat")["Out"] for run in ("one", "two")]
    assert fused[0].shape == fused[1].shape == (40, 40, 16) and fused[0].dtype == fused[1].dtype
    assert np.sqrt(np.square(fused[1] - fused[0]).mean()) < 0.25 * one["rmse"]
    assert not np.array_equal(*fused)  # they did share


def test_one_process_alone_leaves_something(runs):
    names = [sorted(path.name for path in (runs / run).iterdir()) for run in ("one", "two")]
    assert names[0] == names[1]
    events = [len(list((runs / run / "tensorboard").iterdir())) for run in ("one", "two")]
    assert events[0] == events[1]
    assert sorted(path.name for path in runs.iterdir()) == ["killed", "one", "two", "two.txt"]
    log, said = (runs / "two" / "udaln.log").read_text(), (runs / "two.txt").read_text()
    assert (
        log.count("scale factor 5") == log.count("done: ") == said.count("scale factor 5") == said.count("done: ") == 1
    )
    assert "Traceback" not in said and "Warning" not in said


def test_two_killed_processes_go_on_and_end_with_the_same_bits(runs):
    assert not (runs / "killed" / command.METRICS).exists()
    command.resume(runs / "killed")
    two, killed = saved(runs / "two"), saved(runs / "killed")
    assert all(torch.equal(value, killed[name]) for name, value in two.items())


def test_devices_that_are_not_there(command, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    outcome = command("trainer=gpu", TWO, "stages=sampled")
    assert (outcome.status, outcome.left) == (2, [])
    (line,) = outcome.lines
    assert line.startswith("udaln: trainer: accelerator=gpu, precision=32-true, devices=2: ")


REFUSED = {
    "trainer.devices=0": "trainer.devices: expected at least 1, got 0",
    "trainer.devices=2 stages=paper": "stages.degradation.blocks: expected at least 2, which trainer.devices=2 share, "
    "got null, the whole image",
    "trainer.devices=3 stages=sampled stages.joint.blocks=2": "stages.joint.blocks: expected at least 3, "
    "which trainer.devices=3 share, got 2",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_shared(command, words):
    outcome = command(*words.split())
    assert (outcome.status, outcome.lines, outcome.left) == (2, [f"udaln: {REFUSED[words]}"], [])


def test_what_is_solved_in_closed_form_can_be_left_at_the_whole_image(configure):
    assert configure(TWO).trainer.devices == 2
    assert configure(TWO, "stages=sampled", "stages.degradation.blocks=null").trainer.devices == 2
