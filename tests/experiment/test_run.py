"""What a run shows in TensorBoard and leaves on disk."""

import json

import made_up_pairs
import numpy as np
import pytest
import scipy.io
import torch
from hydra import compose, initialize_config_module
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from udaln.experiment.config import typed
from udaln.experiment.model_file import load_model
from udaln.experiment.run import run as run_config

STAGES = ("degradation", "spectral", "joint")
SIX = ["psnr", "sam", "ergas", "cc", "uiqi", "rmse"]


def run(folder, *overrides, stages=STAGES):
    quick = [f"stages.{stage}.{setting}" for stage in stages for setting in ("steps=40", "constant_until=20")]
    with initialize_config_module("udaln.conf", version_base="1.3"):
        return run_config(typed(compose("config", [*quick, "monitor.every=20", *overrides])), folder)


def events(folder):
    accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance={"tensors": 0, "scalars": 0, "images": 0})
    return accumulator.Reload()


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "run"
    return folder, run(folder, "dataset.size=40", "dataset.bands=16", "stages=paper")


@pytest.fixture(scope="module")
def pair(tmp_path_factory, simulated):
    folder = tmp_path_factory.mktemp("pair")
    rng = np.random.default_rng(0)
    np.save(folder / "lr.npy", 4000 * rng.random((6, 5, 10)).astype(np.float32) + 100)
    np.save(folder / "hr.npy", 4000 * rng.random((18, 15, 3)).astype(np.float32) + 100)
    files = [f"dataset.lr_hsi={folder}/lr.npy", f"dataset.hr_msi={folder}/hr.npy"]
    return folder / "run", run(folder / "run", "dataset=pair", "stages=sampled", "refine=consistent", *files)


def test_every_file_is_there(simulated):
    folder, _ = simulated
    names = {"config.yaml", "degradation.npz", "fused.mat", "metrics.json", "model.ckpt", "overview.png", "stages.csv"}
    assert {path.name for path in folder.iterdir()} == names | {"tensorboard", "udaln.log"}


def test_the_files_agree_with_each_other(simulated):
    folder, returned = simulated
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics == {k: v if not isinstance(v, float) or np.isfinite(v) else None for k, v in returned.items()}
    fused = scipy.io.loadmat(folder / "fused.mat")["Out"]
    assert fused.shape == (40, 40, 16) and fused.dtype == np.float32
    networks, *_ = load_model(folder / "model.ckpt")
    degradation = np.load(folder / "degradation.npz")
    np.testing.assert_array_equal(degradation["psf"], networks.spad.psf)
    np.testing.assert_array_equal(degradation["srf"], networks.sped.srf.detach())
    assert degradation["support"].dtype == bool and not degradation["srf"][~degradation["support"]].any()
    header, *rows = [line.split(",") for line in (folder / "stages.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["degradation", "spectral", "joint"]
    assert float(rows[-1][header.index("psnr")]) == metrics["psnr"]
    assert rows[0][header.index("psnr")] == ""  # nothing is fused yet
    assert list(metrics)[:6] == SIX and metrics["joint_steps"] == 40 and metrics["spectral_seconds"] > 0
    assert metrics["bands_filled"] == metrics["bands_left_out"] == 0
    assert metrics["torch_version"].startswith(torch.__version__.split("+")[0])


def test_the_final_loss_is_that_of_the_last_stage_that_is_trained(simulated, pair):
    for folder, metrics in (simulated, pair):  # the second is followed by the consistency step
        scalars = events(folder)
        terms = [tag for tag in scalars.Tags()["scalars"] if tag.startswith("joint/") and tag != "joint/lr"]
        last = sum(scalars.Scalars(tag)[-1].value for tag in terms)
        assert len(terms) == 4 and metrics["loss"] == pytest.approx(last, rel=1e-5)


def test_tensorboard_has_one_step_axis_over_all_stages(simulated):
    folder, metrics = simulated
    scalars = events(folder)
    steps = {tag: [event.step for event in scalars.Scalars(tag)] for tag in scalars.Tags()["scalars"]}
    assert steps["degradation/lr_msi"] == steps["degradation/lr"] == [20, 40]
    assert steps["spectral/lr_hsi"] == [60, 80]
    assert steps["joint/hr_msi"] == steps["joint/fused_lr_hsi"] == [100, 120]
    for name in ("1 headlines/psnr", "1 headlines/sam", "1 headlines/ergas", "2 quality/cc", "2 quality/uiqi"):
        assert steps[name] == [60, 80, 100, 120]
    for name in ("psf_error", "srf_error", "shift_error"):
        assert steps[f"5 sensors/{name}"] == [20, 40, 60, 80, 100, 120]
    assert steps["4 agreement with the pair/lr_msi_error"] == [20, 40, 60, 80, 100, 120]
    assert scalars.Scalars("1 headlines/psnr")[-1].value == pytest.approx(metrics["psnr"], rel=1e-6)


def test_tensorboard_has_the_pictures_and_the_settings(simulated):
    folder, metrics = simulated
    shown = events(folder)
    images = {tag: [event.step for event in shown.Images(tag)] for tag in shown.Tags()["images"]}
    for name in ("1 fused/true colour", "2 spectra/1", "3 errors/spectral angle", "3 errors/PSNR of each band"):
        assert images[name] == [80, 120]
    assert images["5 sensors/PSF"] == images["5 sensors/SRF"] == [40, 80, 120]
    assert images["4 pair/LR-HSI, true colour"] == images["4 pair/HR-MSI, false colour"] == [40]
    texts = {
        tag: shown.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in shown.Tags()["tensors"]
        if "text" in tag
    }
    assert metrics["verdict"] in texts["1 result/text_summary"]
    assert "torch_version" in texts["2 provenance/text_summary"]
    assert "monitor:\n  every: 20" in texts["3 configuration/text_summary"]
    assert shown.summary_metadata["_hparams_/session_start_info"].plugin_data.plugin_name == "hparams"
    assert "_hparams_/session_end_info" in shown.summary_metadata
    assert "custom_scalars__config__" in shown.summary_metadata


def test_the_pictures_are_drawn_anew_within_a_long_stage(tmp_path):
    run(
        tmp_path / "run",
        "dataset.size=40",
        "dataset.bands=16",
        "scale.factor=4",
        "stages=sampled",
        "monitor.pictures=20",
    )
    steps = [event.step for event in events(tmp_path / "run").Images("1 fused/true colour")]
    assert steps == [60, 80, 100, 120]


def test_a_run_without_pictures(tmp_path):
    run(tmp_path / "run", "dataset.size=40", "dataset.bands=16", "monitor.pictures=null", stages=())
    assert not (tmp_path / "run" / "overview.png").exists()
    tags = events(tmp_path / "run").Tags()
    assert not tags["images"] and "1 headlines/sam" in tags["scalars"]


def test_without_a_truth_what_can_be_known_is_reported(pair):
    folder, metrics = pair
    assert not {"psnr", "psf_error"} & set(metrics)
    assert {"lr_hsi_error", "hr_msi_error", "lr_msi_error", "seconds"} <= set(metrics)
    tags = events(folder).Tags()
    assert {f"4 agreement with the pair/{name}_error" for name in ("lr_hsi", "hr_msi")} <= set(tags["scalars"])
    assert {"1 fused/true colour", "2 spectra/1", "3 errors/misfit to the LR-HSI"} <= set(tags["images"])


def test_a_pair_keeps_its_units(pair):
    fused = scipy.io.loadmat(pair[0] / "fused.mat")["Out"]
    assert fused.shape == (18, 15, 10)
    assert 500 < fused.mean() < 5000


@pytest.mark.parametrize(("fate", "filled", "left_out"), [("fill", 2, 0), ("leave_out", 0, 2)])
def test_bands_that_were_not_used_are_counted(tmp_path, fate, filled, left_out):
    lr_hsi, hr_msi, _ = made_up_pairs.images((10, 9), 2, bands=8)
    lr_hsi[..., 3], lr_hsi[..., 4] = 0, np.nan
    words = ["dataset=pair", f"dataset.bad_bands={fate}", "trust.check=false", "trainer.accelerator=cpu"]
    for name, image in (("lr_hsi", lr_hsi), ("hr_msi", hr_msi)):
        np.save(tmp_path / f"{name}.npy", image)
        words.append(f"dataset.{name}={tmp_path}/{name}.npy")
    run(tmp_path / "run", *words, stages=())
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert (metrics["bands_filled"], metrics["bands_left_out"], metrics["msi_bands_left_out"]) == (filled, left_out, 0)
    assert "LR-HSI bands 3–4 (counted from 0): constant" in (tmp_path / "run" / "udaln.log").read_text()


def test_ablations_and_known_degradations(tmp_path):
    size = ["dataset.size=40", "dataset.bands=16", "monitor.pictures=null"]
    no_joint = run(tmp_path / "no_joint", *size, "stages=no_joint", stages=STAGES[:2])
    assert "joint_steps" not in no_joint and no_joint["spectral_steps"] == 40
    joint_only = run(tmp_path / "joint_only", *size, "stages=joint_only", stages=STAGES[2:])
    assert "spectral_steps" not in joint_only and joint_only["psnr"] > 0
    known = run(tmp_path / "known", *size, "stages=paper", "degradation.psf=known", "degradation.srf=known")
    assert "degradation_steps" not in known  # nothing to learn there
    assert known["psf_error"] == 0 and known["srf_error"] < 1e-6


def test_reduced_precision_runs(tmp_path):
    full, reduced = (
        run(
            tmp_path / precision,
            "dataset.size=40",
            "dataset.bands=16",
            "stages=paper",
            "monitor.pictures=null",
            f"trainer.precision={precision}",
        )
        for precision in ("32-true", "bf16-mixed")
    )
    assert reduced["psnr"] == pytest.approx(full["psnr"], abs=1.0)
    assert reduced["psnr"] != full["psnr"]
