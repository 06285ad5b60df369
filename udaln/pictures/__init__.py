"""Pictures of a scene, its fused image and the estimated degradation."""

from udaln.pictures.composites import COLOURS, colours, composites, images, shown_bands
from udaln.pictures.consistency import hr_msi_misfit, lr_hsi_misfit
from udaln.pictures.page import overview
from udaln.pictures.quicklook import quicklook
from udaln.pictures.sensors import degradation
from udaln.pictures.spectra import purest, spectra

__all__ = [
    "COLOURS",
    "colours",
    "composites",
    "degradation",
    "hr_msi_misfit",
    "images",
    "lr_hsi_misfit",
    "overview",
    "purest",
    "quicklook",
    "shown_bands",
    "spectra",
]
