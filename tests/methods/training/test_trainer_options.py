"""Each argument of Lightning's Trainer can be set, or is refused with the reason."""

from dataclasses import fields
from inspect import signature

import pytest
from pytorch_lightning import Trainer

from udaln.errors import InputError
from udaln.experiment.trainer_schema import TrainerConfig
from udaln.methods.training.trainer_options import REFUSED


def test_every_argument_of_lightning_is_either_ours_or_refused():
    settings = {field.name for field in fields(TrainerConfig)} - {"checkpoint_seconds"}
    assert settings.isdisjoint(REFUSED)
    assert settings | set(REFUSED) == set(signature(Trainer).parameters)


@pytest.mark.parametrize("key", sorted(REFUSED))
def test_a_refusal_gives_the_reason(configure, key):
    with pytest.raises(InputError) as refused:
        configure(f"+trainer.{key}=1")
    assert str(refused.value) == f"trainer.{key}: cannot be set: {REFUSED[key]}"


def test_an_argument_that_nobody_has_is_named(configure):
    with pytest.raises(InputError, match=r"trainer\.max_tiem"):
        configure("+trainer.max_tiem=1")
