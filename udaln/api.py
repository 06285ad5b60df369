"""The whole of it on arrays, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from udaln import threads
from udaln.errors import InputError
from udaln.experiment.check import reduced_resolution
from udaln.experiment.config import one_of
from udaln.experiment.dataset_schema import BadBands
from udaln.experiment.fusion import Fusion, FusionOptions, fuse_scene, with_figures
from udaln.experiment.presets import instruments_preset, method_preset
from udaln.experiment.schema import Refine
from udaln.io.assembly import assemble_scene
from udaln.io.gaps import valid_values
from udaln.methods.base import Method, Training
from udaln.methods.training.trainer import quiet_lightning
from udaln.monitor import StageProgress
from udaln.physics.instruments import Instruments
from udaln.scene import Known


@threads.single()
def fuse(
    lr_hsi: ArrayLike,
    hr_msi: ArrayLike,
    scale: int | None = None,
    *,
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
        lr_hsi: LR-HSI, h×w×C.
        hr_msi: HR-MSI, rh×rw×c, in units of its own or, with ``instruments="alike"``, in the same.
        scale: Scale factor r; follows from the sizes if not given.
        support: C×c, non-zero where an MSI band may cover a hyperspectral one; follows from ``srf``, or is everywhere.
        psf: The point spread function, k×k, summing to 1, if it is known: then it is not estimated.
        srf: The spectral response, C×c, if it is known: then it is not estimated.
        method: A method by its name or as an object; ``closed_form`` if not given, or the one of ``stages``.
        stages: A file of ``conf/stages`` by its name, for a method that trains.
        settings: Other values of the method's settings: ``{"network": "residual"}``.
        refine: ``consistent`` or ``none``, if not as the method's file has it.
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
    quiet_lightning()
    y, z = (np.atleast_1d(image) for image in (lr_hsi, hr_msi))
    y_pixels, z_pixels = (torch.tensor(image, dtype=_precision(image)) for image in (y, z))
    known = Known(*(None if given is None else torch.tensor(np.asarray(given, np.float64)) for given in (psf, srf)))
    covering = srf if support is None else support
    if covering is None:
        covered = torch.ones(y.shape[-1], z.shape[-1], dtype=torch.bool)
    else:
        covered = torch.from_numpy(np.asarray(covering) != 0)
    one_of("bad_bands", bad_bands, list(BadBands.__members__))
    scene = assemble_scene(
        y_pixels,
        z_pixels,
        covered,
        lr_valid=valid_values(y_pixels, "LR-HSI", valid=_mask(lr_valid)),
        hr_valid=valid_values(z_pixels, "HR-MSI", valid=_mask(hr_valid)),
        keep=BadBands[bad_bands] is BadBands.keep,
        known=known,
    )
    if scale not in (None, scene.scale):
        raise InputError(f"scale: expected {scene.scale}, as the sizes of the pair imply, got {scale}")
    chosen, follows = (
        (method, Refine.consistent) if isinstance(method, Method) else method_preset(method, stages, settings)
    )
    if refine is not None:
        one_of("refine", refine, list(Refine.__members__))
        follows = Refine[refine]
    unlike = instruments_preset(instruments) if isinstance(instruments, str) else instruments
    options = FusionOptions(
        chosen,
        refine=follows is Refine.consistent,
        instruments=unlike.resolved(chosen.tells_instruments_apart),
        known_psf=known.psf is not None,
        known_srf=known.srf is not None,
        kernel_size=kernel_size,
        uncertainty=uncertainty,
        progress=progress,
    )
    callbacks = [StageProgress()] if progress else []
    training = Training(seed=seed, accelerator=accelerator, precision=precision, callbacks=callbacks)
    fusion = with_figures(fuse_scene(scene, options, training))
    checked = reduced_resolution(fusion.model.degradation, fusion.scene, options, Training(seed=seed)) if check else {}
    filled = fusion.scene.left_out if BadBands[bad_bands] is BadBands.fill else None
    return replace(fusion, figures=fusion.figures | checked, bad_bands=filled)


def _mask(valid: ArrayLike | None) -> Tensor | None:
    return None if valid is None else torch.from_numpy(np.asarray(valid) != 0)


def _precision(image: NDArray[np.generic]) -> torch.dtype:
    """float32 where it holds the image's values, else float64."""
    return torch.float32 if np.can_cast(image.dtype, np.float32) else torch.float64
