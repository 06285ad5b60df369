#!/usr/bin/env python3
"""Fuse the built-in scene and show the result: ``make demo``."""

import time
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_module
from numpy.typing import NDArray
from rich.columns import Columns
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy.ndimage import zoom

from udaln.experiment.config import typed
from udaln.experiment.datasets.simulated import simulated_scene
from udaln.experiment.run import run
from udaln.io.cubes import read_cube
from udaln.metrics import fusion_metrics
from udaln.pictures import images
from udaln.scene import Scene

COLUMNS = 36  # width of a picture [characters]


def main() -> None:
    """Run with the default configuration, then print the figures beside those of interpolation."""
    with initialize_config_module("udaln.conf", version_base="1.3"):
        config = typed(compose("config"))
    folder = Path("outputs/demo") / time.strftime("%Y-%m-%d_%H-%M-%S")
    figures = run(config, folder)

    scene = simulated_scene(config)
    fused = torch.from_numpy(read_cube(folder / "fused.mat", key="fused"))
    console = Console()
    if console.is_terminal:
        composites = images(scene, fused)
        console.print(Columns([_as_text(name, composites[name]) for name in ("LR-HSI", "fused", "truth")], padding=2))
    table = Table(title=f"×{scene.scale}, blind: neither the PSF nor the SRF was given")
    for column in ("", "bicubic LR-HSI", "fused"):
        table.add_column(column, justify="right" if column else "left")
    for name, value in _bicubic(scene).items():
        table.add_row(name, f"{value:.4g}", f"{figures[name]:.4g}")
    console.print(table)
    console.print(f"[bold]Look at[/bold] {folder}/overview.png, or: tensorboard --logdir outputs")


def _bicubic(scene: Scene) -> dict[str, float]:
    """The figures of the interpolated LR-HSI, the baseline."""
    r = scene.scale
    interpolated = zoom(scene.lr_hsi.numpy(), (r, r, 1), order=3, mode="nearest", grid_mode=True)
    metrics = fusion_metrics(r)
    metrics.update(scene.truth.image, torch.from_numpy(interpolated))
    return {name: float(value) for name, value in metrics.compute().items()}


def _as_text(name: str, picture: NDArray[np.float32]) -> Text:
    """Draw a picture in coloured half blocks, two pixels per character."""
    step = torch.linspace(0, picture.shape[0] - 1, COLUMNS).round().long().numpy()
    pixels = (picture[step][:, step] * 255).round().astype(int)
    text = Text(f"{name}\n")
    for upper, lower in zip(pixels[::2], pixels[1::2], strict=True):
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", f"rgb({','.join(map(str, above))}) on rgb({','.join(map(str, below))})")
        text.append("\n")
    return text


if __name__ == "__main__":
    main()
