"""The comparison of methods as a section of a document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reproduce_plan import DEFAULT, Case

import udaln
from udaln.experiment.comparison.figures import BY_KEY
from udaln.experiment.comparison.run_folder import RunFolder
from udaln.experiment.comparison.table import make_table
from udaln.experiment.comparison.texts import markdown

HEADLINES = ("psnr", "sam", "ergas")
COLUMNS = (*HEADLINES, "psnr_cube", "ssim", "cc", "uiqi", "rmse", "seconds")
PICTURES = "PSNR, SAM and ERGAS of the blind methods beside those of the default", "Time and PSNR of the blind methods"
TOLERANCE = 0.01  # of the best figure; the default is to be at least as close to it

Pair = tuple[str, int, str]
Runs = Mapping[Case, RunFolder]


def section(cases: Sequence[Case], runs: Runs, pictures: Sequence[str]) -> str:
    """All tables.

    Args:
        cases: All of the plan.
        runs: The finished ones.
        pictures: Names of the files, beside the document: figures, times; none if nothing is finished.
    """
    shares = {case.method: case.share for case in runs if case.share}
    told = ", ".join(f"`{name}` {share:g}" for name, share in shares.items())
    pairs = list(dict.fromkeys(case.pair for case in cases))
    parts = [
        f"{len(runs)} of {len(cases)} runs are finished, by udaln {udaln.__version__}."
        + (f" Share of the schedule for which methods were trained (`stages.share=`): {told}." if told else ""),
        "## The default beside the best of the others",
        _beside_the_best(pairs, runs),
        *(f"![{told}]({name})" for told, name in zip(PICTURES, pictures, strict=False)),
        "## All figures",
    ]
    for pair in pairs:
        parts += [f"### {title(pair)}", _all_figures(pair, cases, runs)]
    return "\n\n".join(parts) + "\n"


def title(pair: Pair) -> str:
    """A pair in words."""
    scene, factor, condition = pair
    return f"{scene} ×{factor}, {condition}"


def gap(value: float, other: float, key: str) -> float:
    """How far a figure is behind another one, as a share of that; negative if it is ahead.

    Args:
        value: Of the default.
        other: Of another method.
        key: Of the figure.
    """
    return BY_KEY[key].better * (other - value) / other


def _beside_the_best(pairs: Iterable[Pair], runs: Runs) -> str:
    lines, behind = [], []
    for pair in pairs:
        own = runs.get(Case(*pair, DEFAULT))
        others = {case: run for case, run in runs.items() if case.pair == pair and case.method != DEFAULT}
        if own is None or not others:
            lines.append([title(pair), str(len(others)), *["not run" if own is None else ""] * len(HEADLINES)])
            continue
        texts = []
        for key in HEADLINES:
            figure, value = BY_KEY[key], own.metrics[key]
            best = max(others, key=lambda case: figure.better * others[case].metrics[key])
            theirs = others[best].metrics[key]
            name = _name(best)
            texts.append(f"{_bold(figure.text(value), gap(value, theirs, key) <= 0)} / {figure.text(theirs)} {name}")
            if (share := gap(value, theirs, key)) > TOLERANCE:
                behind.append(f"* {title(pair)}: {figure.title} is {share:.1%} behind that of {name}.")
        lines.append([title(pair), str(len(others)), *texts])
    titles = ["pair", "others", *(f"{BY_KEY[key].heading}: default / best of the others" for key in HEADLINES)]
    heading = f"The default is neither the best nor within {TOLERANCE:.0%} of it in {len(behind)} figures"
    return "\n\n".join([_table(titles, lines), heading + (":\n\n" + "\n".join(behind) if behind else ".")])


def _all_figures(pair: Pair, cases: Iterable[Case], runs: Runs) -> str:
    here = [case for case in cases if case.pair == pair]
    missing = [case for case in here if case not in runs]
    parts = []
    if finished := [runs[case] for case in here if case in runs]:
        trained = ("share",) if any(case.share for case in here if case in runs) else ()
        parts.append(markdown(make_table(finished, [*COLUMNS, *trained])).rstrip())
    for given, told in ((False, "Not run"), (True, "Not run with the true PSF and SRF")):
        if left := [f"`{case.method}`" for case in missing if case.given is given]:
            parts.append(f"{told}: {', '.join(left)}.")
    return "\n\n".join(parts)


def _name(case: Case) -> str:
    return f"`{case.method}`" + (" with the true PSF and SRF" if case.given else "")


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [titles, ["---"] * len(titles), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
