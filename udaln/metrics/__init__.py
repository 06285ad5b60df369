"""How good a fused image is: the field's measures against a reference, as functions and as torchmetrics classes."""

from udaln.metrics.collection import CC, ERGAS, PSNR, RMSE, SAM, UIQI, fusion_metrics
from udaln.metrics.functional import cc, ergas, psnr, rmse, sam, uiqi, zero_spectra

__all__ = [
    "CC",
    "ERGAS",
    "PSNR",
    "RMSE",
    "SAM",
    "UIQI",
    "cc",
    "ergas",
    "fusion_metrics",
    "psnr",
    "rmse",
    "sam",
    "uiqi",
    "zero_spectra",
]
