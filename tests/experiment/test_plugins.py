"""What a file that somebody else may have written can make run: nothing."""

import pytest

from udaln.errors import InputError
from udaln.experiment.plugins import check_sent_words, is_plugins, plugins_of

HARMLESS = [
    "scale.factor=4,8",
    "dataset.name=hydra",
    "hydra/launcher=joblib",
    "hydra/launcher=submitit_slurm",
    "hydra/sweeper=basic",
    "hydra.launcher.n_jobs=2",
    "hydra.launcher.partition=gpu",
    "+hydra.launcher.timeout_min=30",
    "hydra.sweep.dir=runs of today",
    "hydra.sweep.subdir=${hydra.job.num}",
    "hydra.sweeper.max_batch_size=4",
]
RUNS_CODE = [
    "hydra.launcher._target_=os.system",
    "+hydra.launcher._target_=os.system",
    "hydra.launcher.setup=[curl x|sh]",
    "hydra.launcher.srun_args=[--prolog=x]",
    "hydra.launcher.additional_parameters={prolog:x}",
    "hydra.launcher.n_jobs=${oc.env:SECRET}",
    "hydra.sweeper._target_=os.system",
    "hydra.searchpath=[pkg://theirs]",
    "hydra.callbacks.mine._target_=theirs.Callback",
    "+hydra.callbacks={mine:{_target_:theirs.Callback}}",
    "~hydra.callbacks",
    "hydra.job.env_set.PYTHONPATH=theirs",
    "hydra/launcher=../theirs",
    "hydra/job_logging=theirs",
    "+method._target_=os.system",
]


@pytest.mark.parametrize("word", HARMLESS)
def test_words_that_choose_and_size_are_taken(word):
    check_sent_words([word])


@pytest.mark.parametrize("word", RUNS_CODE)
def test_words_that_could_run_code_are_refused_by_name(word):
    with pytest.raises(InputError) as refused:
        check_sent_words(["scale.factor=4", word])
    assert str(refused.value).startswith(f"{word}: not taken from a file")


@pytest.mark.parametrize("word", ["plugins=[theirs]", "+plugins=theirs", "plugins=[ 'theirs' ]"])
def test_plugins_are_refused_until_the_user_names_them(word):
    assert is_plugins(word) and plugins_of([word]) == ["theirs"]
    with pytest.raises(InputError, match=r"to run their code add plugins=\[theirs\]"):
        check_sent_words([word])
