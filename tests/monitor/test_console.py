"""What goes to which output of the terminal, and how."""

import io
import logging
import os
import re

import pytest

from udaln.monitor import console
from udaln.monitor.console import RESULT, Terminal, duration, print_columns, quiet_terminal, run_log

PATH = "/a/folder/that/is/longer/than/a/narrow/terminal/is/wide/with a name [x]/closed_form_2026-11-27_01-15-54"


@pytest.fixture
def terminals(monkeypatch):
    """Standard output and standard error as narrow terminals."""
    written = io.StringIO(), io.StringIO()
    for name, file in zip(("results", "console"), written, strict=True):
        monkeypatch.setattr(console, name, Terminal(file=file, force_terminal=True, width=60, no_color=True))
    return written


def test_results_and_messages_have_an_output_each(terminals, tmp_path):
    out, err = terminals
    with run_log(tmp_path / "run.log") as log:
        log.info("reading %s", PATH)
        log.warning("strange")
        log.debug("seldom wanted")
        log.info("done: %s", PATH, extra=RESULT)
    assert out.getvalue() == f"done: {PATH}\n"  # on one line, whatever the width
    first, second = err.getvalue().splitlines()
    assert f" reading {PATH}" in first and "strange" in second
    assert [line.partition(" INFO ")[2] for line in (tmp_path / "run.log").read_text().splitlines()[::3]] == [
        f"reading {PATH}",
        f"done: {PATH}",
    ]


def test_a_table_is_a_result_and_fits_a_narrow_terminal(terminals):
    rows = [
        {"stage": name, "PSNR [dB]": "48.37", "time [s]": 1.23456789} for name in ("degradation", "joint", "refine")
    ]
    print_columns(rows, "stage")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in terminals[0].getvalue().splitlines()]
    assert max(map(len, lines)) <= 60 and terminals[1].getvalue() == ""
    assert any(line.split() == ["stage", "degradation", "joint", "refine"] for line in lines)
    assert any(line.split() == ["time", "[s]", "1.2346", "1.2346", "1.2346"] for line in lines)


def test_a_quiet_run_shows_nothing_and_logs_all(terminals, tmp_path):
    with quiet_terminal(), run_log(tmp_path / "run.log") as log:
        log.warning("strange")
        log.info("done", extra=RESULT)
        print_columns([{"stage": "fit", "PSNR": "1"}], "stage")
    assert [file.getvalue() for file in terminals] == ["", ""]
    assert len((tmp_path / "run.log").read_text().splitlines()) == 2
    logging.getLogger("udaln").info("the terminal is as it was before")
    print_columns([{"stage": "fit", "PSNR": "1"}], "stage")
    assert "PSNR" in terminals[0].getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 0 s"), (3599.9, "1 h 0 min"), (7190, "2 h 0 min"), (7100, "1 h 58 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_reader_that_has_seen_enough_stops_nothing():
    """As ``head`` does to a pipe: what is printed later goes nowhere."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "w", encoding="utf-8") as pipe:
        terminal = console.Terminal(file=pipe)
        for _ in range(2):
            terminal.say("nobody reads this")
