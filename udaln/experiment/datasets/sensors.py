"""The sensors as configuration and files describe them: wavelengths, responses, support, PSF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.schema import SensorConfig, Support
from udaln.io.cubes import read_matrix
from udaln.io.image import Bands
from udaln.io.srf_files import read_srf, read_wavelengths
from udaln.physics.srf import SRF, normalise, srf_from_edges, support

Wavelengths = NDArray[np.float64] | None


def responses(
    sensor: SensorConfig | None,
    source: Support,
    bands: int,
    wavelengths: Wavelengths,
    file: str | None,
    msi: Bands | None = None,
) -> SRF | None:
    """The SRF from its file or, without one, from the sensor's band edges or the metadata of the HR-MSI's bands.

    Args:
        sensor: The multispectral sensor, if one is configured.
        source: What the support is taken from; for ``full`` the HR-MSI's metadata give no SRF.
        bands: C.
        wavelengths: Of the LR-HSI's bands [nm], if known.
        file: Of the SRF, if there is one.
        msi: Metadata of the HR-MSI's bands.

    Returns:
        None if none of them defines one.

    Raises:
        InputError: If the file cannot be used, the wavelengths are missing, or a band covers none of the LR-HSI's.
    """
    if file is not None:
        return read_srf(file, bands, key="dataset.srf")
    if sensor is not None:
        if wavelengths is None:
            raise InputError(f"dataset.wavelengths: expected the cube's wavelengths for {sensor.name}, got none")
        return srf_from_edges(_edges_by_name(sensor.bands, msi), wavelengths, some_beyond=msi is not None)
    edges = None if msi is None or source is Support.full else _edges_from_metadata(msi)
    if edges is None or wavelengths is None:
        return None
    try:
        return srf_from_edges(edges, wavelengths, key="dataset.hr_msi", some_beyond=True)
    except InputError as error:
        raise InputError(f"{error}; support=full does without") from error


def _edges_by_name(edges: Mapping[str, Any], msi: Bands | None) -> Mapping[str, Any]:
    """The edges of those of a sensor's bands that an image has, by name; of all if a name is missing or unknown."""
    by_name = {_canonical(name): name for name in edges}
    names = [_canonical(name) for name in (msi and msi.names) or []]
    if not names or not set(names) <= set(by_name):
        return edges
    return {by_name[name]: edges[by_name[name]] for name in names}


def _canonical(name: str) -> str:
    """A band's name in capitals and without leading zeros: b02 and B2 are the same."""
    return re.sub(r"(?<=[A-Z])0+(?=\d)", "", name.strip().upper())


def _edges_from_metadata(msi: Bands) -> dict[str, tuple[float, float]] | None:
    """Edges of the bands at half power [nm]; None without both wavelengths and FWHM."""
    if msi.wavelengths is None or msi.fwhm is None:
        return None
    names = msi.names or [str(j + 1) for j in range(len(msi.wavelengths))]
    sides = zip(msi.wavelengths - msi.fwhm / 2, msi.wavelengths + msi.fwhm / 2, strict=True)
    return dict(zip(names, sides, strict=True))


def support_matrix(
    sensor: SensorConfig | None,
    source: Support,
    shape: tuple[int, int],
    wavelengths: Wavelengths,
    srf: SRF | None,
    file: str | None,
) -> Tensor:
    """Which hyperspectral bands each MSI band may cover, C×c bool.

    Args:
        sensor: The multispectral sensor, if one is configured.
        source: What the support is taken from.
        shape: C, c.
        wavelengths: Of the LR-HSI's bands [nm], if known.
        srf: From `responses`.
        file: Of the SRF, if there is one.

    Raises:
        InputError: If the source is missing, or the sensor has another number of bands.
    """
    if source is Support.full or (source is Support.auto and srf is None):
        return torch.ones(shape, dtype=torch.bool)
    if source is Support.given and file is None:
        raise InputError("dataset.srf: expected the file of an SRF for support=given, got none")
    if source is Support.sensor:
        if sensor is None:
            raise InputError("sensor: expected one for support=sensor, got none")
        if wavelengths is None and srf is not None:
            wavelengths = srf.wavelengths
        srf = responses(sensor, source, shape[0], wavelengths, None)
        assert srf is not None
        if len(srf.names) != shape[1]:
            raise InputError(f"sensor: expected {shape[1]} MSI bands as in dataset.srf, got {len(srf.names)}")
    assert srf is not None
    return torch.from_numpy(support(srf))


def wavelengths_of(setting: Any, bands: int) -> Wavelengths:
    """The wavelengths that the value of ``dataset.wavelengths`` stands for [nm]; None for null."""
    return None if setting is None else read_wavelengths(setting, bands, key="dataset.wavelengths")


def normalised_response(srf: SRF | None) -> Tensor | None:
    """The response with columns that sum to 1, C×c; None for None."""
    return None if srf is None else torch.from_numpy(normalise(srf).values)


def read_psf(file: str | None, scale: int, key: str) -> Tensor | None:
    """Read a PSF and normalise its sum to 1; None without a file.

    Raises:
        InputError: If it is not square, has no positive sum, or is narrower than an LR pixel.
    """
    if file is None:
        return None
    psf = torch.from_numpy(read_matrix(file, key=key))
    got = f"{psf.shape[0]}×{psf.shape[1]} with sum {psf.sum():g}"
    if psf.shape[0] != psf.shape[1] or not 0 < psf.sum() < torch.inf:
        raise InputError(f"{key}: {file}: expected a square PSF with a positive sum, got {got}")
    if psf.shape[0] < scale:
        raise InputError(f"{key}: {file}: expected a PSF of at least {scale}×{scale}, the scale factor, got {got}")
    return psf / psf.sum()
