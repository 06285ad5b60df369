"""The figures that a table of runs shows: their titles, units and which direction is better."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from udaln.parts import METRICS


@dataclass(frozen=True)
class Figure:
    """A key of ``metrics.json`` as a column.

    Attributes:
        key: The key.
        title: Of the column.
        decimals: Digits after the point; None for words.
        better: 1 if higher is better, −1 if lower is, 0 if neither.
        unit: Of the values.
        needs_truth: Whether it can only be computed with a reference image.
    """

    key: str
    title: str
    decimals: int | None
    better: int = 0
    unit: str = ""
    needs_truth: bool = False

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title

    def text(self, value: Any) -> str:
        """A value as it is shown; empty if there is none."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float):
            if not math.isfinite(value):
                return "∞" if value > 0 else "−∞" if value < 0 else ""
            if self.decimals is None:
                return f"{value:g}"
            if self.unit == "s":
                return f"{value:.{self.decimals if value >= 1 else self.decimals + 1}f}"
            return _small(value) if 0 < abs(value) < 10**-self.decimals else f"{value:.{self.decimals}f}"
        if isinstance(value, list):
            return ", ".join(map(str, value))
        return str(value)


def _small(value: float) -> str:
    """A number that is too small for its decimals, with two digits."""
    return f"{value:.1e}"


_ALL = (
    Figure("psnr", "PSNR", 2, 1, "dB", needs_truth=True),
    Figure("psnr_cube", "PSNR of the cube", 2, 1, "dB", needs_truth=True),
    Figure("ssim", "SSIM", 4, 1, needs_truth=True),
    Figure("sam", "SAM", 3, -1, "°", needs_truth=True),
    Figure("ergas", "ERGAS", 3, -1, needs_truth=True),
    Figure("cc", "CC", 4, 1, needs_truth=True),
    Figure("uiqi", "UIQI", 4, 1, needs_truth=True),
    Figure("rmse", "RMSE", 5, -1, needs_truth=True),
    Figure("hqnr", "HQNR", 4, 1),
    Figure("d_lambda", "D_λ", 4, -1),
    Figure("d_s", "D_S", 4, -1),
    Figure("held_out_error", "held-out error", 5, -1),
    Figure("check_psnr", "check PSNR", 2, 1, "dB"),
    Figure("check_sam", "check SAM", 3, -1, "°"),
    Figure("check_ergas", "check ERGAS", 3, -1),
    Figure("lr_hsi_error", "LR-HSI error", 5, -1),
    Figure("hr_msi_error", "HR-MSI error", 5, -1),
    Figure("psf_error", "PSF error", 5, -1, needs_truth=True),
    Figure("srf_error", "SRF error", 4, -1, needs_truth=True),
    Figure("loss", "training loss", 5),
    Figure("verdict", "verdict", None),
    Figure("share", "share of the schedule", None),
    Figure("given", "given", None),
    Figure("blind", "blind", None),
    Figure("parameters", "parameters", 0),
    Figure("seconds_fit", "fit", 1, -1, "s"),
    Figure("seconds_fuse", "fuse", 1, -1, "s"),
    Figure("seconds", "time", 1, -1, "s"),
    Figure("peak_memory_mib", "memory", 0, -1, "MiB"),
)
BY_KEY = {figure.key: figure for figure in _ALL}
WITH_TRUTH = ("psnr", "ssim", "sam", "ergas", "cc", "uiqi", "rmse", "seconds")
WITHOUT_TRUTH = ("hqnr", "d_lambda", "d_s", "check_psnr", "check_sam", "held_out_error", "verdict", "seconds")
IF_THEY_DIFFER = ("share", "given")  # beside either


def figure(key: str) -> Figure:
    """A figure by its key; one that is neither listed above nor a metric that is known is shown as it is."""
    if key in BY_KEY:
        return BY_KEY[key]
    title = key.replace("_", " ")
    if key not in METRICS:
        return Figure(key, title, 4)
    own = METRICS.get(key)
    return Figure(key, own.title or title, own.decimals, own.better, own.unit)


def all_keys() -> tuple[str, ...]:
    """The keys of all figures listed here, in the order of a table."""
    return tuple(BY_KEY)
