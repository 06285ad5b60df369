"""The layout of TensorBoard: which figures have a card, in which group, and the session of the HPARAMS page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from udaln.parts import METRICS

# TensorBoard sorts groups by name: the numbers put those that are looked at first at the top.
GROUPS = {
    "1 headlines": ("psnr", "sam", "ergas"),
    "2 quality": ("cc", "uiqi", "rmse"),
    "3 without reference": ("hqnr", "d_lambda", "d_s", "held_out_error", "check_psnr", "check_sam", "check_ergas"),
    "4 agreement with the pair": ("lr_hsi_error", "hr_msi_error", "lr_msi_error"),
    "5 sensors": ("psf_error", "srf_error", "shift_error", "spad_psnr", "sped_psnr"),
}
OWN = "6 own metrics"
HEADLINES = ("psnr", "sam", "ergas", "hqnr", "d_lambda", "d_s", "check_psnr", "check_sam", "check_ergas")

_TAGS = {name: f"{group}/{name}" for group, names in GROUPS.items() for name in names}


def cards(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures that have a card and are finite, by their tags."""
    tags = _TAGS | {name: f"{OWN}/{name}" for name in METRICS.names()}
    return {tags[name]: value for name, value in figures.items() if name in tags and math.isfinite(value)}


def add_layout(writer: SummaryWriter, *, trained: bool) -> None:
    """Group the charts of the page CUSTOM SCALARS: headlines, then losses and learning rates if stages are trained."""
    layout = {"headlines": {name: ["Multiline", [f"^{_TAGS[name]}$"]] for name in HEADLINES}}
    if trained:
        layout["training"] = {
            "losses of the stages": ["Multiline", [r"^(?!\d ).+/(?!lr$)"]],
            "learning rates": ["Multiline", [r"^(?!\d ).+/lr$"]],
        }
    writer.add_custom_scalars(layout)


class Session:
    """A run on the HPARAMS page: there with its settings from the start on, and marked as done at the end.

    Which settings are columns, and that those that differ between the runs come first, TensorBoard finds from the runs
    that it is shown.

    Args:
        writer: TensorBoard's.
        settings: The settings of the run by name: numbers, words, truth values, or none.
    """

    def __init__(self, writer: SummaryWriter, settings: Mapping[str, Any]) -> None:
        shown = {k: str(v) if v is None or isinstance(v, bool) else v for k, v in settings.items()}
        _, self._start, self._end = hparams(shown, {})  # type: ignore[no-untyped-call]
        self._writer = writer

    def start(self) -> None:
        """Show the run."""
        self._write(self._start)

    def end(self) -> None:
        """Mark it as done."""
        self._write(self._end)

    def _write(self, summary: Any) -> None:
        self._writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]
        self._writer.flush()
