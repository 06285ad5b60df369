"""What a configuration says of the two sensors: wavelengths, responses, support, PSF."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.schema import Config, Support
from udaln.io.cubes import read_matrix
from udaln.io.image import Bands
from udaln.io.srf_files import read_srf, read_wavelengths
from udaln.physics.srf import SRF, normalise, srf_from_edges, support

Wavelengths = NDArray[np.float64] | None


def responses(
    config: Config, bands: int, wavelengths: Wavelengths, file: str | None, msi: Bands | None = None
) -> SRF | None:
    """The SRF from its file or, without one, from the sensor's band edges or what the HR-MSI's file says of its bands.

    Args:
        config: The configuration.
        bands: C.
        wavelengths: Of the LR-HSI's bands [nm], if known.
        file: Of the SRF, if there is one.
        msi: What the file of the HR-MSI says of its bands.

    Returns:
        None if nothing tells.
    """
    if file is not None:
        return read_srf(file, bands, key="dataset.srf")
    if config.sensor is not None:
        if wavelengths is None:
            raise InputError(f"dataset.wavelengths: expected the cube's wavelengths for {config.sensor.name}, got none")
        return srf_from_edges(_chosen(config.sensor.bands, msi), wavelengths)
    edges = None if msi is None or config.support is Support.full else _edges(msi)
    if edges is None or wavelengths is None:
        return None
    try:
        return srf_from_edges(edges, wavelengths, key="dataset.hr_msi")
    except InputError as error:
        raise InputError(f"{error}; support=full does without") from error


def _chosen(edges: Mapping[str, Any], msi: Bands | None) -> Mapping[str, Any]:
    """Those of a sensor's bands that an image has, by their names; all where names do not tell."""
    by_name = {_plain(name): name for name in edges}
    names = [_plain(name) for name in (msi and msi.names) or []]
    if not names or not set(names) <= set(by_name):
        return edges
    return {by_name[name]: edges[by_name[name]] for name in names}


def _plain(name: str) -> str:
    """A band's name without what is a matter of taste: b02 and B2 are the same."""
    return re.sub(r"(?<=[A-Z])0+(?=\d)", "", name.strip().upper())


def _edges(msi: Bands) -> dict[str, tuple[float, float]] | None:
    """Edges at half power [nm] by what a file says."""
    if msi.wavelengths is None or msi.fwhm is None:
        return None
    names = msi.names or [str(j + 1) for j in range(len(msi.wavelengths))]
    sides = zip(msi.wavelengths - msi.fwhm / 2, msi.wavelengths + msi.fwhm / 2, strict=True)
    return dict(zip(names, sides, strict=True))


def covered(
    config: Config, sizes: tuple[int, int], wavelengths: Wavelengths, srf: SRF | None, file: str | None
) -> Tensor:
    """Which of the hyperspectral bands each MSI band may cover, C×c bool, by what ``support`` says to go by."""
    if config.support is Support.full or (config.support is Support.auto and srf is None):
        return torch.ones(sizes, dtype=torch.bool)
    if config.support is Support.given and file is None:
        raise InputError("dataset.srf: expected the file of an SRF for support=given, got none")
    if config.support is Support.sensor:
        if config.sensor is None:
            raise InputError("sensor: expected one for support=sensor, got none")
        at = wavelengths if wavelengths is not None or srf is None else srf.wavelengths
        srf = responses(config, sizes[0], at, None)
        assert srf is not None
        if len(srf.names) != sizes[1]:
            raise InputError(f"sensor: expected {sizes[1]} MSI bands as in dataset.srf, got {len(srf.names)}")
    assert srf is not None
    return torch.from_numpy(support(srf))


def wavelengths_of(given: Any, bands: int) -> Wavelengths:
    """What ``dataset.wavelengths`` says [nm]."""
    return None if given is None else read_wavelengths(given, bands, key="dataset.wavelengths")


def matrix(srf: SRF | None) -> Tensor | None:
    """Responses whose columns sum to 1, C×c."""
    return None if srf is None else torch.from_numpy(normalise(srf).values)


def read_psf(file: str | None, scale: int, key: str) -> Tensor | None:
    """A PSF from its file, summing to 1, at least as wide as the scale factor."""
    if file is None:
        return None
    psf = torch.from_numpy(read_matrix(file, key=key))
    got = f"{psf.shape[0]}×{psf.shape[1]} with sum {psf.sum():g}"
    if psf.shape[0] != psf.shape[1] or not 0 < psf.sum() < torch.inf:
        raise InputError(f"{key}: {file}: expected a square PSF with a positive sum, got {got}")
    if psf.shape[0] < scale:
        raise InputError(f"{key}: {file}: expected a PSF of at least {scale}×{scale}, the scale factor, got {got}")
    return psf / psf.sum()
