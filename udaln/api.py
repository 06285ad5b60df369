"""The whole of it on arrays, from Python."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from udaln.errors import InputError
from udaln.estimation.psf import centre_shift
from udaln.experiment.check import reduced_resolution
from udaln.experiment.config import check_method, instruments_preset, method_preset
from udaln.experiment.fusion import differing, fuse_scene
from udaln.experiment.schema import BadBands, Method, Refine, Source
from udaln.io.bad_bands import restored, usable_scene
from udaln.io.gaps import holding
from udaln.methods.udaln.networks import FusionNetworks
from udaln.metrics.figures import figures, without_reference
from udaln.physics.instruments import Instruments
from udaln.scene import Known


@dataclass(frozen=True)
class Fusion:
    """What ``fuse`` returns.

    Attributes:
        image: The fused image X̂, H×W×C float32, in the units of the LR-HSI; NaN where either image holds no data.
        psf: The PSF learned, k×k.
        shift: How far down and to the right of its place by the sizes the LR-HSI lies [HR pixels].
        srf: The SRF learned, C×c, columns sum to 1.
        gain: What the LR-HSI seen through each MSI band is multiplied with to give the HR-MSI, c.
        offset: What is then added to it, in the units of the HR-MSI, c.
        noise: Standard deviation of the noise of each band of the LR-HSI, C, and of the HR-MSI, c, in the units of the
            LR-HSI; none with ``refine="none"``.
        deviation: Standard deviation of the image's error, H×W×C float32; none unless it was asked for.
        figures: What can be known without a reference: ``d_lambda``, ``d_s``, ``hqnr``, the consistency errors, and,
            where it was asked for, those of the reduced-resolution check.
        networks: The trained networks; ``networks.fuse`` maps another HR-MSI of the same sensors.
    """

    image: NDArray[np.float32]
    psf: NDArray[np.float64]
    shift: tuple[float, float]
    srf: NDArray[np.float64]
    gain: NDArray[np.float64]
    offset: NDArray[np.float64]
    noise: tuple[NDArray[np.float64], NDArray[np.float64]] | None
    deviation: NDArray[np.float32] | None
    figures: dict[str, float]
    networks: FusionNetworks


def fuse(
    lr_hsi: ArrayLike,
    hr_msi: ArrayLike,
    scale: int | None = None,
    *,
    support: ArrayLike | None = None,
    psf: ArrayLike | None = None,
    srf: ArrayLike | None = None,
    stages: str | Method = "fast",
    network: str | None = None,
    refine: str | None = None,
    instruments: str | Instruments = "auto",
    kernel_size: int | None = None,
    lr_valid: ArrayLike | None = None,
    hr_valid: ArrayLike | None = None,
    bad_bands: str = "fill",
    uncertainty: bool = False,
    check: bool = False,
    accelerator: str = "auto",
    precision: str = "32-true",
    seed: int = 2,
    progress: bool = True,
) -> Fusion:
    """Fuse a pair given as arrays.

    Args:
        lr_hsi: LR-HSI, h×w×C.
        hr_msi: HR-MSI, rh×rw×c, in units of its own or, with ``instruments="alike"``, in the same.
        scale: Scale factor r; follows from the sizes if not given.
        support: C×c, non-zero where an MSI band may cover a hyperspectral one; follows from ``srf``, or is everywhere.
        psf: The point spread function, k×k, summing to 1, if it is known: then it is not learned.
        srf: The spectral response, C×c, if it is known: then it is not learned.
        stages: A file of ``conf/stages`` by its name, or a method of one's own.
        network: Another SpeUnet than the file's: ``paper``, ``affine`` or ``residual``.
        refine: ``consistent`` or ``none``, if not as the file has it.
        instruments: What may differ between the two beyond blur and response: a file of ``conf/instruments`` by its
            name, or a choice of one's own.
        kernel_size: Side of the PSF's window [HR pixels], if not as the instruments have it.
        lr_valid: h×w, false where a pixel of the LR-HSI is not to be used; those with NaN are not.
        hr_valid: rh×rw, the same of the HR-MSI.
        bad_bands: What becomes of bands of the LR-HSI without a signal: ``fill`` from their neighbours, ``leave_out``,
            or ``keep``, where no band is looked at.
        uncertainty: Calculate the deviation, too.
        check: Do the reduced-resolution check, too.
        accelerator: Lightning's: ``auto``, ``cpu`` or ``gpu``.
        precision: Lightning's: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        seed: Of the networks' first weights and of the blocks drawn.
        progress: Show progress bars on a terminal.

    Raises:
        InputError: If the arrays do not make a pair, or an option is unknown.

    Example:
        >>> import udaln
        >>> rng = np.random.default_rng(0)
        >>> fusion = udaln.fuse(rng.random((4, 4, 6)), rng.random((8, 8, 2)), progress=False)
        >>> fusion.image.shape, fusion.psf.shape, fusion.srf.shape
        ((8, 8, 6), (5, 5), (6, 2))
    """
    y, z = (np.atleast_1d(image) for image in (lr_hsi, hr_msi))
    y_pixels, z_pixels = (torch.tensor(image, dtype=_precision(image)) for image in (y, z))
    known = Known(*(None if given is None else torch.tensor(np.asarray(given, np.float64)) for given in (psf, srf)))
    covering = srf if support is None else support
    if covering is None:
        covered = torch.ones(y.shape[-1], z.shape[-1], dtype=torch.bool)
    else:
        covered = torch.from_numpy(np.asarray(covering) != 0)
    if bad_bands not in BadBands.__members__:
        raise InputError(f"bad_bands: expected one of {', '.join(BadBands.__members__)}, got {bad_bands!r}")
    scene = usable_scene(
        y_pixels,
        z_pixels,
        covered,
        lr_holds=holding(y_pixels, "LR-HSI", valid=_mask(lr_valid)),
        hr_holds=holding(z_pixels, "HR-MSI", valid=_mask(hr_valid)),
        keep=BadBands[bad_bands] is BadBands.keep,
        known=known,
    )
    if scale not in (None, scene.scale):
        raise InputError(f"scale: expected {scene.scale}, as the sizes of the pair imply, got {scale}")
    method = _chosen(stages, network, refine, known)
    chosen = instruments_preset(instruments) if isinstance(instruments, str) else instruments
    unlike = differing(chosen, method, pair=True)
    networks, scene, fused = fuse_scene(
        scene,
        method,
        unlike,
        kernel_size,
        accelerator=accelerator,
        precision=precision,
        seed=seed,
        with_deviation=uncertainty,
        progress=progress,
    )
    found = figures(networks, scene, fused.image) | without_reference(networks, scene, fused.complete)
    if check:
        found |= reduced_resolution(networks, scene, method, unlike, seed=seed)
    put_back = scene.left_out if BadBands[bad_bands] is BadBands.fill else None
    return Fusion(
        image=restored(fused.image, put_back).numpy(),
        psf=networks.spad.psf.numpy(),
        shift=centre_shift(networks.spad.psf.numpy(), scene.scale, scene.moved),
        srf=networks.sped.srf.detach().numpy(),
        gain=networks.gain.numpy(),
        offset=networks.offset.numpy(),
        noise=None if fused.noise is None else (fused.noise.lr_hsi.numpy(), fused.noise.hr_msi.numpy()),
        deviation=None if fused.deviation is None else restored(fused.deviation, put_back).numpy(),
        figures=found,
        networks=networks,
    )


def _mask(valid: ArrayLike | None) -> Tensor | None:
    return None if valid is None else torch.from_numpy(np.asarray(valid) != 0)


def _chosen(stages: str | Method, network: str | None, refine: str | None, known: Known) -> Method:
    """The method with what was said to be otherwise."""
    chosen = method_preset(stages) if isinstance(stages, str) else stages
    if refine is not None and refine not in Refine.__members__:
        raise InputError(f"refine: expected one of {', '.join(Refine.__members__)}, got {refine!r}")
    sources = replace(
        chosen.stages,
        psf=chosen.stages.psf if known.psf is None else Source.known,
        srf=chosen.stages.srf if known.srf is None else Source.known,
    )
    chosen = replace(
        chosen,
        network=network or chosen.network,
        refine=chosen.refine if refine is None else Refine[refine],
        stages=sources,
    )
    check_method(chosen)
    return chosen


def _precision(image: NDArray[np.generic]) -> torch.dtype:
    """float32 where it holds the image's values, else float64."""
    return torch.float32 if np.can_cast(image.dtype, np.float32) else torch.float64
