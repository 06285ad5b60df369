"""What ``udaln COMMAND --help``, ``udaln --version`` and the completion of commands in a shell print."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from textwrap import fill

import udaln
from udaln.experiment.conf_files import choices

HELP = """udaln fuses a hyperspectral with a multispectral image of the same scene.

udaln [KEY=VALUE ...]                         one run; without settings, of the built-in scene
udaln -m KEY=VALUE,VALUE ...                  a sweep, one run for each combination; the same command goes on
udaln fuse LR-HSI HR-MSI [KEY=VALUE ...]      two files, their names as they are
udaln inspect FILE [FILE]                     what files contain, and how two of them fit together
udaln report FOLDER ...                       a table of runs, also as report.html
udaln resume=FOLDER                           go on with a run or a sweep that was stopped

Groups of settings, GROUP=NAME:

{groups}

All other settings, KEY=VALUE, are printed with their values by `udaln --cfg job`, or `udaln dataset=pair --cfg job`;
the README describes them. `udaln fuse --help`, also inspect and report, tell more. Further options:
--version, --hydra-help, and `eval "$(udaln -sc install=bash)"` for completion in a shell (zsh and fish likewise)."""

USAGE = {
    "fuse": """udaln fuse LR-HSI HR-MSI [key=value ...]

Fuses two files. Their names may contain any characters; a file that holds several images is given as FILE:VARIABLE.
The settings are those of dataset=pair: udaln fuse lr.tif hr.tif sensor=sentinel2 output=img
The result is in outputs/NAME/auto/METHOD_TIME, where NAME is that of the LR-HSI or dataset.name=NAME.
`udaln dataset=pair --cfg job` prints all settings. `udaln inspect LR-HSI HR-MSI` describes the files first.""",
    "inspect": """udaln inspect FILE [FILE] [picture=FILE] [plugins=[MODULE]]

Describes image files: size, values, grid, wavelengths, what is taken as no data and why, bands without a signal.
Two files are also described as a pair: overlap, scale factor, and what looks wrong. A file that holds several
images is given as FILE:VARIABLE. Nothing is written, except for the picture.

picture=FILE       a picture of the files: .png, .jpg, .pdf or .svg
plugins=[MODULE]   modules of your own that register readers of files""",
    "report": """udaln report FOLDER... [columns=KEY,KEY] [out=FILE ...]

Compares all runs in the folders and below them, in a table of the settings that differ and of the figures.
Runs that differ in their seeds only share a row: mean ± standard deviation. The best figure of each scene is bold.
A run that failed is a row, too. The table is printed, and written to report.html: in FOLDER, or in the working
directory if there are several folders.

columns=psnr,sam,hqnr   keys of metrics.json, in this order; columns=all for all of them
out=FILE                .html, .md, .csv or .tex, instead of report.html; may be given several times
plugins=MODULE          modules of your own, whose metrics get their titles and units""",
}

WIDTH = 110  # of the help [characters]
_HELP = ("-h", "--help")
_FIRST = (*USAGE, "resume=")  # words that only come first
_COMPLETION = ("-sc", "--shell-completion", "--shell_completion")
_PACKAGES = {"PyTorch": "torch", "Lightning": "pytorch-lightning", "Hydra": "hydra-core"}


def usage(words: Sequence[str]) -> str | None:
    """What a command line asks to be told about the program; None if it asks for something else.

    Hydra's own help would compose a configuration first, which takes longer than all the rest.

    Args:
        words: The command line.
    """
    if any(word in _HELP for word in words):
        return USAGE.get(words[0]) or HELP.format(groups=_groups())
    return version_line() if "--version" in words else None


def _groups() -> str:
    """The names in each group of the configuration, a paragraph each."""
    named = sorted(choices().items())
    indent = max(len(group) for group, _ in named) + 3
    return "\n".join(
        fill(", ".join(names), WIDTH, initial_indent=f"{group + '=':{indent}}", subsequent_indent=" " * indent)
        for group, names in named
    )


def version_line() -> str:
    """The version of udaln and of the packages that it is built on."""
    packages = ", ".join(f"{name} {version(package)}" for name, package in _PACKAGES.items())
    return f"udaln {udaln.__version__} (Python {platform.python_version()}, {packages})"


def commands_to_complete(words: Sequence[str]) -> list[str]:
    """The commands that complete the first word of a line, for a shell that asks for completions by Hydra's protocol.

    Hydra itself adds the settings.

    Args:
        words: The command line that the shell calls, such as ``-sc query=bash``. The line to complete is in the
            environment, ``COMP_LINE``.
    """
    if not (words and words[0] in _COMPLETION and any(word.startswith("query=") for word in words)):
        return []
    _, space, begun = os.environ.get("COMP_LINE", "").lstrip().partition(" ")
    return [command for command in _FIRST if space and command.startswith(begun.lstrip())]
