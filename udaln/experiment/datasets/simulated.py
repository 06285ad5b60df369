"""From a dataset's configuration to the simulated scene it describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.dataset_schema import ReferenceDataset, SyntheticDataset
from udaln.experiment.datasets.sensors import Wavelengths, responses, support_matrix, wavelengths_of
from udaln.experiment.error_keys import errors_name_key
from udaln.experiment.schema import Config
from udaln.io.cubes import read_cube
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.synthetic import synthetic_reference
from udaln.scene import Scene


def simulated_scene(config: Config) -> Scene:
    """Simulate a pair from a reference by Wald's protocol.

    Args:
        config: The configuration, with a ``SyntheticDataset`` or a ``ReferenceDataset``.

    Raises:
        InputError: If a file cannot be used, or the reference, its bands and the scale factor do not fit together.
    """
    dataset: SyntheticDataset | ReferenceDataset = config.dataset
    factor = config.scale.factor
    if factor is None:
        raise InputError(f"scale.factor: expected a number for dataset={dataset.name}, got none; try scale=x5")
    wavelengths: Wavelengths
    if isinstance(dataset, SyntheticDataset):
        with errors_name_key({"size": "dataset.size", "bands": "dataset.bands"}):
            cube, wavelengths = synthetic_reference(dataset.size, dataset.bands, dataset.scene_seed)
        name, file = "dataset.size", None
    else:
        cube = _reference(dataset)
        wavelengths = wavelengths_of(dataset.wavelengths, cube.shape[2])
        name, file = f"dataset.reference: {dataset.reference}", dataset.srf
    srf = responses(config.sensor, config.support, cube.shape[2], wavelengths, file)
    if srf is None:
        raise InputError("dataset.srf: expected the file of an SRF, or sensor=… and dataset.wavelengths=…, got neither")
    if wavelengths is None:
        wavelengths = srf.wavelengths
    shape = cube.shape[2], len(srf.names)
    down, right = (0.0, 0.0) if dataset.shift is None else _two("dataset.shift", dataset.shift, "[down, right]")
    return simulate(
        torch.from_numpy(cube),
        torch.from_numpy(srf.values),
        support_matrix(config.sensor, config.support, shape, wavelengths, srf, file),
        gaussian_psf(config.scale.kernel_size or factor, factor, config.scale.fwhm or factor, (down, right)),
        factor,
        snr_hsi=dataset.snr_hsi,
        snr_msi=dataset.snr_msi,
        noise_seed=dataset.noise_seed,
        gain=_random("dataset.gain", dataset.gain, len(srf.names), dataset.noise_seed),
        offset=_random("dataset.offset", dataset.offset, len(srf.names), dataset.noise_seed + 1),
        wavelengths=None if wavelengths is None else torch.from_numpy(wavelengths),
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


def _random(key: str, limits: list[float] | None, count: int, seed: int) -> Tensor | None:
    """One uniformly distributed number for each MSI band; None without limits."""
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
