"""The plain loop, a second derivation of the paper's mathematics, agrees with ours; no time decides here."""

import json
import sys

import benchmark
import made_up
import pytest
import torch
from plain_loop import PlainLoop
from torch.amp import GradScaler

from udaln.stages import STAGES, Schedule


def plain_by_name(plain, networks):
    """The plain loop's parameters or their gradients, laid out as ours."""
    weight = torch.zeros_like(networks.sped.weight)
    for band, (covered, values) in enumerate(zip(plain.covered, plain.srf, strict=True)):
        weight[covered, band] = values.detach().flatten()
    layers = {}
    for name, value in plain.layers.state_dict().items():
        number, kind = name.split(".")
        layers[f"speu.layers.{int(number) // 2}.{kind}"] = value.flatten(1) if kind == "weight" else value
    return {"spad.weight": plain.psf.detach().flatten(), "sped.weight": weight} | layers


@pytest.mark.parametrize("stage", STAGES)
def test_losses_and_steps_agree_with_the_plain_loop(stage):
    scene = made_up.scene()
    networks = made_up.networks(scene)
    plain = PlainLoop(networks, scene)
    ours = stage(networks, Schedule(lr=1e-3, steps=1000, constant_until=1000), 1)
    torch.testing.assert_close(
        torch.stack(list(ours.losses(scene.blocks(4)).values())).sort().values,
        torch.stack(plain.losses(stage.name)).sort().values,
    )
    made = ours.configure_optimizers()
    ours.optimise(scene.blocks(4), 5, made["optimizer"], made["lr_scheduler"], GradScaler(enabled=False))
    plain.stepper(stage.name, 1e-3)(5)
    expected = plain_by_name(plain, networks)
    for name, value in networks.named_parameters():
        covered = networks.sped.support if name == "sped.weight" else slice(None)
        torch.testing.assert_close(value.detach()[covered], expected[name][covered], rtol=1e-3, atol=2e-5)


def test_the_benchmark_runs_and_writes_what_it_found(tmp_path, monkeypatch, capsys):
    quick = "size=40 bands=16 threads=1 rounds=1 milliseconds=1 share=0.001".split()
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *quick, f"out={tmp_path / 'out.json'}"])
    threads = torch.get_num_threads()
    benchmark.main()
    torch.set_num_threads(threads)
    found = json.loads((tmp_path / "out.json").read_text())
    assert list(found["steps"]) == ["degradation", "spectral", "joint", "whole schedule"]
    assert found["steps"]["joint"]["ratio"] == pytest.approx(
        found["steps"]["joint"]["plain"] / found["steps"]["joint"]["ours"]
    )
    assert found["lightning"]["bare"] > 0
    assert "whole schedule" in capsys.readouterr().out
