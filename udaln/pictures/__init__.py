"""Pictures of a scene, its fused image and the estimated degradation."""

from udaln.pictures import cards
from udaln.pictures.composites import COLOURS, colours, images, shown_bands
from udaln.pictures.consistency import hr_msi_misfit, lr_hsi_misfit
from udaln.pictures.displacement import displacement_map
from udaln.pictures.page import overview
from udaln.pictures.quicklook import quicklook
from udaln.pictures.spectra import purest

__all__ = [
    "COLOURS",
    "cards",
    "colours",
    "displacement_map",
    "hr_msi_misfit",
    "images",
    "lr_hsi_misfit",
    "overview",
    "purest",
    "quicklook",
    "shown_bands",
]
