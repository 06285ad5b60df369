"""Quality measures of fused images.

With a reference: functions and torchmetrics classes. Without a reference: functions.
"""

from udaln.metrics.collection import CC, ERGAS, PSNR, RMSE, SAM, UIQI, fusion_metrics
from udaln.metrics.functional import cc, ergas, psnr, rmse, sam, uiqi, zero_spectra
from udaln.metrics.no_reference import d_lambda, d_s, hqnr, quality_without_reference
from udaln.metrics.whole_image import psnr_cube, ssim

__all__ = [
    "CC",
    "ERGAS",
    "PSNR",
    "RMSE",
    "SAM",
    "UIQI",
    "cc",
    "d_lambda",
    "d_s",
    "ergas",
    "fusion_metrics",
    "hqnr",
    "psnr",
    "psnr_cube",
    "quality_without_reference",
    "rmse",
    "sam",
    "ssim",
    "uiqi",
    "zero_spectra",
]
