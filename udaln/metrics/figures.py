"""The figures of a run: every quality measure of fused image and degradation that a scene allows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from udaln.estimation.psf import centre_shift
from udaln.metrics import fusion_metrics, psnr, psnr_cube, quality_without_reference, ssim
from udaln.parts import own_figures
from udaln.physics.degradation import Degradation
from udaln.physics.observation import MAX_INVALID, degraded, usable_lr_pixels
from udaln.physics.windows import degrade
from udaln.scene import Scene


@torch.no_grad()
def figures(
    degradation: Degradation, scene: Scene, fused: Tensor | None, metrics: Sequence[str] = ()
) -> dict[str, float]:
    """Every figure that a scene allows, over the pixels with data.

    Args:
        degradation: The current estimate.
        scene: The scene, on the device of the degradation.
        fused: The fused image, H×W×C, in the units of the LR-HSI; None before there is one.
        metrics: Metrics of one's own by their names.

    Returns:
        * with a reference and a fused image: ``psnr, sam, ergas, cc, uiqi, rmse``;
        * with a fused image: ``lr_hsi_error`` and ``hr_msi_error``, the mean absolute errors SpaDnet(X̂) − Y and
          SpeDnet(X̂) − Z, in units of Y and Z;
        * with a fused image, the metrics of one's own;
        * always ``lr_msi_error``, of SpeDnet(Y) − SpaDnet(Z);
        * ``shift_rows`` and ``shift_columns``, the shift of the LR-HSI down and to the right [HR pixels];
        * with the true PSF: ``psf_error``, the largest absolute error of a weight, and ``shift_error`` [HR pixels];
        * with the true SRF: ``srf_error``, ‖S − S*‖ / ‖S*‖ in the Frobenius norm;
        * with true gains and offsets: ``gain_error``, the largest relative one, and ``offset_error``, the largest;
        * with both and a reference: ``spad_psnr`` and ``sped_psnr`` [dB], how well SpaDnet(Z) and SpeDnet(Y) fit the
          LR-MSI of the reference.
    """
    result: dict[str, float] = {}
    truth, psf, srf = scene.truth, degradation.psf, degradation.srf
    usable = usable_lr_pixels(scene, psf)
    lr_hsi, hr_msi = scene.lr_hsi.flatten(0, 1)[usable].double(), scene.hr_msi.double()
    if fused is not None:
        valid = scene.valid
        if truth.image is not None:
            measures = fusion_metrics(scene.scale, sync_on_compute=False).to(fused.device)  # of one process's image
            measures.update(truth.image, fused)
            result |= {name: float(value) for name, value in measures.compute().items()}
        inside = degraded(scene, valid[..., None].double(), psf / psf.sum())[usable, 0] > 1 - MAX_INVALID
        lr_fused = degraded(scene, torch.where(valid[..., None], fused, 0), psf)[usable].double()
        result["lr_hsi_error"] = float(l1_loss(lr_fused[inside], lr_hsi[inside]))
        result |= own_figures(metrics, scene, fused)
        result["hr_msi_error"] = float(l1_loss(degradation.unmatched(fused[valid].double() @ srf), hr_msi[valid]))
    lr_msi_spad, lr_msi_sped = degraded(scene, hr_msi, psf)[usable], degradation.unmatched(lr_hsi @ srf)
    result["lr_msi_error"] = float(l1_loss(lr_msi_sped, lr_msi_spad))
    shift = centre_shift(psf.cpu().numpy(), scene.scale, scene.total_shift)
    result["shift_rows"], result["shift_columns"] = shift
    if truth.psf is not None:
        result["psf_error"] = _psf_error(psf, scene.shift, truth.psf, scene.scale)
        true_shift = centre_shift(truth.psf.cpu().numpy(), scene.scale, (0, 0))
        result["shift_error"] = ((shift[0] - true_shift[0]) ** 2 + (shift[1] - true_shift[1]) ** 2) ** 0.5
    if truth.srf is not None:
        result["srf_error"] = float((srf - truth.srf).norm() / truth.srf.norm())
    if truth.gain is not None and truth.offset is not None:
        result["gain_error"] = float((degradation.gain / truth.gain - 1).abs().max())
        result["offset_error"] = float((degradation.offset - truth.offset).abs().max())
        if truth.image is not None and truth.psf is not None and truth.srf is not None:
            true_msi = truth.image.double() @ truth.srf.double() * truth.gain + truth.offset
            true_lr_msi = degrade(true_msi, truth.psf, scene.scale).flatten(0, 1)[usable]
            result["spad_psnr"] = float(psnr(true_lr_msi[:, None], lr_msi_spad[:, None]))
            result["sped_psnr"] = float(psnr(true_lr_msi[:, None], lr_msi_sped[:, None]))
    return result


@torch.no_grad()
def without_reference(degradation: Degradation, scene: Scene, fused: Tensor) -> dict[str, float]:
    """The figures of a fused image that need no reference, over the pixels with data.

    Args:
        degradation: As it was estimated, on the CPU.
        scene: The pair, on the CPU.
        fused: H×W×C, on the CPU, with finite values in gaps, too: the PSF of an LR pixel reaches into them.

    Returns:
        ``d_lambda``, ``d_s`` and ``hqnr``.
    """
    lr_hsi, hr_msi = scene.lr_hsi, degradation.matched(scene.hr_msi)
    if scene.lr_valid is not None:
        lr_hsi = torch.where(scene.lr_valid[..., None], lr_hsi, torch.nan)
    if scene.lr_changed is not None:
        lr_hsi = torch.where(scene.lr_changed[..., None], torch.nan, lr_hsi)
    if scene.lr_gaps is not None:
        lr_hsi = torch.where(scene.lr_gaps, torch.nan, lr_hsi)
    if scene.hr_valid is not None:
        hr_msi = torch.where(scene.hr_valid[..., None], hr_msi, torch.nan)
    quality = quality_without_reference(fused, lr_hsi, hr_msi, degradation.psf, scene.shift)
    return {name: float(value) for name, value in quality.items()}


@torch.no_grad()
def of_whole_image(scene: Scene, fused: Tensor) -> dict[str, float]:
    """The figures against the truth that are computed once, at the end of a run.

    Args:
        scene: The pair, on the CPU.
        fused: H×W×C, on the CPU; NaN for pixels without data.

    Returns:
        ``psnr_cube`` and ``ssim``; nothing without a reference.
    """
    truth = scene.truth.image
    if truth is None:
        return {}
    return {"psnr_cube": float(psnr_cube(truth, fused)), "ssim": float(ssim(truth, fused))}


def _psf_error(psf: Tensor, shift: tuple[int, int], true: Tensor, scale: int) -> float:
    """The largest absolute difference between two PSFs whose windows differ in size and position.

    Args:
        psf: Estimated, k×k.
        shift: Of its window, down and to the right [HR pixels].
        true: Without a shift, of any size.
        scale: Scale factor r.
    """
    starts = [
        [component - (len(kernel) - scale) // 2 for component in position]
        for kernel, position in ((psf, shift), (true, (0, 0)))
    ]
    stops = [[start + len(kernel) for start in corner] for kernel, corner in zip((psf, true), starts, strict=True)]
    origin = [min(pair) for pair in zip(*starts, strict=True)]
    end = [max(pair) for pair in zip(*stops, strict=True)]
    padded = torch.zeros(2, *(last - first for first, last in zip(origin, end, strict=True)), dtype=torch.float64)
    for plane, (top, left), kernel in zip(padded, starts, (psf, true), strict=True):
        row, column = top - origin[0], left - origin[1]
        plane[row : row + len(kernel), column : column + len(kernel)] = kernel
    return float((padded[0] - padded[1]).abs().max())
