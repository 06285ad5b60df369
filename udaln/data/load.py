"""From a dataset's configuration to the scene it describes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.data.bad_bands import usable_scene
from udaln.data.cubes import read_cube, read_matrix
from udaln.data.gaps import holding
from udaln.data.simulate import gaussian_psf, simulate
from udaln.data.srf import SRF, normalise, read_srf, read_wavelengths, srf_from_edges, support
from udaln.data.synthetic import synthetic_reference
from udaln.errors import InputError
from udaln.scene import Known, Scene, Truth, scale_factor
from udaln.schema import BadBands, Config, Dataset, PairDataset, ReferenceDataset, Source, Support, SyntheticDataset

Wavelengths = NDArray[np.float64] | None


def load_scene(config: Config) -> Scene:
    """Read or make the pair that a configuration asks for.

    Raises:
        InputError: If a file cannot be used, or the images, their bands and the scale factor do not fit together.
    """
    dataset: Dataset = config.dataset
    return _pair(dataset, config) if isinstance(dataset, PairDataset) else _simulated(dataset, config)


def _simulated(dataset: SyntheticDataset | ReferenceDataset, config: Config) -> Scene:
    """A reference, degraded by Wald's protocol."""
    factor = config.scale.factor
    if factor is None:
        raise InputError(f"scale.factor: expected a number for dataset={dataset.name}, got none; try scale=x5")
    wavelengths: Wavelengths
    if isinstance(dataset, SyntheticDataset):
        with _called({"size": "dataset.size", "bands": "dataset.bands"}):
            cube, wavelengths = synthetic_reference(dataset.size, dataset.bands, dataset.scene_seed)
        name, file = "dataset.size", None
    else:
        cube = _reference(dataset)
        wavelengths = _wavelengths(dataset.wavelengths, cube.shape[2])
        name, file = f"dataset.reference: {dataset.reference}", dataset.srf
    srf = _srf(config, cube.shape[2], wavelengths, file)
    if srf is None:
        raise InputError("dataset.srf: expected the file of an SRF, or sensor=… and dataset.wavelengths=…, got neither")
    down, right = (0.0, 0.0) if dataset.shift is None else _two("dataset.shift", dataset.shift, "[down, right]")
    return simulate(
        torch.from_numpy(cube),
        torch.from_numpy(srf.values),
        _covered(config, (cube.shape[2], len(srf.names)), wavelengths, srf, file),
        gaussian_psf(config.scale.kernel_size or factor, factor, config.scale.fwhm or factor, (down, right)),
        factor,
        snr_hsi=dataset.snr_hsi,
        snr_msi=dataset.snr_msi,
        noise_seed=dataset.noise_seed,
        gain=_drawn("dataset.gain", dataset.gain, len(srf.names), dataset.noise_seed),
        offset=_drawn("dataset.offset", dataset.offset, len(srf.names), dataset.noise_seed + 1),
        wavelengths=_tensor(srf.wavelengths if wavelengths is None else wavelengths),
        name=name,
    )


def _reference(dataset: ReferenceDataset) -> NDArray[np.floating[Any]]:
    """The reference, cropped, H×W×C."""
    rows = columns = None
    if dataset.crop is not None:
        top, left, height, width = _integers("dataset.crop", dataset.crop, "[first row, first column, rows, columns]")
        rows, columns = slice(top, top + height), slice(left, left + width)
    cube = read_cube(
        dataset.reference,
        dataset.variable,
        key="dataset.reference",
        rows=rows,
        cols=columns,
        window_key="dataset.crop",
    )
    if dataset.bands is not None:
        first, stop = _integers("dataset.bands", dataset.bands, "[first, past the last]")
        if not 0 <= first < stop <= cube.shape[2]:
            raise InputError(f"dataset.bands: expected a range within 0 to {cube.shape[2]}, got [{first}, {stop}]")
        cube = np.ascontiguousarray(cube[:, :, first:stop])
    return cube


def _pair(dataset: PairDataset, config: Config) -> Scene:
    """Two images as they are, less what of them cannot be used."""
    lr_hsi, hr_msi = (
        torch.from_numpy(
            read_cube(
                getattr(dataset, name),
                getattr(dataset, f"{name}_variable"),
                key=f"dataset.{name}",
                variable_key=f"dataset.{name}_variable",
            )
        )
        for name in ("lr_hsi", "hr_msi")
    )
    keys = {
        "LR-HSI": f"dataset.lr_hsi: {dataset.lr_hsi}",
        "HR-MSI": f"dataset.hr_msi: {dataset.hr_msi}",
        "sizes": f"dataset.hr_msi: {dataset.hr_msi}",
        "true SRF": f"dataset.true_srf: {dataset.true_srf}",
        "LR-HSI mask": f"dataset.lr_hsi_mask: {dataset.lr_hsi_mask}",
        "HR-MSI mask": f"dataset.hr_msi_mask: {dataset.hr_msi_mask}",
    } | {key: f"dataset.{key}" for key in ("nodata", "saturation", "bad_bands")}
    with _called(keys):
        scale = scale_factor(lr_hsi, hr_msi)
        bands, msi_bands = lr_hsi.shape[2], hr_msi.shape[2]
        if config.scale.factor not in (None, scale):
            raise InputError(
                f"scale.factor: expected {scale}, as the sizes of the pair imply, got {config.scale.factor}"
            )
        if (config.scale.kernel_size or scale) < scale:
            raise InputError(
                f"scale.kernel_size: expected at least the scale factor {scale}, got {config.scale.kernel_size}"
            )
        wavelengths = _wavelengths(dataset.wavelengths, bands)
        srf = _srf(config, bands, wavelengths, dataset.srf)
        if srf is not None and len(srf.names) != msi_bands:
            key = "sensor" if dataset.srf is None else f"dataset.srf: {dataset.srf}"
            raise InputError(f"{key}: expected {msi_bands} MSI bands as in dataset.hr_msi, got {len(srf.names)}")
        true_srf = None if dataset.true_srf is None else read_srf(dataset.true_srf, bands, key="dataset.true_srf")
        if wavelengths is None and srf is not None:
            wavelengths = srf.wavelengths
        saturated = _saturation(dataset.saturation)
        holds = [
            holding(image, name, valid=_valid(file, key), nodata=dataset.nodata, saturation=limit)
            for image, name, file, key, limit in (
                (lr_hsi, "LR-HSI", dataset.lr_hsi_mask, "dataset.lr_hsi_mask", saturated[0]),
                (hr_msi, "HR-MSI", dataset.hr_msi_mask, "dataset.hr_msi_mask", saturated[1]),
            )
        ]
        scene = usable_scene(
            lr_hsi,
            hr_msi,
            _covered(config, (bands, msi_bands), wavelengths, srf, dataset.srf),
            lr_holds=holds[0],
            hr_holds=holds[1],
            keep=dataset.bad_bands is BadBands.keep,
            wavelengths=_tensor(wavelengths),
            known=Known(_psf(dataset.psf, scale, "dataset.psf"), _matrix(srf)),
            truth=Truth(psf=_psf(dataset.true_psf, scale, "dataset.true_psf"), srf=_matrix(true_srf)),
        )
    for name in ("psf", "srf"):
        if getattr(config.stages, name) is Source.known and getattr(scene.known, name) is None:
            raise InputError(f"dataset.{name}: expected a file for stages.{name}=known, got none")
    return scene


def _srf(config: Config, bands: int, wavelengths: Wavelengths, file: str | None) -> SRF | None:
    """The SRF from its file or, without one, from the sensor's band edges; none without either."""
    if file is not None:
        return read_srf(file, bands, key="dataset.srf")
    if config.sensor is None:
        return None
    if wavelengths is None:
        raise InputError(f"dataset.wavelengths: expected the cube's wavelengths for {config.sensor.name}, got none")
    return srf_from_edges(config.sensor.bands, wavelengths)


def _covered(
    config: Config, sizes: tuple[int, int], wavelengths: Wavelengths, srf: SRF | None, file: str | None
) -> Tensor:
    """Which of the hyperspectral bands each MSI band may cover, C×c bool, by what ``support`` says to go by."""
    if config.support is Support.full or (config.support is Support.auto and srf is None):
        return torch.ones(sizes, dtype=torch.bool)
    if config.support is Support.given and file is None:
        raise InputError("dataset.srf: expected the file of an SRF for support=given, got none")
    if config.support is Support.sensor:
        srf = _srf(config, sizes[0], wavelengths if wavelengths is not None or srf is None else srf.wavelengths, None)
        if srf is None:
            raise InputError("sensor: expected one for support=sensor, got none")
        if len(srf.names) != sizes[1]:
            raise InputError(f"sensor: expected {sizes[1]} MSI bands as in dataset.srf, got {len(srf.names)}")
    assert srf is not None
    return torch.from_numpy(support(srf))


def _wavelengths(given: Any, bands: int) -> Wavelengths:
    return None if given is None else read_wavelengths(given, bands, key="dataset.wavelengths")


def _tensor(array: Wavelengths) -> Tensor | None:
    return None if array is None else torch.from_numpy(array)


def _matrix(srf: SRF | None) -> Tensor | None:
    return None if srf is None else torch.from_numpy(normalise(srf).values)


def _psf(file: str | None, scale: int, key: str) -> Tensor | None:
    if file is None:
        return None
    psf = torch.from_numpy(read_matrix(file, key=key))
    got = f"{psf.shape[0]}×{psf.shape[1]} with sum {psf.sum():g}"
    if psf.shape[0] != psf.shape[1] or not 0 < psf.sum() < torch.inf:
        raise InputError(f"{key}: {file}: expected a square PSF with a positive sum, got {got}")
    if psf.shape[0] < scale:
        raise InputError(f"{key}: {file}: expected a PSF of at least {scale}×{scale}, the scale factor, got {got}")
    return psf / psf.sum()


def _valid(mask: str | None, key: str) -> Tensor | None:
    """The pixels where a mask on disk is zero."""
    return None if mask is None else torch.from_numpy(read_matrix(mask, key=key) == 0)


def _saturation(given: Any) -> tuple[float | None, float | None]:
    """The values from which on the LR-HSI and the HR-MSI are saturated."""
    first, *others = given if isinstance(given, list) else [given, given]
    if len(others) != 1 or not all(isinstance(limit, int | float | None) for limit in (first, *others)):
        raise InputError(f"dataset.saturation: expected a number, [LR-HSI, HR-MSI] or null, got {given!r}")
    return first, others[0]


def _drawn(key: str, limits: list[float] | None, count: int, seed: int) -> Tensor | None:
    """One number for each of the MSI bands."""
    if limits is None:
        return None
    lowest, highest = _two(key, limits, "[lowest, highest]")
    return torch.from_numpy(np.random.default_rng([seed, count]).uniform(lowest, highest, count))


def _two(key: str, values: Sequence[float], meaning: str) -> tuple[float, float]:
    if len(values) != 2 or not np.isfinite(values).all():
        raise InputError(f"{key}: expected {meaning}, got {list(values)}")
    return values[0], values[1]


def _integers(key: str, values: Sequence[int], meaning: str) -> Sequence[int]:
    if len(values) != meaning.count(",") + 1:
        raise InputError(f"{key}: expected {meaning}, got {list(values)}")
    return values


@contextmanager
def _called(keys: Mapping[str, str]) -> Iterator[None]:
    """Let errors begin with the key of the configuration in place of the name that the image has elsewhere."""
    try:
        yield
    except InputError as error:
        name, colon, said = str(error).partition(": ")
        raise InputError(f"{keys.get(name, name)}{colon}{said}") from error
