#!/usr/bin/env python3
"""Apply a trained model to another acquisition of the same sensors: ``fuse.py model=RUN hr_msi=FILE out=FILE``.

With ``lr_hsi=FILE`` too, the fused image is made consistent with both images; without, it is SpeUnet's map. Either way
it is read, made and written window by window; a stopped call goes on where it was when it is made again.
"""

import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import MISSING

from udaln import threads
from udaln.consistency.fuser import Fuser
from udaln.consistency.refinement import fit_refinement
from udaln.errors import InputError
from udaln.estimation.psf import centre_shift
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.datasets.pair import values_of
from udaln.experiment.datasets.simulated import called
from udaln.experiment.model_file import ModelFile, load_model
from udaln.experiment.plugins import import_plugins, plugins_of
from udaln.experiment.schema import Memory
from udaln.experiment.stream import fuse_to_files, map_to_file
from udaln.io.formats import open_image
from udaln.io.image import Image
from udaln.io.overlap import overlap
from udaln.io.pair import Pair, select_bands_and_fill_gaps
from udaln.io.sample import find_shift
from udaln.io.write import check_output
from udaln.methods.base import SpectralMap
from udaln.scene import Scene


@dataclass
class Arguments:
    """A run's folder or its ``model.ckpt``, the images, their variables in files of several, and where to.

    ``resample``, ``memory_limit`` and ``memory_sample`` are ``dataset.resample``, ``memory.limit`` and
    ``memory.sample`` of a run; ``uncertainty``: a file for how far the image may be off; ``plugins``: as in a run.
    """

    model: str = MISSING
    hr_msi: str = MISSING
    out: str = MISSING
    lr_hsi: str | None = None
    hr_msi_variable: str | None = None
    lr_hsi_variable: str | None = None
    resample: bool = False
    uncertainty: str | None = None
    memory_limit: str = Memory.limit
    memory_sample: int = Memory.sample
    seed: int = 2
    plugins: str | None = None


@threads.single()
def main() -> None:
    """Write the fused image, in the units of the LR-HSI that the model was made with, on the HR-MSI's pixels."""
    with one_line_errors(), ExitStack() as stack:
        given = arguments(Arguments)
        path = Path(given.model)
        path = path / "model.ckpt" if path.is_dir() else path
        import_plugins(plugins_of(sys.argv[1:]))
        saved = load_model(path)
        limit = _limit(given)
        hr_msi = stack.enter_context(_open(given, "hr_msi"))
        bands, msi_bands = saved.model.degradation.support.shape
        if saved.left_out is not None:
            bands, msi_bands = len(saved.left_out.kept), len(saved.left_out.msi_dead)
        _check(hr_msi, "hr_msi", msi_bands)
        files = [Path(file) for file in (given.out, given.uncertainty) if file is not None]
        for key, file in zip(("out", "uncertainty"), files, strict=False):
            check_output(file, key=key, georeferenced=hr_msi.grid is not None, grid=hr_msi.grid)
        fingerprint = [sys.argv[1:], *(_version(file) for file in (path, Path(given.hr_msi), given.lr_hsi) if file)]
        if given.lr_hsi is None:
            if given.uncertainty is not None:
                raise InputError("uncertainty: expected lr_hsi=… too: a map alone does not tell how far off it is")
            model = saved.model
            if not isinstance(model, SpectralMap):
                raise InputError(f"lr_hsi: expected a file: the model of {path} needs an LR-HSI, too")
            map_to_file(model, hr_msi, files[0], saved.bands, saved.left_out, limit=limit, fingerprint=fingerprint)
        else:
            lr_hsi = stack.enter_context(_open(given, "lr_hsi"))
            _check(lr_hsi, "lr_hsi", bands)
            pair = overlap(lr_hsi, hr_msi, resample=given.resample, keys=("lr_hsi", "hr_msi"))
            with called({"LR-HSI": f"lr_hsi: {given.lr_hsi}", "HR-MSI": f"hr_msi: {given.hr_msi}"}):
                _fuse(saved, pair, files, given, limit, fingerprint)
        print(given.out)


def _fuse(saved: ModelFile, pair: Pair, files: list[Path], given: Arguments, limit: int, fingerprint: object) -> None:
    """Make the map consistent with both images."""
    model, left_out = saved.model, saved.left_out
    degradation = model.degradation
    if pair.scale != degradation.scale:
        raise InputError(f"lr_hsi: {given.lr_hsi}: expected a scale factor of {degradation.scale}, got {pair.scale}")
    support = degradation.support
    found = find_shift(pair, support, given.seed, left_out)
    held = centre_shift(degradation.psf.numpy(), pair.scale, (0, 0))  # by the PSF
    down, right = (round(there - here) for there, here in zip(found, held, strict=True))
    pair = pair.shifted(down, right)
    values = values_of(pair, Memory(given.memory_limit, given.memory_sample), given.seed)
    lr_hsi, lr_valid, hr_msi, hr_valid = select_bands_and_fill_gaps(*values, left_out)
    scene = Scene(lr_hsi, hr_msi, support, lr_valid=lr_valid, hr_valid=hr_valid, left_out=left_out)
    fuser = Fuser(model, fit_refinement(model, scene))
    cpu = torch.device("cpu")
    fuse_to_files(fuser, pair, scene, files, saved.bands, cpu, left_out, limit=limit, fingerprint=fingerprint)


def _open(given: Arguments, key: str) -> AbstractContextManager[Image]:
    variable_key = f"{key}_variable"
    return open_image(getattr(given, key), getattr(given, variable_key), key=key, variable_key=variable_key)


def _limit(given: Arguments) -> int:
    """Bytes that the process may take."""
    for key, least in (("memory_sample", 400), ("seed", 0)):
        if getattr(given, key) < least:
            raise InputError(f"{key}: expected at least {least}, got {getattr(given, key)}")
    with called({"memory.limit": "memory_limit"}):
        return Memory(given.memory_limit, given.memory_sample).bytes


def _check(image: Image, key: str, bands: int) -> None:
    if image.shape[2] != bands:
        raise InputError(f"{key}: {image.path}: expected {bands} bands as in the model, got {image.shape[2]}")


def _version(file: str | Path) -> list[float]:
    """What changes when a file does."""
    said = Path(file).stat()
    return [said.st_size, said.st_mtime_ns]


if __name__ == "__main__":
    main()
