"""A table of runs as Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import io
import re

from udaln.experiment.comparison import settings
from udaln.experiment.comparison.figures import figure
from udaln.experiment.comparison.table import Table

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "°": r"$^\circ$",
    "λ": r"$\lambda$",
    "∞": r"$\infty$",
    "−": r"$-$",
    "×": r"$\times$",
    "–": "--",
}


def markdown(table: Table) -> str:
    """A table of GitHub's Markdown; the best figures are bold."""
    lines = [_markdown_line(table.headings), _markdown_line([*_alignment(table, "---", "---:")])]
    for row in table.rows:
        texts = [text.replace("|", "\\|").replace("\n", " ") for text in table.texts(row)]
        lines.append(
            _markdown_line([f"**{t}**" if best else t for t, best in zip(texts, table.is_best(row), strict=True)])
        )
    return "\n".join(lines) + "\n"


def latex(table: Table) -> str:
    r"""A ``tabular`` of booktabs; the best figures are bold. It needs ``\usepackage{booktabs}``."""
    columns = "".join(_alignment(table, "l", "r"))
    lines = ["% \\usepackage{booktabs}", f"\\begin{{tabular}}{{{columns}}}", "\\toprule"]
    lines += [_latex_line([_latex(heading) for heading in table.headings]), "\\midrule"]
    scene = None
    for row in table.rows:
        if scene is not None and table.scene(row) != scene:
            lines.append("\\midrule")
        scene = table.scene(row)
        texts = [_latex(text) for text in table.texts(row)]
        lines.append(
            _latex_line([f"\\textbf{{{t}}}" if best else t for t, best in zip(texts, table.is_best(row), strict=True)])
        )
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def comma_separated(table: Table) -> str:
    """CSV with full precision: settings by their keys, number of runs, mean and standard deviation of each figure.

    The last columns are the status and the folders of the runs.
    """
    keys = [column.key for column in table.columns]
    keys += [key for key in dict.fromkeys(key for row in table.rows for key in row.cells) if key not in keys]
    numbers = [key for key in keys if any(row.cells[key].deviation is not None for row in table.rows)]
    header = [*table.keys, "runs"]
    for key in keys:
        header += [key, f"{key}_std"] if key in numbers else [key]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*header, "status", "folders"])
    for row in table.rows:
        line: list[object] = [settings.value_text(value) for value in row.values]
        line.append(len(row.runs))
        for key in keys:
            cell = row.cells[key]
            value = figure(key).text(cell.mean) if isinstance(cell.mean, bool | list) else cell.mean
            line += [value, cell.deviation] if key in numbers else [value]
        status = row.status or ("finished" if row.runs else "published")
        writer.writerow([*line, status, " ".join(str(run.path) for run in row.runs)])
    return text.getvalue()


def is_number_column(table: Table) -> list[bool]:
    """Which columns, in the order of the headings, hold figures and are aligned to the right."""
    figures = [not any(isinstance(row.cells[column.key].mean, str) for row in table.rows) for column in table.columns]
    names = [False] * max(len(table.keys), 1)
    return [*names, *([True] if table.repeated else []), *([False] if table.incomplete else []), *figures]


def _alignment(table: Table, left: str, right: str) -> list[str]:
    return [right if number else left for number in is_number_column(table)]


def _markdown_line(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _latex_line(texts: list[str]) -> str:
    return " & ".join(texts) + r" \\"


def _latex(text: str) -> str:
    return re.sub("|".join(map(re.escape, _LATEX)), lambda match: _LATEX[match[0]], text)
