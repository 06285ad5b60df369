"""What a run took and what it was given."""

import json

import numpy as np
import pytest
from hydra import compose, initialize_config_module

from udaln.experiment import costs
from udaln.experiment.config import typed
from udaln.experiment.run import run


def metrics_of(folder, *overrides):
    with initialize_config_module("udaln.conf", version_base="1.3"):
        words = [
            "dataset.size=35",
            "dataset.bands=8",
            "dataset.snr_hsi=30",
            "trainer=cpu",
            "monitor.pictures=null",
            *overrides,
        ]
        run(typed(compose("config", words)), folder)
    return json.loads((folder / "metrics.json").read_text())


def test_the_columns_that_tables_have(tmp_path):
    metrics = metrics_of(tmp_path / "blind")
    assert 0 < metrics["ssim"] <= 1 and 20 < metrics["psnr_cube"] < 80
    assert metrics["seconds_fit"] + metrics["refine_seconds"] == pytest.approx(metrics["seconds"], abs=2e-3)
    assert metrics["seconds_fuse"] == pytest.approx(metrics["refine_seconds"], abs=2e-3)
    assert metrics["blind"] is True and metrics["given"] == "none"
    assert 50 < metrics["peak_memory_mib"] < 100_000
    assert isinstance(metrics["parameters"], int)
    given = metrics_of(tmp_path / "given", "degradation.psf=known", "degradation.srf=known", "refine=none")
    assert given["blind"] is False and given["given"] == "psf+srf"
    assert given["seconds_fuse"] > 0


@pytest.mark.skipif(not costs._RESET.exists(), reason="Linux can forget the peak")
def test_the_peak_is_that_of_the_run_not_of_the_process():
    costs.reset_peak_memory()
    before = costs.peak_memory()
    block = np.ones(2**25)  # 256 MiB
    del block
    assert costs.peak_memory() > before + 200 * costs.MIB
    costs.reset_peak_memory()
    assert costs.peak_memory() < before + 100 * costs.MIB
