"""The Python interface: fuse a pair of arrays."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from udaln import threads
from udaln.errors import InputError, check_shape, scale_factor
from udaln.experiment.check import reduced_resolution
from udaln.experiment.config import one_of
from udaln.experiment.dataset_schema import BadBands
from udaln.experiment.fusion import Fusion, fuse_scene, with_figures
from udaln.experiment.preparation import FusionOptions
from udaln.experiment.presets import instruments_preset, method_preset
from udaln.experiment.report import differences
from udaln.experiment.schema import Refine
from udaln.io.array_input import check_axes, image_array, mask_array, matrix_array, nodata_numbers
from udaln.io.assembly import assemble_scene
from udaln.io.bad_bands import count_dropped_bands, describe_dropped_bands
from udaln.io.coarse_stack import sharpened_values
from udaln.io.gaps import valid_values
from udaln.io.image import image_of
from udaln.io.missing import describe_causes
from udaln.io.pair_fill import find_pair_fill
from udaln.io.striped_lines import describe_striped, find_striped_lines
from udaln.io.undeclared import without_undeclared
from udaln.methods.base import Method, Training
from udaln.methods.training.trainer import quiet_lightning
from udaln.monitor.progress import StageProgress
from udaln.physics.instruments import Instruments
from udaln.scene import Known, Scene


@threads.single()
def fuse(
    lr_hsi: Any,
    hr_msi: Any,
    scale: int | None = None,
    *,
    nodata: float | Sequence[float] | None = None,
    support: ArrayLike | None = None,
    psf: ArrayLike | None = None,
    srf: ArrayLike | None = None,
    method: str | Method | None = None,
    stages: str | None = None,
    settings: Mapping[str, Any] | None = None,
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
        lr_hsi: LR-HSI, h×w×C, as any array of real numbers, see `image_array`. What is masked in it is not used.
        hr_msi: HR-MSI, rh×rw×c, in units of its own or, with ``instruments="alike"``, in the same.
        scale: Scale factor r expected; an error if the sizes imply another one.
        nodata: The number or numbers that mean no data in either image, beside NaN.
        support: C×c, non-zero where an MSI band may cover a hyperspectral band. If None, it follows from ``srf``;
            without an SRF every band may be covered.
        psf: The point spread function, k×k, summing to 1, if it is known; otherwise it is estimated.
        srf: The spectral response, C×c, if it is known; otherwise it is estimated.
        method: A method by its name or as an object. If None, the one that ``stages`` belong to, or ``closed_form``.
        stages: A file of ``conf/stages`` by its name, for a method that trains.
        settings: Values of the method's settings other than the defaults, such as ``{"network": "residual"}``.
        refine: The step after the method: ``consistent`` or ``none``. If None, the default of the method.
        instruments: The differences between the two sensors that are allowed for, beyond blur and spectral response: a
            file of ``conf/instruments`` by its name, or an object.
        kernel_size: Side of the PSF's window [HR pixels]. If None, the data decide.
        lr_valid: h×w, false for pixels of the LR-HSI that are not to be used. Pixels with NaN never are.
        hr_valid: rh×rw, the same for the HR-MSI.
        bad_bands: What is done with bands of the LR-HSI without a signal. ``fill``: they are not used, and the image
            has them interpolated from their neighbours; ``leave_out``: they are not used, and the image does not have
            them; ``keep``: all bands are used.
        uncertainty: Whether the deviation is calculated, too.
        check: Whether the reduced-resolution check is done, too.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        precision: Lightning's name of it: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        seed: Seed of initial weights and random draws.
        progress: Whether progress bars are shown, on a terminal or in a notebook.

    Returns:
        The fused image, with the estimated degradation and the figures. These are of the bands that were used; how many
        were filled or left out is among them, and which ones is logged as a warning.

    Raises:
        InputError: If the arrays do not make a pair, or an option is unknown.

    Example:
        >>> import udaln
        >>> rng = np.random.default_rng(0)
        >>> fusion = udaln.fuse(rng.random((4, 4, 6)), rng.random((8, 8, 2)), progress=False)
        >>> fusion.image.shape, fusion.psf.shape, fusion.srf.shape
        ((8, 8, 6), (2, 2), (6, 2))
    """
    quiet_lightning()
    one_of("bad_bands", bad_bands, list(BadBands.__members__))
    scene = _scene(
        lr_hsi,
        hr_msi,
        nodata_numbers(nodata),
        support=support,
        psf=psf,
        srf=srf,
        lr_valid=lr_valid,
        hr_valid=hr_valid,
        keep=BadBands[bad_bands] is BadBands.keep,
    )
    if scale not in (None, scene.scale):
        raise InputError(f"scale: expected {scene.scale}, as the sizes of the pair imply, got {scale!r}")
    method, refined = _chosen(method, stages, settings, refine)
    if isinstance(instruments, str):
        instruments = instruments_preset(instruments)
    options = FusionOptions(
        method,
        refine=refined,
        instruments=instruments if method.tells_instruments_apart else instruments.without_open(),
        known_psf=scene.known.psf is not None,
        known_srf=scene.known.srf is not None,
        kernel_size=kernel_size,
        uncertainty=uncertainty,
        progress=progress,
    )
    bars = [StageProgress(again=1 / scene.scale**2 if check else 0.0)] if progress else []
    training = Training(seed=seed, accelerator=accelerator, precision=precision, callbacks=bars)
    fusion = with_figures(fuse_scene(scene, options, training), options)
    training = Training(seed=seed, callbacks=[StageProgress("check: ")] if progress else [])
    checked = reduced_resolution(fusion.model.degradation, fusion.scene, options, training) if check else {}
    return _reported(replace(fusion, figures=fusion.figures | checked), filled=BadBands[bad_bands] is BadBands.fill)


def _reported(fusion: Fusion, *, filled: bool) -> Fusion:
    """A copy that fills the bands without a signal, if wanted; what became of them, and change, are logged."""
    dropped = fusion.scene.dropped_bands
    lines = [] if dropped is None else describe_dropped_bands(dropped, filled)
    for line in (*lines, *differences(fusion)):
        logging.getLogger("udaln").warning("%s", line)
    figures = fusion.figures | count_dropped_bands(dropped, filled)
    return replace(fusion, figures=figures, bad_bands=dropped if filled else None)


def _chosen(
    method: str | Method | None, stages: str | None, settings: Mapping[str, Any] | None, refine: str | None
) -> tuple[Method, bool]:
    """The method, and whether the consistency step follows it; arguments as of `fuse`."""
    if isinstance(method, Method):
        step = Refine.consistent
    else:
        method, step = method_preset(method, stages, settings)
    if refine is not None:
        one_of("refine", refine, list(Refine.__members__))
        step = Refine[refine]
    return method, step is Refine.consistent


def _scene(
    lr_hsi: Any,
    hr_msi: Any,
    nodata: Sequence[float],
    *,
    support: ArrayLike | None,
    psf: ArrayLike | None,
    srf: ArrayLike | None,
    lr_valid: ArrayLike | None,
    hr_valid: ArrayLike | None,
    keep: bool,
) -> Scene:
    """Assemble a scene; arguments as of `fuse`, ``keep``: whether all bands are used."""
    images = image_array(lr_hsi, "lr_hsi", nodata), image_array(hr_msi, "hr_msi", nodata)
    check_axes(*images)
    y, z = (torch.from_numpy(np.atleast_1d(image)) for image in images)
    known = Known(*(_tensor(matrix_array(array, name)) for array, name in ((psf, "psf"), (srf, "srf"))))
    nonzero = matrix_array(support, "support") if support is not None else matrix_array(srf, "srf")
    if nonzero is None:
        bands = torch.ones(y.shape[-1], z.shape[-1], dtype=torch.bool)
    else:
        bands = torch.from_numpy(nonzero != 0)
    check_shape("support", bands, (y.shape[-1], z.shape[-1]))
    y_valid = _measured(y, "LR-HSI", mask_array(lr_valid, "lr_valid"))
    z_valid = _measured(z, "HR-MSI", mask_array(hr_valid, "hr_valid"))
    for fill in find_pair_fill(torch.where(y_valid, y, torch.nan), torch.where(z_valid, z, torch.nan)):
        logging.getLogger("udaln").warning("HR-MSI: %s", fill if fill.certain else fill.doubt)
        if fill.certain:
            z_valid &= ~torch.from_numpy(fill.flags(z.numpy()))
    if not keep:
        z, z_valid, notes = sharpened_values(z, z_valid, scale_factor(y, z))
        for note in notes:
            logging.getLogger("udaln").warning("HR-MSI: %s", note)
        y_valid, z_valid = _without_stripes((y, y_valid), (z, z_valid), bands)
    return assemble_scene(
        y,
        z,
        bands,
        lr_valid=y_valid,
        hr_valid=z_valid,
        keep=keep,
        known=known,
    )


def _measured(image: Tensor, name: str, mask: NDArray[Any] | None) -> Tensor:
    """Which values of an image are measurements, H×W×B bool; undeclared fill, which is none, is logged as a warning."""
    valid = valid_values(image, name, valid=_tensor(mask))
    found = without_undeclared(image_of(torch.where(valid, image, torch.nan).numpy()))
    for line in describe_causes(found):
        logging.getLogger("udaln").warning("%s: %s", name, line)
    return valid & torch.isfinite(torch.from_numpy(found.whole()))


def _without_stripes(
    lr_hsi: tuple[Tensor, Tensor], hr_msi: tuple[Tensor, Tensor], support: Tensor
) -> tuple[Tensor, Tensor]:
    """Which values of both images, each with those that are measurements, are in no striped line; others are logged."""
    measured = [torch.where(valid, image, torch.nan) for image, valid in (lr_hsi, hr_msi)]
    found = find_striped_lines(measured[0], measured[1], support)
    for name, other, lines in zip(("LR-HSI", "HR-MSI"), ("HR-MSI", "LR-HSI"), found, strict=True):
        if lines:
            logging.getLogger("udaln").warning("%s: left out: %s", name, describe_striped(lines, other))
    flags = (torch.from_numpy(lines.flags(slice(None), slice(None))) for lines in found)
    lr_valid, hr_valid = (valid & ~striped for (_, valid), striped in zip((lr_hsi, hr_msi), flags, strict=True))
    return lr_valid, hr_valid


def _tensor(array: NDArray[Any] | None) -> Tensor | None:
    return None if array is None else torch.from_numpy(array)
