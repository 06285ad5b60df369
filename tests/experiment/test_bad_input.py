"""Whatever a user gets wrong: one line that names it, exit status 2, no traceback, and nothing left behind."""

import fnmatch
import re
import subprocess
import sys

import processes
import pytest
from omegaconf import OmegaConf

MAT = "dataset=mat dataset.reference=ref.mat "
PAIR = "dataset=pair dataset.lr_hsi=lr.npy dataset.hr_msi=hr.npy "

# what is typed, and the line that answers it; * stands for anything
FILES = {
    "dataset=mat": "dataset.reference: expected a value, got none; give it as dataset.reference=…",
    "dataset=mat dataset.reference=nope.mat": "dataset.reference: nope.mat: no such file",
    "dataset=mat dataset.reference=garbage.mat": "dataset.reference: garbage.mat: cannot be read: *",
    "dataset=pair dataset.lr_hsi=lr.npy": "dataset.hr_msi: expected a value, got none*",
    MAT + "dataset.variable=CUBE": "dataset.variable: ref.mat holds REF (20×20×12 single), got 'CUBE'",
    PAIR + "dataset.hr_msi_variable=Z": "dataset.hr_msi_variable: hr.npy holds one array without a name, got 'Z'*",
    PAIR
    + "dataset.lr_hsi=lr_nan.npy dataset.bad_bands=keep": "dataset.lr_hsi: lr_nan.npy: expected data in every band, *",
    PAIR + "dataset.lr_hsi=lr_dead.npy dataset.bad_bands=keep": "dataset.lr_hsi: *expected a signal in every*band 4 *",
    PAIR + "dataset.lr_hsi_mask=nope.npy": "dataset.lr_hsi_mask: nope.npy: no such file",
    PAIR + "dataset.lr_hsi_mask=psf.npy": "dataset.lr_hsi_mask: psf.npy: expected 5×5, got 4×4",
    PAIR + "dataset.hr_msi_mask=hr.npy": "dataset.hr_msi_mask: hr.npy: the array has 3 axes (20×20×3 *), expected 2",
    PAIR + "dataset.hr_msi=hr_cut.npy": "dataset.hr_msi: hr_cut.npy: expected an HR-MSI of r·5×r·5 *, got 18×20",
    PAIR + "dataset.lr_hsi=lr_2_bands.npy": "dataset.hr_msi: hr.npy: expected no more bands than the LR-HSI's 2, got 3",
    PAIR + "scale=x5": "scale.factor: expected 4, as the pixels of the pair imply, got 5",
    PAIR + "scale.kernel_size=3": "scale.kernel_size: expected at least the scale factor 4, got 3",
    MAT + "dataset.srf=srf.npy scale.factor=11": "dataset.reference: ref.mat: expected at least 22×22 *, got 20×20",
    MAT + "dataset.srf=srf.npy scale=auto": "scale.factor: expected a number for dataset=mat, got none; try scale=x5",
    MAT + "dataset.crop=[0,10,20,20]": "dataset.crop: ref.mat: columns: expected a window inside 0:20, got 10:30",
    MAT + "dataset.crop=[0,10,20]": "dataset.crop: expected [first row, first column, rows, columns], got [0, 10, 20]",
    MAT + "dataset.bands=[4,13]": "dataset.bands: expected a range within 0 to 12, got [4, 13]",
}
SENSORS = {
    MAT: "dataset.srf: expected the file of an SRF, or sensor=… and dataset.wavelengths=…, got neither",
    MAT + "dataset.srf=nope.csv": "dataset.srf: nope.csv: no such file",
    MAT + "dataset.srf=srf_11_bands.npy": "dataset.srf: srf_11_bands.npy: expected *the cube's 12 bands, got 11",
    MAT + "dataset.srf=srf_empty_band.npy": "dataset.srf: srf_empty_band.npy: * band 2 is zero everywhere: it covers *",
    PAIR + "dataset.srf=srf_2_msi_bands.npy": "dataset.srf: srf_2_msi_bands.npy: expected 3 MSI bands *, got 2",
    PAIR + "dataset.true_srf=srf_2_msi_bands.npy": "dataset.true_srf: srf_2_msi_bands.npy: expected *12×3, got 12×2",
    PAIR + "sensor=ikonos": "dataset.wavelengths: expected the cube's wavelengths for IKONOS, got none",
    PAIR + "sensor=ikonos dataset.wavelengths=[400,900]": "sensor: expected 3 MSI bands as in dataset.hr_msi, got 4",
    MAT + "sensor=landsat8 dataset.wavelengths=[400,900]": "sensor.bands.swir1: edges 1566–1651 nm cover none *",
    PAIR + "degradation.psf=known": "dataset.psf: expected a file for degradation.psf=known, got none",
    PAIR + "degradation.srf=known": "dataset.srf: expected a file for degradation.srf=known, got none",
    PAIR + "degradation=true": "dataset.true_psf: expected a file for degradation.psf=true, *, got none; *",
    PAIR + "degradation.srf=true": "dataset.true_srf: expected a file for degradation.srf=true, *, got none; *",
    PAIR + "dataset.psf=psf_oblong.npy": "dataset.psf: psf_oblong.npy: expected a square PSF *, got 3×4 *",
    PAIR + "dataset.true_psf=psf_small.npy": "dataset.true_psf: psf_small.npy: expected *at least 4×4*, got 3×3 *",
}
CHOICES = {
    "dataset=houston": "dataset: expected one of chikusei, houston2018, mat, pair, synthetic, got 'houston'",
    "stages=papr": "stages: expected one of closed_form, *joint_only, *no_joint, paper, sampled, *got 'papr'",
    "experiment=nope": "experiment: expected one of *, got 'nope'",
    "instruments=different": "instruments: expected one of alike, auto, unlike, got 'different'",
    "scale=5": "scale: expected one of auto, x5, x8, got 5",
    "sensor=null": "sensor: expected one of *, worldview2, worldview3, got null; ~sensor leaves it out",
    "+dataset=mat": "dataset: expected one choice, got several; without the plus sign it is changed",
    "~dataset": "dataset.name: expected a value for hydra.run.dir, got none",
    "trainer.accelerator=tpu": "trainer.accelerator: expected one of auto, cpu, gpu, got 'tpu'",
    "trainer.precision=half": "trainer.precision: expected one of 32-true, bf16-mixed, 16-mixed, got 'half'",
    "trainer=cpu trainer.precision=16-mixed": "trainer.precision: expected * on a CPU, got 16-mixed",
}
KEYS = {
    "colour=red": "colour: there is no such key; expected one of *dataset, degradation, *trainer*",
    "seeed=1": "seeed: there is no such key; did you mean seed?",
    "dataset.snr_his=30": "dataset.snr_his: there is no such key; did you mean dataset.snr_hsi?",
    "stages=paper stages.degradaton.steps=3": "stages.degradaton.steps: there is no such key; did you mean *steps?",
    "dataset.reference=ref.mat": "dataset.reference: there is no such key with this choice of dataset",
    "+seed=3": "seed: is there already; without the plus sign it is changed",
    "~seed": "seed: expected a value, got none*",
    "--fast": "--fast: there is no such option; *",
    "seed=1 -m scale=x5": "scale=x5: expected options such as -m before or after all settings, not among them",
    "seed": "seed: expected key=value, *",
    "dataset.reference=a(1).mat": "dataset.reference=a(1).mat: expected key=value, values with special *in quotes*",
    "seed=1,2": "seed=1,2: expected one value, got several: with -m each is a run of its own, *",
}
VALUES = {
    "seed=two": "seed: expected a whole number, got 'two'",
    "seed=null": "seed: expected a value, got null",
    "seed=-1": "seed: expected a whole number from 0 to 2³² − 1, got -1",
    "dataset.noise_seed=4294967296": "dataset.noise_seed: expected a whole number from 0 to *, got 4294967296",
    "dataset.size=10": "dataset.size: expected at least 32, got 10",
    "scale.factor=61": "dataset.size: expected at least 122×122 pixels for scale factor 61, got 120×120",
    "scale.factor=1": "scale.factor: expected at least 2, got 1",
    "scale.factor=2.5": "scale.factor: expected a whole number, got 2.5",
    "scale.kernel_size=4": "scale.kernel_size: expected at least 5, got 4",
    "scale.fwhm=0": "scale.fwhm: expected a positive number, got 0",
    "dataset.snr_hsi=loud": "dataset.snr_hsi: expected a number, got 'loud'",
    "dataset.snr_msi=nan": "dataset.snr_msi: expected a number of dB, or null, got nan",
    MAT + "dataset.crop=240": "dataset.crop: expected a list in brackets, got 240",
    PAIR + "dataset.nodata=zero": "dataset.nodata: expected a number, *, got 'zero'",
    PAIR + "dataset.saturation=high": "dataset.saturation: expected a number, *, got 'high'",
    PAIR + "dataset.saturation=[1,2,3]": "dataset.saturation: expected a number, *, got [1,*",
    PAIR + "dataset.saturation=0": "dataset.saturation: expected it to leave some values of the LR-HSI, got none",
    PAIR + "dataset.bad_bands=drop": "dataset.bad_bands: expected one of fill, leave_out, keep, got 'drop'",
    "degradation.psf=guessed": "degradation.psf: expected one of estimated, known, true, got 'guessed'",
    "stages.psf=known": "stages.psf: is now degradation.psf",
    "degradation=guessed": "degradation: expected one of estimated, known, true, got 'guessed'",
    "degradation=true degradation.shape=free": "degradation.shape: expected degradation.psf= and degradation.srf= *",
    "method=gsa stages=paper": "stages: expected stages of method=gsa, got paper, of method=udaln",
    "method=mtf_glp method.filter=box": "method.filter: expected one of gaussian, psf, got 'box'",
    "method=mtf_glp_hpm method.pan=mean": "method.pan: expected one of synthesized, selected, got 'mean'",
    "method=mtf_glp method.nyquist_gain=2": "method.nyquist_gain: expected a number between 0 and 1, or null, got 2",
    "-m stages=fast,paper": "stages=fast: is now method=closed_form",
    "+network=paper": "network: is now method.network",
    "stages.joint.steps=9": "stages.joint.steps: there is no such key with this choice of stages",
    "method=ours": "method: expected one of *closed_form, *udaln, *got 'ours'",
    "method=closed_form stages=paper": "stages: expected stages of method=closed_form, got paper, of method=udaln",
    "-m method=udaln stages=paper,closed_form": "stages: expected stages of method=udaln, got closed_form, of method=*",
    "method.network=paper": "method.network: there is no such key with this choice of method",
    "plugins=[no_such_module]": "plugins: no_such_module: cannot be imported: No module named 'no_such_module'",
    "+stages.name=mine": "stages: expected none for method=closed_form, which has no stages",
    "stages=paper stages.joint=100": "stages.joint: expected keys of its own, got 100",
    "stages=paper stages.joint.steps=9": "stages.joint.constant_until: expected at most the 9 steps of *, got 5000",
    "stages=paper stages.share=0": "stages.share: expected more than 0 and at most 1, got 0",
    "stages=sampled stages.share=1.5": "stages.share: expected more than 0 and at most 1, got 1.5",
    "stages.share=0.1": "stages: expected none for method=closed_form, which has no stages",
    "stages=paper stages.degradation.init=regression": "stages.degradation.init: expected *, gaussian, got regression",
    "stages=paper stages.spectral.init=gaussian": "stages.spectral.init: expected none, regression, got gaussian",
    "stages=paper stages.joint.init=gaussian": "stages.joint*: *",
    "stages=paper stages.degradation.init=gauss": "stages.degradation.init: expected one of none, *, got 'gauss'",
    "instruments.gain=maybe": "instruments.gain: expected true or false, got 'maybe'",
    "instruments.shift=0.5": "instruments.shift: expected true or false, got 0.5",
    "instruments.grid=finest": "instruments.grid: expected one of auto, hr_msi, lr_hsi, got 'finest'",
    "instruments.psf=true": "instruments.psf: there is no such key; did you mean instruments.*?",
    "dataset.gain=1.1": "dataset.gain: expected a list in brackets, got 1.1",
    "dataset.gain=[1,1.1,1.2]": "dataset.gain: expected [lowest, highest], got [1.0, 1.1, 1.2]",
    "dataset.offset=[0,nan]": "dataset.offset: expected [lowest, highest], got [0.0, nan]",
    "dataset.shift=[1]": "dataset.shift: expected [down, right], got [1.0]",
    "dataset.shift=[1,far]": "dataset.shift[1]: expected a number, got 'far'",
    PAIR + "dataset.gain=[0.9,1.1]": "dataset.gain: there is no such key with this choice of dataset",
    "stages=paper stages.spectral.blocks=0": "stages.spectral.blocks: expected at least 1, got 0",
    "stages=paper stages.spectral.steps=-1": "stages.spectral.steps: expected at least 0, got -1",
    "stages=paper method.network=linear": "method.network: expected one of affine, paper, residual, got 'linear'; *",
    "stages=sampled method.network=paper stages.spectral=null stages.joint=null": "method.network: expected steps in *",
    "refine=more": "refine: expected one of none, consistent, got 'more'",
    "support=all": "support: expected one of auto, given, sensor, full, got 'all'",
    "support=given": "dataset.srf: expected the file of an SRF for support=given, got none",
    PAIR + "support=sensor": "sensor: expected one for support=sensor, got none",
    "stages=no_joint stages.degradation=null stages.spectral=null": "stages: expected at least one of *, got none",
    "stages=no_joint degradation.psf=known degradation.srf=known stages.spectral=null": "method.network: expected *",
    "monitor.every=0": "monitor.every: expected at least 1, got 0",
    "hydra.run.dir=hr.npy": "hr.npy: cannot be made or opened: File exists",
}
MISTAKES = FILES | SENSORS | CHOICES | KEYS | VALUES
SWEEPS = {  # that cannot be composed
    "-m scale=x5,x6": "scale: expected one of auto, x5, x8, got 'x6'",
    "-m scale=5,8": "scale: expected one of auto, x5, x8, got 5,8",
}
SWEPT = {  # each run is refused by itself
    "-m dataset=mat seed=0,1": "dataset.reference: expected a value, got none*",
    "-m scale.factor=1,0": "scale.factor: expected at least 2, got [01]",
}
RESUMED = {
    "resume=nowhere": "resume: nowhere/config.yaml: no such file",
    "resume=ref.mat": "resume: ref.mat/config.yaml: no such file",
    "resume=": "resume: config.yaml: no such file",
    "resume=stopped seed=3": "resume: goes on with the run's own settings, expected no others, got seed=3",
    "-m resume=stopped": "resume: goes on with the run's own settings, expected no others, got -m",
    "resume=finished": "resume: expected an unfinished run, got finished, which is finished",
    "resume=torn": "resume: torn/config.yaml: cannot be read: *",
    "resume=listed": "resume: listed/config.yaml: cannot be read: expected keys and values",
    "resume=blank": "resume: blank/config.yaml: dataset.kind: expected one of pair, reference, synthetic, got None; *",
    "resume=misspelt": "resume: misspelt/config.yaml: *: there is no such key; did you mean *?",
    "resume=mistaken": "resume: mistaken/config.yaml: stages.joint.lr: expected a number, got 'small'",
    "hydra.run.dir=finished": "hydra.run.dir: expected a folder without a finished run, got *finished",
    "hydra.run.dir=stopped seed=3": "hydra.run.dir: expected no run with other settings there, got *stopped",
}


def matches(line: str, expected: str) -> bool:
    return re.fullmatch(re.escape(f"udaln: {expected}").replace(r"\*", ".*"), line) is not None


@pytest.mark.parametrize("words", MISTAKES)
def test_one_line_and_nothing_left(command, words):
    outcome = command(*words.split())
    assert outcome.status == 2
    (line,) = outcome.lines
    assert matches(line, MISTAKES[words]), line
    assert outcome.left == []


@pytest.mark.parametrize("words", SWEEPS)
def test_a_sweep_that_cannot_be_is_one_line(command, words):
    outcome = command(*words.split())
    assert outcome.status == 2
    (line,) = outcome.lines
    assert matches(line, SWEEPS[words]), line
    assert all(re.fullmatch(r"outputs(/sweeps(/[^/]+(/multirun.yaml)?)?)?", path) for path in outcome.left)


@pytest.mark.parametrize("words", SWEPT)
def test_each_run_of_a_sweep_has_its_line(words, tmp_path):
    done = processes.run(["-m", "udaln", *words.split(), "hydra.sweep.dir=s"], tmp_path)
    assert done.returncode == 2
    *lines, last = done.stderr.splitlines()  # runs side by side may write before the command does
    (begin,) = [line for line in lines if line.startswith("sweep: ")]
    assert begin.startswith("sweep: 2 runs in ") and last.startswith("udaln: 2 of 2 runs of the sweep are not finished")
    lines.remove(begin)
    for line in lines:
        assert fnmatch.fnmatch(re.split("failed: | \\(/", line)[1], SWEPT[words]), line
    assert len(lines) == 4  # of each run when it ends, and once more at the end


def test_a_device_that_is_not_there(command, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    outcome = command("trainer=gpu")
    assert (outcome.status, outcome.left) == (2, [])
    (line,) = outcome.lines
    assert matches(line, "trainer: accelerator=gpu, precision=32-true: *")


@pytest.fixture
def runs(command, configure, tmp_path):
    """What runs leave, stopped at different moments."""
    text = OmegaConf.to_yaml(OmegaConf.structured(configure("stages=sampled")))
    contents = {
        "finished": {"config.yaml": text, "metrics.json": "{}"},
        "stopped": {"config.yaml": text, "resume.ckpt": ""},
        "torn": {"config.yaml": "dataset: {kind: synth"},
        "listed": {"config.yaml": "- dataset"},
        "blank": {"config.yaml": ""},
        "misspelt": {"config.yaml": text.replace("seed:", "seeed:")},
        "mistaken": {"config.yaml": re.sub(r"(joint:(?:\n    .*)*?\n    lr:) .*", r"\1 small", text)},
    }
    for folder, files in contents.items():
        (tmp_path / folder).mkdir()
        for name, content in files.items():
            (tmp_path / folder / name).write_text(content)


@pytest.mark.parametrize("words", RESUMED)
def test_what_cannot_be_resumed(command, runs, words):
    outcome = command(*words.split())
    assert outcome.status == 2
    (line,) = outcome.lines
    assert matches(line, RESUMED[words]), line
    assert outcome.left == []


def test_a_torn_checkpoint(command, runs):
    outcome = command("resume=stopped")
    assert outcome.status == 2
    assert matches(outcome.lines[-1], "resume: stopped/resume.ckpt: cannot be read: *")
    assert "stopped/metrics.json" not in outcome.left


def test_the_real_command(made_up_files, tmp_path):
    words = ["dataset=mat", f"dataset.reference={made_up_files}/garbage.mat"]
    done = subprocess.run([sys.executable, "-m", "udaln", *words], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert matches(line, f"dataset.reference: {made_up_files}/garbage.mat: cannot be read: *")
    assert done.stdout == "" and not any(tmp_path.iterdir())
