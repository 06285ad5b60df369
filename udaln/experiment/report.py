"""Messages that a run writes to its log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from udaln.experiment.comparison.figures import WITH_TRUTH, Figure, figure
from udaln.experiment.fusion import Fusion
from udaln.io.pair import Pair
from udaln.monitor.console import RESULT, print_columns
from udaln.scene import Scene
from udaln.trust.verdict import Level

_STEPS = Figure("steps", "steps", 0)
_SHOWN_WITH_TRUTH = ("psnr", "sam", "ergas", "cc", "uiqi", "rmse", "hqnr")
_SHOWN_WITHOUT_TRUTH = ("hqnr", "d_lambda", "d_s", "held_out_error", "lr_hsi_error", "hr_msi_error")


def sizes(scene: Scene, pair: Pair | None, *, streamed: bool) -> list[str]:
    """Describe the pair: sizes, how the images were matched, and what is trained on.

    Args:
        scene: The scene that is trained on.
        pair: The pair on disk; None if it is simulated.
        streamed: Whether it is fused window by window.
    """
    images = [scene.lr_hsi, scene.hr_msi] if pair is None else [pair.lr_hsi, pair.hr_msi]
    sizes = ["×".join(map(str, image.shape)) for image in images]
    lines = [f"LR-HSI {sizes[0]}, HR-MSI {sizes[1]}, scale factor {scene.scale}"]
    if pair is not None:
        lines += pair.notes
    if streamed:
        rows, columns = scene.lr_hsi.shape[:2]
        lines.append(f"trained on plots of {rows * columns} LR pixels in all, of which the figures and pictures are")
    return lines


def estimates(fusion: Fusion) -> list[str]:
    """Describe the estimated shift, radiometry and noise."""
    scene, degradation = fusion.scene, fusion.model.degradation
    down, right = fusion.shift
    lines = [f"LR-HSI: {down:+.2f} rows and {right:+.2f} columns [HR pixels] off its place on the HR-MSI"]
    lines += differences(fusion)
    if any(scene.resampling_shift):
        lines.append("HR-MSI: resampled, so that its pixels nest in the LR-HSI's")
    if not degradation.same_units:
        gains, offsets = (" ".join(f"{v:.4g}" for v in values.tolist()) for values in (fusion.gain, fusion.offset))
        lines += [f"gains of the MSI bands: {gains}", f"offsets of the MSI bands: {offsets}"]
    refinement = fusion.fuser.refinement
    if fusion.held_out is not None and fusion.held_out.bands_interpolated:
        lines.append(f"{fusion.held_out.bands_interpolated} bands are interpolated: the HR-MSI does not help there")
    if refinement is not None:
        if moved := int(refinement.displacement.any(0).sum()):
            furthest = float(refinement.displacement.norm(dim=0).max())
            lines.append(f"{moved} bands are displaced by up to {furthest:.2f} HR pixels; they are put in their places")
        hr_msi = degradation.matched(scene.hr_msi)
        for name, image, level in (
            ("LR-HSI", scene.lr_hsi, refinement.noise.lr_hsi),
            ("HR-MSI", hr_msi, refinement.noise.hr_msi),
        ):
            power = image.double().square().mean((0, 1)) / level.square().clamp(min=torch.finfo(torch.float64).tiny)
            ratio = f"{10 * float(power.median().log10()):.0f} dB" if float(level.max()) > 0 else "without bounds"
            lines.append(f"{name}: signal-to-noise ratio {ratio} (median of its bands)")
    return lines


def differences(fusion: Fusion) -> list[str]:
    """Describe what makes parts of the pair unlike: a shift that varies, and change."""
    lines = []
    if fusion.warp is not None:
        lines.append(
            f"LR-HSI: its place varies by {fusion.warp.spread:.2f} HR pixels (root mean square); this was taken out"
        )
    if fusion.changed is not None:
        lines.append(
            f"LR-HSI: {fusion.changed.mean():.1%} of its pixels show other ground than the HR-MSI (change, clouds); "
            "they are not used, the fused image shows the ground of the HR-MSI there"
        )
    return lines


def log_check(figures: dict[str, float], log: logging.Logger) -> None:
    """Log the figures of the reduced-resolution check; a warning if it was not possible."""
    if not figures:
        log.warning("reduced-resolution check: the LR-HSI is too small for it")
        return
    rows = [
        {"check": name} | {key: figures[f"check_{prefix}{key}"] for key in ("psnr", "sam", "ergas")}
        for name, prefix in (("fused", ""), ("interpolated", "interpolated_"))
    ]
    log.info("check: the pair is degraded once more (×%d), fused and compared with the LR-HSI", figures["check_scale"])
    print_columns(titled(rows, "check"), "check")


def titled(rows: Sequence[Mapping[str, Any]], heading: str) -> list[dict[str, Any]]:
    """The figures of rows that matter most, as texts by their titles. ``stages.csv`` and ``metrics.json`` have all.

    Args:
        rows: Figures by their keys.
        heading: The key of the rows that is kept as it is.
    """
    present = {key for row in rows for key, value in row.items() if value not in (None, 0)}
    truth = any(WITH_TRUTH[0] in row for row in rows)
    keys = _SHOWN_WITH_TRUTH if truth else _SHOWN_WITHOUT_TRUTH
    chosen = [column for column in (_STEPS, *map(figure, (*keys, "seconds"))) if column.key in present]
    return [
        {heading: row[heading]} | {column.heading: column.text(row.get(column.key)) for column in chosen}
        for row in rows
    ]


def verdict(fusion: Fusion) -> dict[str, Any]:
    """The verdict, for ``metrics.json``."""
    assert fusion.verdict is not None
    return {"verdict": fusion.verdict.level.value, "verdict_reasons": list(fusion.verdict.reasons)}


def log_verdict(fusion: Fusion, log: logging.Logger) -> None:
    """Log the verdict in one line; a warning if the image is not fit to use."""
    assert fusion.verdict is not None
    level = logging.INFO if fusion.verdict.level is Level.fit else logging.WARNING
    log.log(level, "verdict: %s", fusion.verdict, extra=RESULT)


@contextmanager
def log_how_to_resume(folder: Path, log: logging.Logger) -> Iterator[None]:
    """If the block is interrupted, log the command that resumes the run."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        log.warning("stopped; go on with: udaln resume=%s", folder)
        raise
