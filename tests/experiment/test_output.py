"""Format and band metadata of the file of a fused image."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import torch
from made_up_fusions import made

from udaln.experiment.output import fused_bands, output_format
from udaln.experiment.schema import Format
from udaln.io.image import Bands
from udaln.scene import DroppedBands


def test_bands_are_those_of_the_file_or_of_the_scene():
    fusion = made(bad=True)
    metadata = Bands([f"x{i}" for i in range(8)], np.linspace(400.0, 1000.0, 8), np.arange(8.0) + 5, np.arange(8) < 7)
    pair = replace(fusion.pair, lr_hsi=replace(fusion.pair.lr_hsi, bands=metadata))
    configured = torch.linspace(500, 900, 8)  # wavelengths
    dropped_bands = DroppedBands(
        fusion.dropped_bands.dead, fusion.dropped_bands.noise, fusion.dropped_bands.msi_dead, configured
    )
    kept = [0, 1, 2, 4, 5, 7]
    scene = replace(fusion.scene, wavelengths=configured[kept], dropped_bands=dropped_bands)
    bands = fused_bands(pair, scene, filled=True)
    assert bands.names == metadata.names and bands.fwhm is metadata.fwhm
    np.testing.assert_array_equal(bands.wavelengths, configured)
    bands = fused_bands(pair, scene, filled=False)
    assert bands.names == ["x0", "x1", "x2", "x4", "x5", "x7"]
    np.testing.assert_array_equal(bands.fwhm, metadata.fwhm[kept])
    np.testing.assert_array_equal(bands.wavelengths, configured[kept])
    bare = fused_bands(None, replace(scene, dropped_bands=None, wavelengths=None), filled=False)
    assert bare.names is None and bare.wavelengths is None and bare.fwhm is None


def test_the_format_is_what_is_asked_for_or_what_fits():
    pair = made().pair
    georeferenced, without_crs = (
        replace(pair, hr_msi=replace(pair.hr_msi, grid=grid))
        for grid in (made_up_pairs.grid(10.0), replace(made_up_pairs.grid(10.0), crs=""))
    )
    assert output_format(Format.auto, georeferenced) == "tif"
    assert output_format(Format.auto, without_crs) == output_format(Format.auto, pair) == "mat"
    assert output_format(Format.auto, None) == "mat"
    assert output_format(Format.img, georeferenced) == "img" and output_format(Format.tif, None) == "tif"
