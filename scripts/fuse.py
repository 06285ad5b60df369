#!/usr/bin/env python3
"""Apply a fitted model to another acquisition of the same sensors: ``fuse.py model=RUN hr_msi=FILE out=FILE``.

With ``lr_hsi=FILE`` the fused image is made consistent with both images; without, it is the model's map of the HR-MSI.
Images are read, fused and written window by window. An interrupted call continues if it is repeated.
"""

import sys
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import MISSING

from udaln import threads
from udaln.consistency.calibration import calibrated
from udaln.consistency.fuser import Fuser
from udaln.consistency.refinement import fit_refinement
from udaln.errors import InputError
from udaln.estimation.psf import centre_shift
from udaln.experiment.cli import arguments, one_line_errors
from udaln.experiment.datasets.pair import training_images
from udaln.experiment.error_keys import errors_name_key
from udaln.experiment.model_file import ModelFile, load_model
from udaln.experiment.plugins import import_plugins, plugins_of
from udaln.experiment.schema import Memory
from udaln.experiment.stream import fuse_to_files, map_to_file
from udaln.io.formats import open_image
from udaln.io.image import Image
from udaln.io.missing import describe_shares
from udaln.io.overlap import overlap
from udaln.io.pair import Pair, select_bands_and_fill_gaps
from udaln.io.sample import find_shift
from udaln.io.write import check_output
from udaln.methods.base import SpectralMap
from udaln.scene import Scene


@dataclass
class Arguments:
    """A run's folder or its ``model.ckpt``, the images, their variables in files of several, and the output.

    ``resample``, ``memory_limit`` and ``memory_sample`` are ``dataset.resample``, ``memory.limit`` and
    ``memory.sample`` of a run. ``uncertainty``: a file for the error's standard deviation. ``plugins``: as in a run.
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
    """Write the fused image on the HR-MSI's pixels, in the units of the LR-HSI that the model was fitted to."""
    with one_line_errors(), ExitStack() as stack:
        args = arguments(Arguments)
        path = Path(args.model)
        path = path / "model.ckpt" if path.is_dir() else path
        import_plugins(plugins_of(sys.argv[1:]))
        saved = load_model(path)
        memory = _memory(args)
        hr_msi = stack.enter_context(_open(args, "hr_msi"))
        bands, msi_bands = saved.model.degradation.support.shape
        if saved.dropped_bands is not None:
            bands, msi_bands = len(saved.dropped_bands.kept), len(saved.dropped_bands.msi_dead)
        _check(hr_msi, "hr_msi", msi_bands)
        files = [Path(file) for file in (args.out, args.uncertainty) if file is not None]
        for key, file in zip(("out", "uncertainty"), files, strict=False):
            check_output(file, key=key, georeferenced=hr_msi.grid is not None, grid=hr_msi.grid)
        fingerprint = [sys.argv[1:], *(_version(file) for file in (path, Path(args.hr_msi), args.lr_hsi) if file)]
        if args.lr_hsi is None:
            if args.uncertainty is not None:
                raise InputError("uncertainty: expected lr_hsi=… too: a map alone does not tell how far off it is")
            model = saved.model
            if not isinstance(model, SpectralMap):
                raise InputError(f"lr_hsi: expected a file: the model of {path} needs an LR-HSI, too")
            limit, dropped_bands = memory.bytes, saved.dropped_bands
            map_to_file(
                model, hr_msi, files[0], saved.bands, dropped_bands, memory_limit=limit, fingerprint=fingerprint
            )
        else:
            lr_hsi = stack.enter_context(_open(args, "lr_hsi"))
            _check(lr_hsi, "lr_hsi", bands)
            pair = overlap(lr_hsi, hr_msi, resample=args.resample, keys=("lr_hsi", "hr_msi"))
            with errors_name_key({"LR-HSI": f"lr_hsi: {args.lr_hsi}", "HR-MSI": f"hr_msi: {args.hr_msi}"}):
                _fuse(saved, pair, files, args, memory, fingerprint)
        print(args.out)
        _tell(hr_msi, "hr_msi")
        if args.lr_hsi is not None:
            _tell(lr_hsi, "lr_hsi")


def _fuse(
    saved: ModelFile, pair: Pair, files: list[Path], args: Arguments, memory: Memory, fingerprint: object
) -> None:
    """Fuse the pair by the model and the consistency step, into files."""
    model, dropped_bands = saved.model, saved.dropped_bands
    degradation = model.degradation
    if pair.scale != degradation.scale:
        raise InputError(f"lr_hsi: {args.lr_hsi}: expected a scale factor of {degradation.scale}, got {pair.scale}")
    support = degradation.support
    shift = find_shift(pair, support, args.seed, dropped_bands)
    psf_shift = centre_shift(degradation.psf.numpy(), pair.scale, (0, 0))  # the model's PSF accounts for this part
    pair = pair.shifted(*(round(whole - part) for whole, part in zip(shift, psf_shift, strict=True)))
    images = training_images(pair, memory, args.seed)
    y, z = select_bands_and_fill_gaps(*images, dropped_bands)
    scene = Scene(y.image, z.image, support, lr_valid=y.valid, hr_valid=z.valid, dropped_bands=dropped_bands)
    fuser = Fuser(model, calibrated(model, fit_refinement(model, scene), scene)[0])
    fuse_to_files(
        fuser,
        pair,
        scene,
        files,
        saved.bands,
        torch.device("cpu"),
        dropped_bands,
        memory_limit=memory.bytes,
        fingerprint=fingerprint,
    )


def _open(args: Arguments, key: str) -> AbstractContextManager[Image]:
    variable_key = f"{key}_variable"
    variable = getattr(args, variable_key)
    return open_image(getattr(args, key), variable, key=key, variable_key=variable_key, find_fill=True)


def _tell(image: Image, key: str) -> None:
    """Print what of a file is not used, on standard error."""
    for line in (*image.notes, *describe_shares(image)):
        print(f"{key}: {line}", file=sys.stderr)


def _memory(args: Arguments) -> Memory:
    """The memory that may be used; the seed is checked, too."""
    for key, least in (("memory_sample", 400), ("seed", 0)):
        if getattr(args, key) < least:
            raise InputError(f"{key}: expected at least {least}, got {getattr(args, key)}")
    memory = Memory(args.memory_limit, args.memory_sample)
    with errors_name_key({"memory.limit": "memory_limit"}):
        _ = memory.bytes  # raises if it is no size
    return memory


def _check(image: Image, key: str, bands: int) -> None:
    if image.shape[2] != bands:
        raise InputError(f"{key}: {image.path}: expected {bands} bands as in the model, got {image.shape[2]}")


def _version(file: str | Path) -> list[float]:
    """Size and time of a file: they change with its content."""
    status = Path(file).stat()
    return [status.st_size, status.st_mtime_ns]


if __name__ == "__main__":
    main()
