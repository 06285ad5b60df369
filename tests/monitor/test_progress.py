import io
import logging

import made_up
import pytest
from rich.console import Console

from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import SceneData
from udaln.methods.training.schedule import Schedule
from udaln.methods.training.trainer import make_trainer
from udaln.methods.udaln.stages import STAGES
from udaln.monitor import progress

logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)


@pytest.mark.parametrize("terminal", [True, False])
def test_every_stage_has_a_bar_on_a_terminal_and_none_elsewhere(monkeypatch, terminal):
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=120)
    monkeypatch.setattr(progress, "console", console)
    scene = made_up.scene()
    networks = made_up.networks(scene)
    chain = StageChain([stage(networks, Schedule(1e-3, 12, 6), 5) for stage in STAGES])
    trainer = make_trainer(chain, "cpu", "32-true", callbacks=[progress.StageProgress()], logger=False)
    chain.run(trainer, SceneData(scene, networks.degradation.kernel_size))
    if terminal:
        assert all(f"{stage.name} " in written.getvalue() for stage in STAGES)
        assert "12/12" in written.getvalue() and "loss" in written.getvalue()
    else:
        assert written.getvalue().strip() == ""
