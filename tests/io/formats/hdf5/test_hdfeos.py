"""Grids of HDF-EOS5 files: projections that are known, and what is left aside."""

import h5py
import numpy as np
import pytest
from made_up_hdf5 import tanager

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")

CUBE, WAVELENGTHS = np.ones((4, 5, 3), np.float32), [450.0, 550, 650]


@pytest.fixture
def grid_of(tmp_path, whole):
    """The grid and the notes of an image whose StructMetadata has some lines."""

    def read(lines, epsg=None):
        lines = [f"GROUP=GRID_{number}\n{block}\nEND_GROUP=GRID_{number}\n" for number, block in enumerate(lines, 1)]
        path = tanager(tmp_path / "x.h5", CUBE, WAVELENGTHS, struct="GROUP=GridStructure\n" + "".join(lines))
        with h5py.File(path, "r+") as file:
            del file["HDFEOS/GRIDS/HYP"].attrs["epsg_code"]
            if epsg:
                file.attrs["EPSG"] = epsg
        image, _ = whole(path)
        return image.grid, image.notes

    return read


def block(name="HYP", size=(4, 5), first=(600000, 5000000), last=(600150, 4999880), projection="HE5_GCTP_UTM", zone=33):
    return (
        f'GridName="{name}"\n\tXDim={size[1]}\n\tYDim={size[0]}\n\tUpperLeftPointMtrs=({first[0]:.6f},{first[1]:.6f})\n'
        f"\tLowerRightMtrs=({last[0]:.6f},{last[1]:.6f})\n\tProjection={projection}\n\tZoneCode={zone}"
    )


@pytest.mark.parametrize(("zone", "epsg"), [(33, 32633), (-19, 32719)])
def test_utm(grid_of, zone, epsg):
    grid, _ = grid_of([block("OTHER", (9, 9)), block(zone=zone)])
    assert grid.transform == (30, 0, 600000, 0, -30, 5000000)
    assert rasterio.CRS.from_wkt(grid.crs).to_epsg() == epsg


@pytest.mark.parametrize(("first", "last"), [((9.5, 45.0), (9.75, 44.8)), ((9030000, 45000000), (9045000, 44048000))])
def test_geographic_coordinates_may_be_packed(grid_of, first, last):
    grid, _ = grid_of([block(first=first, last=last, projection="HE5_GCTP_GEO")])
    np.testing.assert_allclose(grid.transform, (0.05, 0, 9.5, 0, -0.05, 45), atol=1e-9)
    assert rasterio.CRS.from_wkt(grid.crs).to_epsg() == 4326


def test_an_epsg_code_counts_first(grid_of):
    assert rasterio.CRS.from_wkt(grid_of([block()], epsg="EPSG:3035")[0].crs).to_epsg() == 3035


def test_what_is_not_known_is_said(grid_of):
    grid, notes = grid_of([block(projection="HE5_GCTP_SNSOID")])
    assert grid.crs == ""
    assert any("HE5_GCTP_SNSOID is not known" in note for note in notes)
    grid, notes = grid_of([block(size=(9, 9))])
    assert grid is None
    assert any("it describes 9×9 pixels, the image has 4×5" in note for note in notes)
    assert any("expected the corners" in note for note in grid_of(['GridName="HYP"'])[1])
    assert any("corners coincide" in note for note in grid_of([block(last=(600000, 5000000))])[1])
    grid, notes = grid_of([block()], epsg=999999)
    assert grid.crs == ""
    assert any("999999" in note for note in notes)
