"""Format and band metadata of the file of a fused image."""

from __future__ import annotations

from itertools import compress

from udaln.experiment.schema import Format
from udaln.io.image import Bands
from udaln.io.pair import Pair
from udaln.scene import Scene


def output_format(setting: Format, pair: Pair | None) -> str:
    """The suffix of the file; ``auto`` is a GeoTIFF for a georeferenced pair, else a .mat file."""
    if setting is not Format.auto:
        return setting.name
    return "tif" if pair is not None and pair.grid is not None and pair.grid.crs else "mat"


def fused_bands(pair: Pair | None, scene: Scene, *, filled: bool) -> Bands:
    """Metadata of the bands of a fused image.

    Args:
        pair: The pair that was fused; None if it is simulated.
        scene: Of the same pair.
        filled: Whether the bands that are not in use in the scene are filled in.
    """
    kept = None if filled or scene.dropped_bands is None else scene.dropped_bands.kept.numpy()
    wavelengths = scene.wavelengths
    if filled and scene.dropped_bands is not None:
        wavelengths = scene.dropped_bands.wavelengths
    bands = Bands() if pair is None else pair.lr_hsi.bands
    names = bands.names if bands.names is None or kept is None else list(compress(bands.names, kept))
    fwhm = bands.fwhm if bands.fwhm is None or kept is None else bands.fwhm[kept]
    return Bands(names, None if wavelengths is None else wavelengths.numpy(), fwhm)
