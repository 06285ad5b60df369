"""``udaln inspect``: how two files make a pair, and whether they look as if they do."""

from __future__ import annotations

import numpy as np
import torch

from udaln.experiment.schema import Memory
from udaln.experiment.stream_windows import working_set
from udaln.io.coarse_stack import with_sharpened_bands
from udaln.io.image import Image
from udaln.io.missing import describe_shares
from udaln.io.overlap import overlap
from udaln.io.pair import Pair
from udaln.io.pair_fill import without_pair_fill
from udaln.io.sample import plots, sample
from udaln.io.unexplained_bands import LITTLE, explained

SAMPLE = 1500  # LR pixels that are read, in plots spread over the pair
SECONDS = 1.2e-3  # per LR pixel, on two cores; from scale factor 5 on it grows with the factor's fourth power
APART = 30.0  # ratio of the two images' medians above which their units differ


def describe_pair(lr_hsi: Image, hr_msi: Image) -> dict[str, str]:
    """Describe the pair that two images make: lines of text by topic."""
    pair = overlap(lr_hsi, hr_msi)
    lines = {"LR-HSI": lr_hsi.path, "HR-MSI": hr_msi.path}
    lines |= dict(note.split(": ", 1) for note in pair.notes)
    (rows, columns, bands), (_, _, msi_bands) = pair.lr_hsi.shape, pair.hr_msi.shape
    height, width = rows * pair.scale, columns * pair.scale
    lines["fused"] = f"{height} rows × {width} columns × {bands} bands, {height * width * bands * 4 / 2**30:.2f} GiB"
    whole = working_set(rows, columns, pair.scale, bands, msi_bands, deviation=True)
    default = Memory()
    if rows * columns > default.sample:
        lines["memory"] = f"window by window, within memory.limit={default.limit}"
    else:
        lines["memory"] = f"whole, about {whole / 2**30:.1f} GiB"
    minutes = rows * columns * SECONDS * max(1, pair.scale / 5) ** 4 / 60
    lines["time"] = f"about {max(0.3, minutes):.1f} min on two cores, and a minute to learn the sensors"
    hr_msi = without_pair_fill(hr_msi, pair)
    if found := [
        *hr_msi.notes[len(pair.hr_msi.notes) :],
        *describe_shares(hr_msi)[len(describe_shares(pair.hr_msi)) :],
    ]:
        lines["HR-MSI fill"] = "; ".join(found)
    return lines | _upsampled_bands(pair) | _likeness(pair)


def _upsampled_bands(pair: Pair) -> dict[str, str]:
    """The bands of the HR-MSI that were made of larger pixels, and what a run makes of them."""
    found = with_sharpened_bands(pair.hr_msi, pair.scale).notes[len(pair.hr_msi.notes) :]
    return {"HR-MSI bands": "; ".join(found)} if found else {}


def _likeness(pair: Pair) -> dict[str, str]:
    """What speaks against the two images showing the same, by topic."""
    lr_hsi, hr_msi = sample(pair, plots(pair, SAMPLE, seed=0))
    lr_valid, hr_valid = torch.isfinite(lr_hsi).all(2), torch.isfinite(hr_msi)
    lines = {}
    if not (lr_valid.any() and hr_valid.any()):
        return {"alike": "no data in what was looked at"}
    medians = [float(np.median(np.abs(image))) for image in (lr_hsi[lr_valid].numpy(), hr_msi[hr_valid].numpy())]
    if max(medians) > APART * min(medians):
        lines["units"] = f"differ: medians of {medians[0]:.4g} and {medians[1]:.4g}; gains are estimated"
    found = explained(torch.nan_to_num(lr_hsi), hr_msi, lr_valid, hr_valid)
    if found is None:
        return lines | {"alike": "too few LR pixels to tell"}
    shares = ", ".join(f"{100 * max(0.0, share):.0f}" for share in found.tolist())
    lines["alike"] = f"of the variance of each HR-MSI band the LR-HSI predicts {shares} %"
    if float(found.max()) < LITTLE:
        lines["alike"] += "; are they of the same place and season?"
    return lines
