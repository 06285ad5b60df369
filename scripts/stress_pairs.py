"""From a case of the battery to its pair: scenes, sensors, Wald's protocol, faults.

Beyond the border of an image its border pixels are repeated, when the pair is simulated and when it is fused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stress_blurs import point_spread
from stress_cases import Case
from torch import Tensor

from udaln.io.cubes import read_cube
from udaln.io.srf_files import read_srf
from udaln.physics.simulation import gaussian_psf, simulate
from udaln.physics.srf import normalise, srf_from_edges
from udaln.physics.synthetic import synthetic_reference

SHIFT = (0.4, -0.3)  # of shifted cases, down and to the right [HR pixels]
SIDE = 100  # of the built-in scene [HR pixels]
BANDS = 64
EDGES: dict[str, dict[str, tuple[float, float]]] = {  # of the bands of each sensor, at half power [nm]
    "pan": {"pan": (450, 800)},
    "rgb": {"b": (440, 510), "g": (500, 590), "r": (590, 690)},
}
BAND_SHARE = 0.9  # width of each band of the other sensors, which divide the scene's wavelengths evenly


@dataclass(frozen=True)
class Pair:
    """A simulated pair and what made it.

    Attributes:
        truth: The reference, rh×rw×C.
        lr_hsi: h×w×C.
        hr_msi: rh×rw×c.
        psf: The true PSF, k×k.
        shift: True shift of the LR-HSI, down and to the right [HR pixels].
        msi_noise: True standard deviation of the noise of each MSI band, c; None without noise.
        given: Arguments of `udaln.fuse`; empty unless a fault needs them.
    """

    truth: Tensor
    lr_hsi: Tensor
    hr_msi: Tensor
    psf: Tensor
    shift: tuple[float, float]
    msi_noise: Tensor | None
    given: dict[str, Any] = field(default_factory=dict)


def reference(scene: str, data: Path) -> tuple[Tensor, NDArray[np.float64]]:
    """A scene and its wavelengths [nm].

    Args:
        scene: ``synthetic``, or a folder of ``data`` that holds ``REF.mat`` and ``srf_pan.csv``.
        data: The folder of the scenes.

    Returns:
        H×W×C, and C wavelengths.

    Raises:
        InputError: If a file cannot be read.
    """
    if scene == "synthetic":
        cube, wavelengths = synthetic_reference(SIDE, BANDS)
        return torch.from_numpy(cube), wavelengths
    image = read_cube(data / scene / "REF.mat", key="data")
    table = read_srf(data / scene / "srf_pan.csv", image.shape[2], key="data")
    assert table.wavelengths is not None  # read_srf requires the column
    return torch.from_numpy(image), table.wavelengths


def response(sensor: str, wavelengths: NDArray[np.float64]) -> Tensor:
    """The SRF of a sensor: smooth-edged boxes.

    Args:
        sensor: ``pan``, ``rgb``, or the number of bands that divide the wavelengths evenly.
        wavelengths: Of the scene, C [nm].

    Returns:
        C×c, columns sum to 1.
    """
    edges = EDGES.get(sensor)
    if edges is None:
        first, last = wavelengths.min(), wavelengths.max()
        centres = first + (last - first) * (np.arange(int(sensor)) + 0.5) / int(sensor)
        half = BAND_SHARE * (last - first) / int(sensor) / 2
        edges = {str(j + 1): (float(centre - half), float(centre + half)) for j, centre in enumerate(centres)}
    return torch.from_numpy(normalise(srf_from_edges(edges, wavelengths)).values)


def simulated(case: Case, data: Path) -> Pair:
    """Simulate the pair of a case.

    Args:
        case: The case.
        data: The folder of the scenes.

    Raises:
        InputError: If a file of the scene cannot be read.
    """
    image, wavelengths = reference(case.scene, data)
    srf = response(case.sensor, wavelengths)
    shift = SHIFT if case.shifted else (0.0, 0.0)
    psf = point_spread(case.blur, case.size, case.scale, shift)
    snr_hsi, snr_msi = (None, None) if case.noise == "none" else map(float, case.noise.split("/"))
    scene = simulate(image, srf, srf > 0, psf, case.scale, snr_hsi=snr_hsi, snr_msi=snr_msi)
    assert scene.truth.image is not None
    truth = scene.truth.image.double()
    noise = None if snr_msi is None else ((truth @ srf).square().mean((0, 1)) / 10 ** (snr_msi / 10)).sqrt()
    hr_msi, given = _faulty(case, scene.hr_msi, srf)
    return Pair(truth, scene.lr_hsi, hr_msi, psf, shift, noise, given)


def _faulty(case: Case, hr_msi: Tensor, srf: Tensor) -> tuple[Tensor, dict[str, Any]]:
    """The HR-MSI with the fault of a case, and the arguments of `udaln.fuse` that belong to it."""
    rows, columns, bands = hr_msi.shape
    if case.fault == "wrong_psf":
        return hr_msi, {"psf": gaussian_psf(case.scale, case.scale, case.scale / 2).numpy()}
    if case.fault == "shift_ignored":
        return hr_msi, {"instruments": "alike"}
    if case.fault == "bands_swapped":
        order = [bands - 1, *range(1, bands - 1), 0]
        return hr_msi[..., order], {"srf": srf.numpy()}
    if case.fault == "changed_third":
        third = rows // 3
        return torch.cat([hr_msi[:-third], hr_msi[:third]]), {}
    if case.fault == "unrelated":
        other, wavelengths = synthetic_reference(max(rows, columns), len(srf), seed=8)
        return torch.from_numpy(other[:rows, :columns]).double() @ response(case.sensor, wavelengths), {}
    return hr_msi, {}
