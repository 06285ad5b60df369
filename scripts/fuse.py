#!/usr/bin/env python3
"""Apply a run's networks to another HR-MSI of the same sensors: ``fuse.py model=RUN hr_msi=FILE out=FILE.mat``."""

from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import MISSING

from udaln.cli import arguments, one_line_errors
from udaln.data.bad_bands import restored
from udaln.data.cubes import read_cube
from udaln.errors import InputError
from udaln.results import load_networks, write_fused
from udaln.scene import check_image


@dataclass
class Arguments:
    """A run's folder or its ``model.ckpt``, the image, its variable in a ``.mat`` file, and where to: .mat or .npy."""

    model: str = MISSING
    hr_msi: str = MISSING
    out: str = MISSING
    hr_msi_variable: str | None = None


def main() -> None:
    """Write the fused image, in the units of the LR-HSI that the model was made with."""
    with one_line_errors():
        given = arguments(Arguments)
        model = Path(given.model)
        networks, left_out = load_networks(model / "model.ckpt" if model.is_dir() else model)
        cube = read_cube(given.hr_msi, given.hr_msi_variable, key="hr_msi", variable_key="hr_msi_variable")
        hr_msi = torch.from_numpy(cube)
        check_image(hr_msi, f"hr_msi: {given.hr_msi}")
        bands = networks.sped.support.shape[1] if left_out is None else len(left_out.msi_dead)
        if hr_msi.shape[2] != bands:
            raise InputError(f"hr_msi: {given.hr_msi}: expected {bands} bands as in the model, got {hr_msi.shape[2]}")
        fused = networks.fuse(hr_msi if left_out is None else hr_msi[..., ~left_out.msi_dead])
        fused = restored(fused, left_out)
        write_fused(Path(given.out), fused)
        print(f"{given.out}: {'×'.join(map(str, fused.shape))}")


if __name__ == "__main__":
    main()
