"""Files as people have them: each case ends with the value that a clean file of the pair gives, and says what it is."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.io
import torch
from places import CASES, SHARED

pytest.importorskip("rasterio", reason="the extra io is not installed")

from udaln.errors import InputError
from udaln.experiment.run import run
from udaln.io.formats import open_image
from udaln.metrics.figures import psnr

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not there")


@dataclass(frozen=True)
class Case:
    """A pair that is fused.

    Attributes:
        lr_hsi: File of the LR-HSI; a variable after a colon.
        hr_msi: File of the HR-MSI.
        least: PSNR of the pixels with data [dB].
        said: Text that the log contains.
        missing: Fraction of the image's values that is NaN.
        words: Further settings.
        corner: First row and column of the image in the scene.
    """

    lr_hsi: str
    hr_msi: str
    least: float
    said: str = ""
    missing: float = 0.0
    words: tuple[str, ...] = ()
    corner: tuple[int, int] = (0, 0)


OUTSIDE = 0.153  # of the turned footprint
RIGHT = {
    "undeclared fill": Case(
        "undeclared_fill/a_minus9999.hdr", "undeclared_fill/hr.tif", 45.0, "undeclared fill -9999", OUTSIDE
    ),
    "no data of a scaled file": Case(
        "nodata_of_scaled_file/lr.tif",
        "nodata_of_scaled_file/hr.tif",
        45.0,
        "dataset.nodata=-9999",
        OUTSIDE,
        ("dataset.nodata=-9999",),
    ),
    "rounded no data": Case("rounded_nodata/rounded.tif", "rounded_nodata/hr.tif", 45.0, "no-data value", OUTSIDE),
    "alpha band": Case("alpha_band/lr.tif", "alpha_band/rgba.tif", 32.9, "transparent (alpha band 4)", 0.105),
    "mask of the file": Case("alpha_band/lr.tif", "alpha_band/rgb_mask.tif", 32.9, "mask of the file", 0.105),
    "gaps in some bands": Case("gaps_in_some_bands/b_scattered.tif", "gaps_in_some_bands/hr.tif", 45.1, "", 0.02),
    "an extra band": Case("extra_band/lr.tif", "extra_band/hr4_qa.tif", 37.9, "HR-MSI band 4 (counted from 0)"),
    "mixed resolution": Case("mixed_resolution/lr.tif", "mixed_resolution/nearest.tif", 39.4, "2 times as large"),
    "resampled": Case("ortho_resampled/bilinear30.tif", "ortho_resampled/hr.tif", 42.0),
    "no CRS": Case("without_crs/lr_no_crs.tif", "without_crs/hr.tif", 44.9, "none of the LR-HSI", corner=(0, 24)),
    "pages": Case("pages/lr.tif", "pages/hr_pages.tif", 37.8, "5 pages"),
    "unsigned": Case("unsigned_netcdf/lr.npy", "unsigned_netcdf/hr8.nc", 33.2),
    "NEON": Case("neon_h5/neon.h5", "neon_h5/hr.tif", 38.3, "no-data value -9999", 0.141),
    "header in Windows-1252": Case("header_cp1252/a_desc.hdr", "header_cp1252/hr.tif", 42.6, "taken for Windows-1252"),
    "commas in band names": Case("header_details/a_names_commas.hdr", "header_details/hr.tif", 42.6),
    "a short fwhm": Case("header_details/d_fwhm_short.hdr", "header_details/hr.tif", 42.6, "fwhm"),
    "bands first": Case("matlab_struct/h_bands_first.mat", "matlab_struct/hr.npy", 42.6, "bands×rows×columns"),
    "a struct": Case("matlab_struct/a_struct.mat:hsi.Data", "matlab_struct/hr.npy", 42.6),
}
# How these are read is what can go wrong; the search for a displacement, which takes long, is seen in the others.
READING = (
    "no data of a scaled file",
    "rounded no data",
    "header in Windows-1252",
    "commas in band names",
    "a short fwhm",
    "bands first",
    "a struct",
    "NEON",
    "pages",
)


def scene(bands: int) -> torch.Tensor:
    """The truth, every second or every fourth band."""
    whole = scipy.io.loadmat(SHARED / "jasper_ridge" / "REF.mat")["REF"].astype(np.float64)[:96, :96]
    return torch.from_numpy(np.ascontiguousarray(whole[..., :: -(-198 // bands)]))


@pytest.mark.parametrize("name", RIGHT)
def test_the_case_ends_right_and_says_so(name, configure, tmp_path):
    case = RIGHT[name]
    lr_hsi, _, variable = case.lr_hsi.partition(":")
    words = ["dataset=pair", f"dataset.lr_hsi={CASES / lr_hsi}", f"dataset.hr_msi={CASES / case.hr_msi}", *case.words]
    words += [f"dataset.lr_hsi_variable={variable}"] if variable else []
    words += ["instruments=alike"] if name in READING else []
    run(
        configure(*words, "output=npy", "trust.check=false", "trainer.accelerator=cpu", "monitor.pictures=null"),
        tmp_path,
    )
    image = torch.from_numpy(np.load(tmp_path / "fused.npy")).double()
    truth = scene(image.shape[2])
    top, left = case.corner
    truth = truth[top : top + image.shape[0], left : left + image.shape[1]]
    measured = [~band.isnan() for band in image.unbind(2)]
    per_band = [
        float(psnr(a[where][:, None, None], b[where][:, None, None]))
        for a, b, where in zip(truth.unbind(2), image.unbind(2), measured, strict=True)
    ]
    assert np.mean(per_band) >= case.least
    assert float(image.isnan().double().mean()) == pytest.approx(case.missing, abs=0.005)
    assert " ".join(case.said.split()) in " ".join((tmp_path / "udaln.log").read_text(encoding="utf-8").split())


def test_flagged_bands_are_not_good():
    with open_image(CASES / "emit_netcdf" / "emit_ortho.nc", key="dataset.lr_hsi") as image:
        assert image.bands.good is not None and not image.bands.good.all()


def test_two_cubes_in_a_struct_are_one_line_with_their_paths():
    with pytest.raises(InputError, match=r"^dataset.lr_hsi: .*a_struct.mat: .*hsi\.Data"):
        open_image(CASES / "matlab_struct" / "a_struct.mat", key="dataset.lr_hsi").__enter__()
