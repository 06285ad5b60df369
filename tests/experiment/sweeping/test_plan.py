"""What is known of a sweep before it begins, and the command line that goes on with it."""

from itertools import product

import pytest
from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from udaln.errors import InputError
from udaln.experiment.config import method_of, typed
from udaln.experiment.shorthands import share_added, without_idle_share
from udaln.experiment.sweeping import callback  # noqa: F401  # registers the resolver
from udaln.experiment.sweeping.job import differing_keys, outcome
from udaln.experiment.sweeping.resume import is_sweep, words_of
from udaln.experiment.sweeping.sweep import OVERRIDE, SweepInfo, plan


def planned(*words):
    with initialize_config_module("udaln.conf", version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", list(words), run_mode=RunMode.MULTIRUN)
        return plan(config)


def names(sweep):
    return [str(path.relative_to(sweep.folder)) for path in sweep.folders]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=range(0,3)"], ["seed-0", "seed-1", "seed-2"]),
        (["scale=glob(x*)"], ["scale-x5", "scale-x8"]),
        (["scale=x5", "seed=choice(4,5)"], ["seed-4", "seed-5"]),
        (["+dataset.shift=[0,1],[2,3]"], None),
        (
            ["experiment=ablation"],
            [f"scale-{scale}__stages-{name}" for scale in ("x5", "x8") for name in ("no_joint", "joint_only", "paper")],
        ),
        (["seed=0,1", "hydra.sweep.subdir=${hydra.job.num}_${seed}"], ["0_0", "1_1"]),
        (["seed=0,1", "hydra.sweeper.max_batch_size=1"], ["seed-0", "seed-1"]),
        (["seed=3"], ["seed-3"]),
        ([], ["run"]),
    ],
)
def test_the_jobs_are_known(words, expected):
    sweep = planned(*words)
    assert sweep.info.jobs == len(sweep.jobs) == len(sweep.folders) == len(set(sweep.folders))
    if expected is not None:
        assert names(sweep) == expected


@pytest.mark.parametrize(
    ("words", "repeats"),
    [
        (["seed=0,1,0,1,2"], (2, 3)),
        (["seed=0,1"], ()),
        (["seed=1,1", "hydra.sweep.subdir=${hydra.job.num}"], ()),  # each has a folder of its own
    ],
)
def test_a_run_that_is_asked_for_twice_is_known(words, repeats):
    assert planned(*words).info.repeats == repeats


TABLES = {  # dataset, scale factors, and methods or stages of the paper's tables
    "table1_ablation": ("houston2018", {5, 8}, {"no_joint", "joint_only", "paper"}),
    "table2_chikusei": ("chikusei", {5, 8}, {"closed_form", "paper"}),
    "table3_houston": ("houston2018", {5}, {"closed_form", "cnmf", "cstf", "fuse", "hysure", "paper", "stereo"}),
}


@pytest.mark.parametrize("own", [False, True], ids=["the paper's scene", "another one"])
@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_papers_tables(name, own):
    dataset, factors, methods = TABLES[name]
    scene = ["dataset=synthetic"] if own else ["dataset.reference=x.mat"]
    sweep = planned(*share_added([f"experiment={name}", "stages.share=0.01", *scene]))
    configs = []
    for job in sweep.jobs:
        with initialize_config_module("udaln.conf", version_base="1.3"):
            configs.append(typed(without_idle_share(compose("config", list(job)))))
    assert {config.dataset.name for config in configs} == {"synthetic" if own else dataset}
    found = {(config.scale.factor, config.stages.name if config.stages else config.method.name) for config in configs}
    assert found == set(product(factors, methods)) and len(configs) == len(found)
    for config in configs:
        assert config.stages is None or config.stages.share == 0.01
        joint = config.stages and method_of(config).stages.joint
        assert not joint or (joint.steps, joint.constant_until) == (150, 50)


def test_what_a_job_knows_comes_through_hydra():
    info = SweepInfo(("seed", "dataset.name"), 12, 3, 1764195928.25, (4, 7))
    with initialize_config_module("udaln.conf", version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("config", [info.override()], run_mode=RunMode.RUN)
    assert SweepInfo.of_job(config.hydra) == info
    assert SweepInfo.of_job(OmegaConf.create({"job": {}})) == SweepInfo()


def test_the_command_of_a_sweep_is_found_again(tmp_path, monkeypatch):
    words = ["seed=0,1", "dataset.name='a, (b)'"]
    swept = ["hydra/launcher=joblib", "hydra.sweep.dir=x", f"{OVERRIDE}'[]'", "hydra.mode=MULTIRUN"]
    hydra = {"overrides": {"task": words, "hydra": swept}, "runtime": {"cwd": str(tmp_path / "there")}}
    (tmp_path / "there").mkdir()
    OmegaConf.save(OmegaConf.create({"hydra": hydra}), tmp_path / "multirun.yaml")
    monkeypatch.chdir(tmp_path)
    assert is_sweep(tmp_path) and not is_sweep(tmp_path / "there")
    assert words_of(tmp_path) == ["-m", *words, "hydra/launcher=joblib", f"hydra.sweep.dir='{tmp_path}'"]
    (tmp_path / "multirun.yaml").write_text("a: 1\n")
    with pytest.raises(InputError, match=r"^resume: .*multirun\.yaml: cannot be read"):
        words_of(tmp_path)


def test_settings_that_differ_are_named_with_both_values():
    with initialize_config_module("udaln.conf", version_base="1.3"):
        one, same = (typed(compose("config", ["seed=1"])) for _ in range(2))
        other = typed(compose("config", ["scale=x8", "seed=1", "refine=none"]))
        staged = typed(compose("config", ["stages=paper"]))
    assert differing_keys(one, same) == []
    assert differing_keys(one, other) == [
        "scale.name (x5 there, x8 here)",
        "scale.factor (5 there, 8 here)",
        "refine (consistent there, none here)",
    ]
    told = differing_keys(one, staged)
    assert "method (closed_form there, udaln here)" in told and "stages (null there, paper here)" in told


def test_the_outcome_is_a_few_figures():
    assert outcome({"psnr": 48.014, "sam": 1.3702, "ergas": 0.4, "seconds": 8.24}) == (
        "PSNR 48.01 dB, SAM 1.370 °, ERGAS 0.400, 8.2 s"
    )
    assert outcome({"psnr": None, "seconds": 1.0}) == "PSNR ∞ dB, 1.0 s"
    told = outcome({"hqnr": 0.9, "check_psnr": 33.3, "verdict": "use with care", "seconds": 2})
    assert told == "HQNR 0.9000, check PSNR 33.30 dB, verdict use with care, 2.0 s"
    assert outcome({"seconds": 2}) == "2.0 s"
