"""``key=value`` arguments of the scripts, and what becomes of errors."""

import os
import sys
from dataclasses import dataclass

import pytest
from omegaconf import MISSING, OmegaConf

from udaln.errors import InputError
from udaln.experiment import cli
from udaln.experiment.cli import FULL_ERROR, arguments, check_arguments, describe, one_line_errors


@dataclass
class Given:
    model: str = MISSING
    scale: int = 5
    width: float | None = None


def given(monkeypatch, *words, **how):
    monkeypatch.setattr(sys, "argv", ["script.py", *words])
    return arguments(Given, **how)


def test_arguments_become_the_dataclass(monkeypatch):
    assert given(monkeypatch, "model=a b(1)=c.ckpt", "scale=8", "width=1.5") == Given("a b(1)=c.ckpt", 8, 1.5)
    assert given(monkeypatch, "model=x") == Given("x", 5, None)
    assert given(monkeypatch, "x", "scale=2", positional="model") == Given("x", 2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "expected model=…"),
        (["x"], "expected model=…, scale=…, width=…, got 'x'"),
        (["--scale"], "expected model=…, scale=…, width=…, got '--scale'"),
        (["model=x", "scael=3"], "scael: there is no such key; did you mean scale?"),
        (["model=x", "colour=3"], "colour: there is no such key; expected one of model, scale, width"),
        (["model=x", "scale=3.5"], "scale: expected a whole number, got '3.5'"),
        (["model=x", "width=wide"], "width: expected a number, got 'wide'"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(monkeypatch, words, message):
    with pytest.raises(InputError) as caught:
        given(monkeypatch, *words)
    assert str(caught.value) == message


def test_a_mistake_is_one_line_and_status_2(capsys):
    with pytest.raises(SystemExit) as exit_, one_line_errors():
        raise InputError("dataset.srf: no\n  such file")
    assert exit_.value.code == 2
    assert capsys.readouterr() == ("", "udaln: dataset.srf: no such file\n")


def test_one_inside_another_says_it_once_and_leaves_the_environment_alone(capsys, monkeypatch):
    monkeypatch.delenv(FULL_ERROR, raising=False)
    with pytest.raises(SystemExit), one_line_errors():
        with one_line_errors():
            assert os.environ[FULL_ERROR] == "1"
        assert os.environ[FULL_ERROR] == "1"
        with one_line_errors():
            raise InputError("seed: expected 1, got 2")
    assert capsys.readouterr().err == "udaln: seed: expected 1, got 2\n"
    assert FULL_ERROR not in os.environ


def test_what_is_no_mistake_of_the_user_keeps_its_traceback(capsys):
    for error in (RuntimeError("a bug"), ValueError("a bug"), KeyError("a bug")):
        with pytest.raises(type(error)), one_line_errors():
            raise error
    assert capsys.readouterr().err == ""


def test_tracebacks_on_request(monkeypatch):
    monkeypatch.setattr(cli, "TRACEBACKS", True)
    with pytest.raises(InputError), one_line_errors():
        raise InputError("seed: expected 1, got 2")


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit), one_line_errors():
        (tmp_path / "file").mkdir()
    assert capsys.readouterr().err == f"udaln: {tmp_path}/file: cannot be made or opened: File exists\n"


def test_a_known_key_is_never_its_own_suggestion():
    config = OmegaConf.create({"dataset": {"size": 3}})
    OmegaConf.set_struct(config, True)
    with pytest.raises(AttributeError) as caught:
        _ = config.dataset.reference
    keys = ["dataset", "dataset.reference", "dataset.size"]
    assert describe(caught.value, keys) == "dataset.reference: there is no such key with this choice of dataset"


@pytest.mark.parametrize("choice", ["5", "5.5", "-1", ".5", "1e3", "null", "True", "[x5,x8]", "{a:1}", "x5,8"])
def test_a_choice_that_hydra_takes_for_no_name_is_refused(choice):
    with pytest.raises(InputError) as caught:
        check_arguments(["-m", f"scale={choice}"], {"scale": ["x5", "x8"]})
    assert str(caught.value) == f"scale: expected one of x5, x8, got {choice}"


@pytest.mark.parametrize(
    "word", ["scale=x5", "scale=x5,x8", "scale=glob(x*)", "seed=5", "scale.factor=5", "--info=all"]
)
def test_what_hydra_can_judge_is_left_to_it(word):
    check_arguments([word], {"scale": ["x5", "x8"]})
