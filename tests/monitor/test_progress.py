import io
import logging
import re
import sys
import types

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


@pytest.fixture
def trained(monkeypatch):
    """The lines that three stages leave on a terminal of some width, with what moves the cursor taken out."""

    def train(terminal=True, width=120, steps=(12, 12, 12)):
        written = io.StringIO()
        monkeypatch.setattr(progress, "console", Console(file=written, force_terminal=terminal, width=width))
        scene = made_up.scene()
        networks = made_up.networks(scene)
        chain = StageChain(
            [stage(networks, Schedule(1e-3, count, count // 2), 5) for stage, count in zip(STAGES, steps, strict=True)]
        )
        trainer = make_trainer(chain, "cpu", "32-true", callbacks=[progress.StageProgress()], logger=False)
        chain.run(trainer, SceneData(scene, networks.degradation.kernel_size))
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue())

    return train


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_stage_has_one_bar_that_fits_the_terminal(trained, width):
    lines = trained(width=width).splitlines()
    assert max(map(len, lines)) <= width
    ended = [line for line in lines if "12/12" in line and line.rstrip()]
    assert all(f"{stage.name} " in "".join(ended) for stage in STAGES)
    assert not any("…" in line for line in lines)  # nothing is cut off
    assert ("loss" in "".join(ended)) == (width >= progress.NARROW)
    where = [max(i for i, line in enumerate(lines) if line.startswith(stage.name)) for stage in STAGES]
    first = [min(i for i, line in enumerate(lines) if line.startswith(stage.name)) for stage in STAGES]
    assert where[0] < first[1] <= where[1] < first[2]  # a bar is not drawn again with those after it


def test_a_stage_without_steps_has_no_bar(trained):
    written = trained(steps=(12, 0, 12))
    assert "0/0" not in written and "spectral" not in written and written.count("joint") > 0


def test_there_is_no_bar_where_nobody_sees_it(trained):
    assert trained(terminal=False) == ""


def test_the_time_left_is_that_of_all_stages():
    networks = made_up.networks(made_up.scene())
    stages = [stage(networks, Schedule(1e-3, 10, 5), 5) for stage in STAGES]
    chain = StageChain(stages)
    trainer = make_trainer(chain, "cpu", "32-true", logger=False)
    costs = [stage.cost(100) for stage in stages]
    assert costs[0] == costs[1] < costs[2]
    stages[1].steps_done = 4
    left = progress.StageProgress(again=0.25)._work_left(trainer, stages[1], 100)
    assert left == pytest.approx(6 * costs[1] + 10 * costs[2] + 0.25 * 10 * sum(costs))


def test_a_stage_on_some_blocks_costs_the_same_in_any_scene():
    networks = made_up.networks(made_up.scene())
    drawn = STAGES[2](networks, Schedule(1e-3, 10, 5, blocks=64), 5)
    assert drawn.cost(64) == drawn.cost(10_000) > drawn.cost(32)


def test_in_a_notebook_ipython_draws_the_bars(monkeypatch):
    drawn = []

    class Handle:
        def update(self, shown):
            drawn.append(shown._repr_mimebundle_([], [])["text/plain"])

    module = types.ModuleType("IPython.display")
    module.display = lambda shown, display_id: Handle()
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(progress, "console", Console(file=io.StringIO(), force_jupyter=True, width=100))
    with progress.progress_bar("refine") as update:
        update(0.4)
        update(1.0)
    assert "refine" in drawn[0] and "100%" in drawn[-1]
