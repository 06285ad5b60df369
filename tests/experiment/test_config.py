"""The configuration tree: every file composes, means what it says, and survives being written and read."""

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf
from places import ROOT

from udaln.errors import InputError
from udaln.experiment.conf_files import choices
from udaln.experiment.config import ACCELERATORS, known_keys, method_of, typed
from udaln.experiment.dataset_schema import PairDataset, ReferenceDataset, SyntheticDataset
from udaln.experiment.presets import instruments_preset, method_preset
from udaln.experiment.schema import PsfShape, Refine, Source, Support
from udaln.methods.registry import method_class, names
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.udaln.speunet import SPEUNETS
from udaln.methods.udaln.stages import STAGES
from udaln.physics.instruments import OutputGrid

GROUPS = choices()
METHODS = sorted(path.stem for path in (ROOT / "conf" / "method").glob("*.yaml"))
DATASETS = {
    "synthetic": ([], SyntheticDataset),
    "mat": (["dataset.reference=x.mat"], ReferenceDataset),
    "houston2018": (["dataset.reference=x.pix"], ReferenceDataset),
    "chikusei": (["dataset.reference=x.mat"], ReferenceDataset),
    "pair": (["dataset.lr_hsi=y.mat", "dataset.hr_msi=z.mat"], PairDataset),
}
# learning rate, steps, constant until: what the paper's authors published
PAPER = {"degradation": (1e-3, 20_000, 10_000), "spectral": (1e-3, 30_000, 20_000), "joint": (6e-5, 15_000, 5_000)}


def covering():
    """Choices of every group, so that every file occurs, and dataset with each of stages and of scale."""
    for i, dataset in enumerate(GROUPS["dataset"]):
        for j, stages in enumerate(GROUPS["stages"]):
            turn = {"scale": i + j, "trainer": i + j, "instruments": i + j}
            turn |= {"sensor": len(GROUPS["stages"]) * i + j}
            others = {group: GROUPS[group][k % len(GROUPS[group])] for group, k in turn.items()}
            yield {"dataset": dataset, "stages": stages} | others


def words(chosen):
    return [f"{group}={name}" for group, name in chosen.items()] + DATASETS[chosen["dataset"]][0]


def test_the_choices_cover_what_they_say():
    chosen = list(covering())
    for a, b in (("dataset", "stages"), ("dataset", "scale")):
        assert len({(choice[a], choice[b]) for choice in chosen}) == len(GROUPS[a]) * len(GROUPS[b])
    for group in chosen[0]:
        assert {choice[group] for choice in chosen} == set(GROUPS[group])
    assert set(GROUPS) == {*chosen[0], "experiment", "method"}


@pytest.mark.parametrize("chosen", list(covering()), ids=lambda chosen: "-".join(chosen.values()))
def test_choices_go_together(configure, chosen):
    config = configure(*words(chosen))
    assert isinstance(config.dataset, DATASETS[chosen["dataset"]][1])
    assert config.dataset.name == chosen["dataset"]
    method, refine = method_preset(stages=chosen["stages"])
    assert same(method_of(config), method) and config.refine is refine
    assert config.scale.name == chosen["scale"]
    assert config.instruments == instruments_preset(chosen["instruments"])
    assert config.trainer.accelerator == chosen["trainer"] and config.trainer.accelerator in ACCELERATORS
    assert config.sensor.bands  # the one on the command line wins over the dataset's own
    assert typed(OmegaConf.create(OmegaConf.to_yaml(OmegaConf.structured(config)))) == config  # as a resumed run does


def same(method, other):
    return (type(method), method.settings, method.stages) == (type(other), other.settings, other.stages)


def test_methods_and_their_stages(configure):
    for words, name, stages in (
        ([], "closed_form", None),
        (["method=closed_form"], "closed_form", None),
        (["method=udaln"], "udaln", "paper"),
        (["stages=paper"], "udaln", "paper"),
        (["method=udaln", "stages=sampled"], "udaln", "sampled"),
    ):
        config = configure(*words)
        assert config.method.name == name and (config.stages and config.stages.name) == stages
        method, refine = method_preset(name, stages)
        assert same(method_of(config), method) and config.refine is refine
    with pytest.raises(InputError, match=r"^method.name: expected one of .*closed_form, .*udaln.*, got 'other'; "):
        configure("method.name=other")


def test_every_method_of_the_package_has_a_file():
    own = {name for name in names() if method_class(name).__module__.startswith("udaln.")}
    assert own == set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_settings_of_its_file(configure, name):
    config = configure(f"method={name}")
    method, refine = method_preset(name)
    assert same(method_of(config), method) and config.refine is refine
    assert config.method == type(method).Settings()


@pytest.mark.parametrize("name", GROUPS["experiment"])
def test_every_experiment_composes_and_yields_to_the_command_line(configure, name):
    files = [] if name in ("ablation", "debug") else DATASETS["houston2018"][0]
    config = configure(f"experiment={name}", "seed=5", "monitor.every=7", *files)
    assert (config.seed, config.monitor.every) == (5, 7)


def test_the_papers_first_experiment(configure):
    config = configure("experiment=houston2018_x5", "dataset.reference=x.pix")
    assert (config.dataset.name, config.scale.factor, config.stages) == (
        "houston2018",
        5,
        method_preset(stages="paper")[0].stages,
    )


def test_an_experiment_wins_over_the_defaults(tmp_path):
    (tmp_path / "experiment").mkdir()
    text = "# @package _global_\ndefaults: [{override /dataset: synthetic}, {override /sensor: ikonos}]\nseed: 7\n"
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    with initialize_config_module("udaln.conf", version_base="1.3"):
        config = typed(compose("config", ["experiment=mine", f"hydra.searchpath=[file://{tmp_path}]"]))
    assert (config.seed, config.sensor.name) == (7, "IKONOS")


def test_the_defaults(configure):
    config = configure()
    assert config.dataset == SyntheticDataset(name="synthetic", size=120, bands=64, scene_seed=7)
    assert (config.seed, config.scale.factor, config.stages, config.sensor.name) == (2, 5, None, "WorldView-2")
    assert (config.method.name, config.refine, config.support) == ("closed_form", Refine.consistent, Support.auto)
    assert (config.monitor.every, config.trainer.precision) == (100, "32-true")
    assert config.instruments == instruments_preset("auto")


def test_the_papers_schedule():
    paper, refine = method_preset(stages="paper")
    for stage, (lr, steps, constant_until) in PAPER.items():
        whole_scene = Schedule(lr, steps, constant_until, init=Init.none, blocks=None, patience=None)
        assert getattr(paper.stages, stage) == whole_scene
    assert (paper.settings.network, refine) == ("paper", Refine.none)
    assert set(PAPER) == {stage.name for stage in STAGES}


ABLATION = ("paper", "no_joint", "joint_only")


def test_the_ablations_are_the_papers_stages():
    paper, no_joint, joint_only = (method_preset(stages=name)[0].stages for name in ABLATION)
    assert (no_joint.degradation, no_joint.spectral, no_joint.joint) == (paper.degradation, paper.spectral, None)
    assert (joint_only.degradation, joint_only.spectral, joint_only.joint) == (None, None, paper.joint)


def test_a_preset_that_is_not_there():
    with pytest.raises(
        InputError,
        match=rf"^stages: expected one of {', '.join(GROUPS['stages'])}, got 'long'$",
    ):
        method_preset(stages="long")


def test_instruments_that_are_not_there():
    with pytest.raises(InputError, match=r"^instruments: expected one of alike, auto, unlike, got 'other'$"):
        instruments_preset("other")


def test_what_instruments_differ_in_can_be_told_one_by_one(configure):
    auto = configure().instruments
    assert (auto.gain, auto.offset, auto.shift, auto.wide_psf, auto.grid) == (None, None, None, None, OutputGrid.auto)
    told = configure(
        "instruments=unlike", "instruments.gain=false", "instruments.shift=null", "instruments.grid=lr_hsi"
    )
    actual = told.instruments
    assert (actual.gain, actual.offset, actual.shift, actual.wide_psf) == (False, True, None, True)
    assert actual.grid is OutputGrid.lr_hsi


@pytest.mark.parametrize("dataset", ["synthetic", "mat"])
def test_a_simulated_pair_can_be_of_two_instruments(configure, dataset):
    differing = ["dataset.gain=[0.8,1.3]", "dataset.offset=[-0.03,0.03]", "dataset.shift=[0.6,-1.5]"]
    config = configure(f"dataset={dataset}", *DATASETS[dataset][0], *differing)
    actual = config.dataset
    assert (actual.gain, actual.offset, actual.shift) == ([0.8, 1.3], [-0.03, 0.03], [0.6, -1.5])
    plain = configure(f"dataset={dataset}", *DATASETS[dataset][0]).dataset
    assert plain.gain is plain.offset is plain.shift is None


def test_the_psf_can_be_taken_for_a_gaussian(configure):
    assert configure("degradation.shape=gaussian").degradation.shape is PsfShape.gaussian
    words = ["stages=sampled", "stages.degradation.init=gaussian"]
    assert configure(*words).stages.degradation.init is Init.gaussian
    with pytest.raises(InputError, match=r"^degradation.shape: expected free for method=udaln, .*, got gaussian$"):
        configure("stages=sampled", "degradation.shape=gaussian")


@pytest.mark.parametrize("stages", [name for name in GROUPS["stages"] if method_preset(stages=name)[0].name == "udaln"])
@pytest.mark.parametrize("network", SPEUNETS.names())
@pytest.mark.parametrize("refine", ("none", "consistent"))
def test_every_network_and_refinement_goes_with_every_schedule(configure, stages, network, refine):
    config = configure(f"stages={stages}", f"method.network={network}", f"refine={refine}")
    method, _ = method_preset(stages=stages, settings={"network": network})
    assert same(method_of(config), method) and config.refine is Refine[refine]


def test_a_network_that_nothing_trains(configure):
    steps = [f"stages.{stage}.steps=0" for stage in PAPER] + [f"stages.{stage}.constant_until=1" for stage in PAPER]
    with pytest.raises(
        InputError, match=r"^method.network: expected steps .* for paper, got none; try stages=sampled$"
    ):
        configure("stages=paper", *steps)


def test_what_a_dataset_brings_along(configure):
    names = ("houston2018", "chikusei", "pair")
    houston, chikusei, pair = (configure(f"dataset={name}", *DATASETS[name][0]) for name in names)
    assert (houston.sensor.name, chikusei.sensor.name, pair.sensor) == ("WorldView-2", "WorldView-2", None)
    assert houston.dataset.bands[1] - houston.dataset.bands[0] == 46
    assert houston.dataset.crop[2:] == chikusei.dataset.crop[2:] == [240, 240]
    assert (pair.scale.name, pair.scale.factor) == ("auto", None)


def test_a_sensor_can_be_left_out(configure):
    assert configure("dataset=houston2018", "dataset.reference=x", "dataset.srf=y", "~sensor").sensor is None


def test_settings_that_are_read_as_they_are_meant(configure):
    config = configure(
        "dataset=mat",
        "dataset.reference=x",
        "dataset.wavelengths=[400,1000]",
        "dataset.snr_hsi=30",
        "degradation.psf=known",
    )
    assert config.dataset.wavelengths == [400, 1000]
    assert config.dataset.snr_hsi == 30.0
    assert config.degradation.psf is Source.known


def test_known_keys_name_every_key_of_every_dataset():
    keys = known_keys()
    assert {"seed", "scale.factor", "dataset.size", "dataset.reference", "dataset.lr_hsi"} <= set(keys)
    assert {"dataset.gain", "dataset.shift", "instruments.gain", "instruments.wide_psf"} <= set(keys)
    assert {"method.network", "stages.joint.lr", "sensor.bands", "trainer.precision", "monitor.every"} <= set(keys)
    assert len(keys) == len(set(keys))


def test_a_kind_of_dataset_that_is_not_there():
    with pytest.raises(InputError, match=r"^dataset.kind: expected one of pair, reference, synthetic, got 'video'; "):
        typed(OmegaConf.create({"dataset": {"kind": "video"}, "method": {"name": "closed_form"}}))
