"""From a dataset's configuration to the scene it describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from udaln.config import Config, Dataset, PairDataset, ReferenceDataset, SyntheticDataset
from udaln.data.cubes import read_cube, read_matrix
from udaln.data.simulate import gaussian_psf, simulate
from udaln.data.srf import SRF, normalise, read_srf, read_wavelengths, srf_from_edges, support
from udaln.data.synthetic import synthetic_reference
from udaln.errors import InputError
from udaln.scene import Known, Scene, Truth, check_image, scale_factor


def load_scene(config: Config) -> Scene:
    """Read or make the pair that a configuration asks for.

    Raises:
        InputError: If a file cannot be used, or the images, their bands and the scale factor do not fit together.
    """
    dataset: Dataset = config.dataset
    if isinstance(dataset, PairDataset):
        return _pair(dataset, config)
    if config.scale.factor is None:
        raise InputError(f"scale.factor: expected a number for dataset={dataset.name}, got none; try scale=x5")
    if isinstance(dataset, SyntheticDataset):
        cube, wavelengths = synthetic_reference(dataset.size, dataset.bands, dataset.scene_seed)
        srf = _srf(config, cube.shape[2], wavelengths, file=None)
        reference, name = torch.from_numpy(cube), "synthetic scene"
    else:
        reference, name = _reference(dataset)
        bands = reference.shape[2]
        given = _wavelengths(dataset.wavelengths, bands)
        srf = _srf(config, bands, given, dataset.srf)
    if srf is None:
        raise InputError("dataset.srf: expected the file of an SRF, or sensor=… and dataset.wavelengths=…, got neither")
    factor = config.scale.factor
    kernel_size = config.scale.kernel_size or factor
    return simulate(
        reference,
        torch.from_numpy(srf.values),
        torch.from_numpy(support(srf)),
        gaussian_psf(kernel_size, factor, config.scale.fwhm or factor),
        factor,
        snr_hsi=dataset.snr_hsi,
        snr_msi=dataset.snr_msi,
        noise_seed=dataset.noise_seed,
        wavelengths=None if srf.wavelengths is None else torch.from_numpy(srf.wavelengths),
        name=name,
    )


def _reference(dataset: ReferenceDataset) -> tuple[Tensor, str]:
    """The cropped reference, H×W×C, and what errors call it."""
    key = "dataset.reference"
    rows = columns = None
    if dataset.crop is not None:
        top, left, height, width = _integers("dataset.crop", dataset.crop, "[first row, first column, rows, columns]")
        rows, columns = slice(top, top + height), slice(left, left + width)
    cube = read_cube(dataset.reference, dataset.variable, key=key, rows=rows, cols=columns)
    if dataset.bands is not None:
        first, stop = _integers("dataset.bands", dataset.bands, "[first, past the last]")
        if not 0 <= first < stop <= cube.shape[2]:
            raise InputError(f"dataset.bands: expected a range within 0 to {cube.shape[2]}, got [{first}, {stop}]")
        cube = cube[:, :, first:stop]
    return torch.from_numpy(np.ascontiguousarray(cube)), f"{key}: {dataset.reference}"


def _pair(dataset: PairDataset, config: Config) -> Scene:
    images = {}
    for key in ("lr_hsi", "hr_msi"):
        path = getattr(dataset, key)
        cube = read_cube(
            path, getattr(dataset, f"{key}_variable"), key=f"dataset.{key}", variable_key=f"dataset.{key}_variable"
        )
        images[key] = torch.from_numpy(cube)
        check_image(images[key], f"dataset.{key}: {path}")
    lr_hsi, hr_msi = images["lr_hsi"], images["hr_msi"]
    implied = scale_factor(lr_hsi, hr_msi)
    if config.scale.factor not in (None, implied):
        raise InputError(f"scale.factor: expected {implied}, as the sizes of the pair imply, got {config.scale.factor}")
    bands, msi_bands = lr_hsi.shape[2], hr_msi.shape[2]
    wavelengths = _wavelengths(dataset.wavelengths, bands)
    srf = _srf(config, bands, wavelengths, dataset.srf)
    if srf is None:
        covered = torch.ones(bands, msi_bands, dtype=torch.bool)
    else:
        covered = torch.from_numpy(support(srf))
        wavelengths = srf.wavelengths
    if covered.shape[1] != msi_bands:
        key = "dataset.srf" if dataset.srf else "sensor"
        raise InputError(f"{key}: expected {msi_bands} MSI bands as in dataset.hr_msi, got {covered.shape[1]}")
    return Scene(
        lr_hsi,
        hr_msi,
        covered,
        wavelengths=None if wavelengths is None else torch.from_numpy(wavelengths),
        known=Known(_psf(dataset.psf, "dataset.psf"), _srf_matrix(dataset.srf, bands, "dataset.srf")),
        truth=Truth(
            psf=_psf(dataset.true_psf, "dataset.true_psf"),
            srf=_srf_matrix(dataset.true_srf, bands, "dataset.true_srf"),
        ),
    )


def _srf(config: Config, bands: int, wavelengths: np.ndarray[Any, Any] | None, file: str | None) -> SRF | None:
    """The SRF from its file or, without one, from the sensor's band edges; none without either."""
    if file is not None:
        return read_srf(file, bands, key="dataset.srf")
    if config.sensor is None:
        return None
    if wavelengths is None:
        raise InputError(f"dataset.wavelengths: expected the cube's wavelengths for {config.sensor.name}, got none")
    return srf_from_edges(config.sensor.bands, wavelengths)


def _wavelengths(given: Any, bands: int) -> np.ndarray[Any, Any] | None:
    return None if given is None else read_wavelengths(given, bands, key="dataset.wavelengths")


def _srf_matrix(file: str | None, bands: int, key: str) -> Tensor | None:
    return None if file is None else torch.from_numpy(normalise(read_srf(file, bands, key=key)).values).float()


def _psf(file: str | None, key: str) -> Tensor | None:
    if file is None:
        return None
    psf = torch.from_numpy(read_matrix(file, key=key)).float()
    if psf.shape[0] != psf.shape[1] or not psf.sum() > 0:
        raise InputError(f"{key}: {file}: expected a square PSF with a positive sum, got {psf.shape[0]}×{psf.shape[1]}")
    return psf


def _integers(key: str, values: Sequence[int], meaning: str) -> Sequence[int]:
    if len(values) != meaning.count(",") + 1:
        raise InputError(f"{key}: expected {meaning}, got {list(values)}")
    return values
