"""Small HDF5 and NetCDF products of the layouts that EMIT, NEON and Planet deliver, made of any reflectance.

Each takes a cube, H×W×B, NaN where there are no data.
"""

from pathlib import Path

import h5py
import numpy as np

FILL = -9999.0
FLAGS = [b"Cloud flag", b"Cirrus flag", b"Water flag", b"Spacecraft Flag", b"Dilated Cloud Flag", b"AOD550"]
FLAGS += [b"H2O (g cm-2)", b"Aggregate Flag"]


def emit(path, cube, wavelengths, glt, *, geotransform, crs, good=None, dtype="<f4", fill=FILL) -> Path:
    """EMIT L2A: the image in the sensor's pixels. ``glt``: H×W×2, columns and rows of it from 1 on, 0 for none."""
    with h5py.File(path, "w") as file:
        file.attrs["geotransform"], file.attrs["spatial_ref"] = np.asarray(geotransform, float), crs
        file["reflectance"] = np.nan_to_num(cube, nan=fill).astype(dtype)
        file["reflectance"].attrs["_FillValue"] = np.array([fill], dtype)
        for axis, (name, size) in enumerate(zip(("downtrack", "crosstrack", "bands"), cube.shape, strict=True)):
            file[name] = np.zeros(size, ">f4")
            file[name].make_scale(f"This is a netCDF dimension but not a netCDF variable.{size:10d}")
            file["reflectance"].dims[axis].attach_scale(file[name])
        of_bands = file.create_group("sensor_band_parameters")
        of_bands["wavelengths"], of_bands["fwhm"] = np.float32(wavelengths), np.full(len(wavelengths), 8.5, "<f4")
        for name in ("wavelengths", "fwhm"):
            of_bands[name].attrs["units"] = "nm"
        of_bands["good_wavelengths"] = np.ones(len(wavelengths), "<f4") if good is None else np.float32(good)
        place = file.create_group("location")
        place["lat"], place["lon"] = np.zeros((2, *cube.shape[:2]))
        place["glt_x"], place["glt_y"] = np.moveaxis(np.asarray(glt, "<i4"), -1, 0)
    return Path(path)


def emit_mask(path, flags, interpolated=None) -> Path:
    """The mask of EMIT: flags by their names, H×W; ``interpolated``: H×W×B."""
    shape = next(iter(flags.values())).shape
    mask = np.zeros((*shape, len(FLAGS)), "<f4")
    for name, values in flags.items():
        mask[..., FLAGS.index(name.encode())] = values
    with h5py.File(path, "w") as file:
        file["mask"] = mask
        file["sensor_band_parameters/mask_bands"] = np.array(FLAGS, dtype=object)
        if interpolated is not None:
            file["band_mask"] = np.packbits(interpolated, axis=-1)
    return Path(path)


def neon(path, cube, wavelengths, *, site="HARV", map_info=None, epsg="32618", windows=(), wkt=None) -> Path:
    """NEON's reflectance, in steps of 1e-4."""
    map_info = map_info or "UTM,  1.000,  1.000, 600000.00, 5000000.00, 1.0, 1.0, 18, North, WGS-84, units=Meters, 0"
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{site}/Reflectance")
        stored = np.where(np.isnan(cube), FILL, np.rint(np.nan_to_num(cube) * 1e4)).astype("<i2")
        group["Reflectance_Data"] = stored
        group["Reflectance_Data"].attrs.update(
            {"Data_Ignore_Value": FILL, "Scale_Factor": 1e4, "Units": "Unitless. Valid range 0-1."}
        )
        group["Reflectance_Data"].attrs["Dimension_Labels"] = "Line, Sample, Wavelength"
        for number, window in enumerate(windows, 1):
            group.attrs[f"Band_Window_{number}_Nanometers"] = np.array(window, "<i4")
        spectral = group.create_group("Metadata/Spectral_Data")
        spectral["Wavelength"], spectral["FWHM"] = np.asarray(wavelengths, float), np.full(len(wavelengths), 5.8)
        for name in ("Wavelength", "FWHM"):
            spectral[name].attrs["Units"] = "nanometers"
        system = group.create_group("Metadata/Coordinate_System")
        system["Map_Info"], system["Proj4"] = map_info, "+UTM +zone= 18 +ellps= WGS84"  # as NEON writes it
        if epsg is not None:
            system["EPSG Code"] = epsg
        if wkt is not None:
            system["Coordinate_System_String"] = wkt
    return Path(path)


def tanager(path, cube, wavelengths, *, ortho=True, corner=(300000.0, 6600000.0), size=30.0, masks=None, **how) -> Path:
    """Tanager's surface reflectance. ``masks``: by their names, H×W; ``epsg``, ``struct``, ``good``."""
    height, width, bands = cube.shape
    left, top = corner
    with h5py.File(path, "w") as file:
        group = file.create_group(f"HDFEOS/{'GRIDS' if ortho else 'SWATHS'}/HYP")
        fields = group.create_group("Data Fields")
        for name in ("surface_reflectance", "surface_reflectance_uncertainty"):
            data = fields.create_dataset(name, data=np.nan_to_num(cube, nan=FILL).astype("<f4").transpose(2, 0, 1))
            data.attrs["_FillValue"] = np.float32(FILL)
        cube_attributes = fields["surface_reflectance"].attrs
        cube_attributes["wavelengths"], cube_attributes["wavelengths_units"] = np.float32(wavelengths), "nm"
        cube_attributes["fwhm"], cube_attributes["fwhm_units"] = np.full(bands, 5.5, "<f4"), "nm"
        cube_attributes["good_wavelengths"] = np.uint8(how.get("good", np.ones(bands)))
        for name in ("nodata_pixels", "beta_cloud_mask", "beta_cirrus_mask"):
            fields[name] = np.uint8((masks or {}).get(name, np.zeros((height, width))))
            fields[name].attrs["_FillValue"] = np.uint8(255)
        fields["sun_zenith"] = np.full((height, width), 30, "<f4")
        text = "GROUP=SwathStructure\nEND_GROUP=SwathStructure\n"
        if ortho:
            group.attrs["epsg_code"] = np.int64(how.get("epsg", 32750))
            text = (
                f'GROUP=GridStructure\n\tGROUP=GRID_1\n\t\tGridName="HYP"\n\t\tXDim={width}\n\t\tYDim={height}\n'
                f"\t\tUpperLeftPointMtrs=({left},{top})\n"
                f"\t\tLowerRightMtrs=({left + width * size},{top - height * size})\n"
                "\tEND_GROUP=GRID_1\nEND_GROUP=GridStructure\n"
            )
        else:
            place = group.create_group("Geolocation Fields")
            place["Latitude"], place["Longitude"] = np.zeros((2, height, width))
        file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(how.get("struct", text))
    return Path(path)
