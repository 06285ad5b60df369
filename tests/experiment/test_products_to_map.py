"""From two products as the agencies deliver them to a file on the map, by the command: where it lies, what it shows.

The ground is made up, parcels of a few materials under smooth light, on pixels finer than any sensor's. Each sensor
sees it where its own georeferencing says.
"""

import sys
from dataclasses import dataclass

import h5py
import numpy as np
import pytest
import scipy.io
from hydra.core.global_hydra import GlobalHydra
from scipy.ndimage import map_coordinates, maximum_filter
from scipy.ndimage import shift as moved
from scipy.optimize import minimize
from scipy.spatial import cKDTree

from udaln.experiment import command
from udaln.io.formats import open_image

rasterio = pytest.importorskip("rasterio", reason="the extra io is not installed")
spectral = pytest.importorskip("spectral", reason="the extra io is not installed")

from made_up_products import Place, desis, enmap, prisma, sentinel2, write_raster  # noqa: E402

CELL, MARGIN = 5.0, 90.0  # of the ground: side of a pixel, and how far it goes on around the HR-MSI [m]
LR, HR = 30.0, 10.0  # pixels of the sensors [m]
X, Y = 600000.0, 5000000.0  # the HR-MSI's corner
EDGES = np.array([[458, 523], [543, 578], [650, 680], [785, 900]])  # of Sentinel-2's B2, B3, B4 and B8 [nm]
GAIN, OFFSET = np.array([1.06, 0.97, 1.03, 0.95]), np.array([0.010, -0.004, 0.006, 0.003])  # of the HR-MSI's bands
FULL = np.r_[np.linspace(420, 940, 28), np.linspace(980, 2450, 20)]  # wavelengths [nm]
VISIBLE = np.linspace(405, 995, 30)


def scenery(side, wavelengths, seed=0):
    """Reflectance of a square, ``side`` m and the margins, H×W×B."""
    rng = np.random.default_rng(seed)
    at = np.arange(CELL / 2 - MARGIN, side + MARGIN, CELL)
    down, right = np.meshgrid(at, at, indexing="ij")
    parcels = rng.uniform(at[0], at[-1], (int((side / 70) ** 2), 2))
    _, nearest = cKDTree(parcels).query(np.stack([down, right], -1))
    step, bump = rng.uniform(500, 900, (5, 1)), rng.uniform(600, 1500, (5, 1))
    rise = 1 / (1 + np.exp(-(wavelengths - step) / rng.uniform(20, 120, (5, 1))))
    slope = rng.uniform(0.02, 0.2, (5, 1)) * wavelengths / 2500
    materials = 0.08 + 0.3 * rise * np.exp(-(((wavelengths - 900) / bump) ** 2)) + slope
    light = np.ones(down.shape)
    for angle, length, phase in rng.uniform((0, 60, 0), (np.pi, 500, 2 * np.pi), (12, 3)):
        light += 0.04 * np.sin(2 * np.pi * (down * np.cos(angle) + right * np.sin(angle)) / length + phase)
    return (rng.dirichlet(np.full(5, 0.5), len(parcels))[nearest] @ materials) * light[..., None]


def seen(ground, corner, size, count, fwhm=None):
    """What count×count pixels see of it, their mean or by a Gaussian; they begin ``corner`` m within the HR-MSI."""
    cells = CELL * (np.arange(len(ground)) + 0.5) - MARGIN
    weights = []
    for first in corner:
        apart = np.abs(first + size * (np.arange(count)[:, None] + 0.5) - cells)
        share = np.clip((size + CELL) / 2 - apart, 0, CELL) if fwhm is None else 0.5 ** (2 * apart / fwhm) ** 2
        weights.append(share / share.sum(1, keepdims=True))
    return np.einsum("ik,jl,klb->ijb", *weights, ground, optimize=True)


def responses(wavelengths):
    """Sentinel-2's, with slopes instead of edges."""
    low, high = ((wavelengths[:, None] - edges) / 4 for edges in EDGES.T)
    srf = 1 / (1 + np.exp(-low)) / (1 + np.exp(high))
    return srf / srf.sum(0)


@dataclass(frozen=True)
class Seen:
    """A pair of the same ground, the truth on the HR-MSI's pixels, and where in the HR-MSI the LR-HSI begins [m]."""

    lr_hsi: np.ndarray
    hr_msi: np.ndarray
    truth: np.ndarray
    corner: tuple[float, float]

    @property
    def place(self):
        return Place(x=X + self.corner[1], y=Y - self.corner[0], size=LR)

    def interpolated(self, rows, columns):
        """The LR-HSI on some of the HR-MSI's pixels."""
        at = [(HR * (side + 0.5) - first) / LR - 0.5 for side, first in zip((rows, columns), self.corner, strict=True)]
        places = np.meshgrid(*at, indexing="ij")
        bands = np.moveaxis(self.lr_hsi, -1, 0)
        return np.stack([map_coordinates(band, places, order=3, mode="nearest") for band in bands], -1)


def pair(wavelengths, pixels=34, off=(0.0, 0.0), seed=0):
    """``pixels`` LR pixels a side, one LR pixel and ``off`` HR pixels within the HR-MSI."""
    ground, rng = scenery(LR * (pixels + 2), wavelengths, seed), np.random.default_rng(seed + 1)
    corner = tuple(LR + HR * part for part in off)
    lr_hsi = seen(ground, corner, LR, pixels, fwhm=LR)
    truth = seen(ground, (0, 0), HR, 3 * (pixels + 2))
    hr_msi = truth @ responses(wavelengths) * GAIN + OFFSET
    lr_hsi, hr_msi = (
        image + image.mean((0, 1)) / ratio * rng.normal(size=image.shape)
        for image, ratio in ((lr_hsi, 150), (hr_msi, 200))
    )
    return Seen(lr_hsi, hr_msi, truth, corner)


def udaln(folder, *words):
    """Run the command; the run's folder."""
    with pytest.MonkeyPatch.context() as patch:
        words = "dataset=pair", "monitor.pictures=null", *map(str, words), f"hydra.run.dir={folder / 'run'}"
        patch.setattr(sys, "argv", ["udaln", *words])
        GlobalHydra.instance().clear()
        command.main()
        GlobalHydra.instance().clear()
    return folder / "run"


def files(lr_hsi, hr_msi):
    return f"dataset.lr_hsi={lr_hsi}", f"dataset.hr_msi={hr_msi}"


@dataclass(frozen=True)
class Map:
    """A GeoTIFF as rasterio has it, and which of the HR-MSI's pixels it covers."""

    image: np.ndarray
    crs: object
    transform: object
    tags: list[dict[str, str]]

    @classmethod
    def of(cls, path):
        with rasterio.open(path) as file:
            tags = [file.tags(band, ns="IMAGERY") for band in file.indexes]
            return cls(np.moveaxis(file.read(), 0, -1), file.crs, file.transform, tags)

    @property
    def pixels(self):
        first = (Y - self.transform.f) / HR, (self.transform.c - X) / HR
        return tuple(np.arange(side) + round(at) for at, side in zip(first, self.image.shape[:2], strict=True))

    def window_of(self, image):
        return image[np.ix_(*self.pixels)]


def apart(image, other):
    """How far down and to the right of another image an image shows the same [pixels], by splines and correlation."""

    def misfit(shift):
        back = moved(image, -shift, order=3, mode="nearest")[4:-4, 4:-4]
        return -np.corrcoef(back.ravel(), other[4:-4, 4:-4].ravel())[0, 1]

    simplex = [(0, 0), (0.5, 0), (0, 0.5)]
    return minimize(misfit, (0, 0), method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-3}).x


def psnr(image, truth):
    return 10 * np.log10(truth.max() ** 2 / np.nanmean((image - truth) ** 2))


@pytest.fixture(
    scope="module",
    params=[((1.5, 1.5), ()), ((0.5, -0.7), ("memory.sample=400", "memory.limit=600MiB", "trust.uncertainty=true"))],
    ids=["whole", "in windows"],
)
def prisma_map(request, tmp_path_factory):
    """The pair, and the map that is made of it."""
    folder, (off, words) = tmp_path_factory.mktemp("prisma"), request.param
    both = pair(FULL, off=off)
    lr_hsi = prisma(folder / "PRS_L2D_STD.he5", both.lr_hsi, FULL, both.place)
    run = udaln(folder, *files(lr_hsi, sentinel2(folder, both.hr_msi)), "sensor=sentinel2", *words)
    return both, Map.of(run / "fused.tif"), run


def test_the_map_of_prisma_lies_on_the_pixels_of_sentinel2(prisma_map):
    both, made, _ = prisma_map
    assert made.crs.to_epsg() == 32632
    a, b, c, d, e, f = made.transform[:6]
    assert (a, b, d, e) == (HR, 0, 0, -HR)
    assert (c - X) % HR == (Y - f) % HR == 0
    height, width, bands = made.image.shape
    assert bands == len(FULL) and min(height, width) >= 3 * (len(both.lr_hsi) - 1)
    assert np.isfinite(made.image).all()


def test_what_the_map_of_prisma_shows_lies_where_sentinel2_shows_it(prisma_map):
    both, made, _ = prisma_map
    hr_msi, truth = made.window_of(both.hr_msi), made.window_of(both.truth)
    for band, (low, high) in enumerate(EDGES):
        covered = made.image[..., (low <= FULL) & (high >= FULL)].mean(2)
        assert np.abs(apart(covered, hr_msi[..., band])).max() < 0.1
    for band in (0, 27, 35, 47):  # none of Sentinel-2's 10 m bands has these
        assert np.abs(apart(made.image[..., band], truth[..., band])).max() < 0.1


def test_a_shift_as_large_as_allowed_would_be_seen(prisma_map):
    """The measure itself."""
    both, made, _ = prisma_map
    band = made.window_of(both.truth)[..., 30]
    np.testing.assert_allclose(apart(moved(band, (0.1, -0.3), order=5, mode="nearest"), band), (0.1, -0.3), atol=0.02)


def test_the_map_of_prisma_shows_more_than_prisma(prisma_map):
    both, made, _ = prisma_map
    truth = made.window_of(both.truth)
    assert psnr(made.image, truth) > psnr(both.interpolated(*made.pixels), truth) + 6


def test_values_that_prisma_flags_cost_themselves_and_not_their_pixels(tmp_path):
    """Of the LR pixels more than half have a flagged value, in one band or another."""
    both, rng = pair(FULL, off=(1.5, 1.5)), np.random.default_rng(5)
    flagged = rng.uniform(size=both.lr_hsi.shape) < 0.02
    spoiled = np.where(flagged, rng.uniform(0, 1.2, flagged.shape), both.lr_hsi)
    lr_hsi = prisma(tmp_path / "x.he5", spoiled, FULL, both.place, errors=flagged)
    run = udaln(tmp_path, *files(lr_hsi, sentinel2(tmp_path, both.hr_msi)), "sensor=sentinel2")
    made = Map.of(run / "fused.tif")
    assert flagged.any(2).mean() > 0.5
    np.testing.assert_array_equal(np.isnan(made.image), flagged.repeat(3, 0).repeat(3, 1))
    truth = made.window_of(both.truth)
    assert psnr(made.image, truth) > psnr(both.interpolated(*made.pixels), truth) + 6


def test_the_map_has_the_wavelengths_and_units_of_prisma(prisma_map):
    both, made, run = prisma_map
    np.testing.assert_allclose([1000 * float(tags["CENTRAL_WAVELENGTH_UM"]) for tags in made.tags], FULL, rtol=1e-6)
    with open_image(run / "fused.tif", key="fused") as image:  # and it can be read again as an LR-HSI
        np.testing.assert_allclose(image.bands.wavelengths, FULL, rtol=1e-6)
        np.testing.assert_allclose(image.bands.fwhm, 10, rtol=1e-6)
    inner = made.image.mean((0, 1)) / made.window_of(both.truth).mean((0, 1))
    np.testing.assert_allclose(inner, 1, atol=0.01)  # gains and offsets of Sentinel-2 are not in it


def test_how_far_the_map_may_be_off_lies_on_the_map_too(prisma_map):
    both, made, run = prisma_map
    off = Map.of(run / "uncertainty.tif")
    assert (off.crs, off.transform, off.image.shape) == (made.crs, made.transform, made.image.shape)
    within = np.abs(made.image - made.window_of(both.truth)) < 2 * off.image
    assert within.mean() > 0.8


@pytest.fixture(scope="module")
def enmap_map(tmp_path_factory):
    """The same with clouds: which LR pixels and which HR pixels are under one."""
    folder = tmp_path_factory.mktemp("enmap")
    both = pair(FULL[::2], pixels=30, off=(1.5, 0.5), seed=3)
    cloud, cirrus = np.zeros((2, 30, 30), np.uint8)
    cloud[4:9, 5:11], cirrus[20:23, 2:6] = 1, 2
    classes = np.full((48, 48), 4)
    classes[30:37, 33:41], classes[12, 40] = 9, 10
    lr_hsi, hr_msi = both.lr_hsi.copy(), both.hr_msi.copy()
    lr_cloud, hr_cloud = (cloud | cirrus) > 0, np.kron(classes != 4, np.ones((2, 2))) > 0
    lr_hsi[lr_cloud], hr_msi[hr_cloud] = 0.9, 0.8
    layers = {"QUALITY_CLOUD": cloud, "QUALITY_CIRRUS": cirrus, "QUALITY_CLOUDSHADOW": 0 * cloud}
    lr_hsi = enmap(folder / "enmap", lr_hsi, FULL[::2], both.place, layers=layers)
    hr_msi = sentinel2(folder, hr_msi, classes=classes)
    run = udaln(folder, *files(lr_hsi, hr_msi), "sensor=sentinel2", "trust.check=false", "trust.uncertainty=false")
    return both, Map.of(run / "fused.tif"), lr_cloud, hr_cloud


def test_the_map_of_enmap_lies_where_sentinel2_does(enmap_map):
    both, made, *_ = enmap_map
    assert (made.transform.c - X) % HR == (Y - made.transform.f) % HR == 0
    filled = np.where(np.isnan(made.image), made.window_of(both.truth), made.image)
    for band in (2, 7, 12, 20):
        assert np.abs(apart(filled[..., band], made.window_of(both.truth)[..., band])).max() < 0.1


def test_clouds_of_either_product_are_holes_in_the_map(enmap_map):
    both, made, lr_cloud, hr_cloud = enmap_map
    hole = np.isnan(made.image).all(2)
    np.testing.assert_array_equal(np.isnan(made.image).any(2), hole)
    rows, columns = made.pixels
    lr_rows, lr_columns = (
        np.clip(((HR * (side + 0.5) - first) // LR).astype(int), 0, 29)
        for side, first in zip((rows, columns), both.corner, strict=True)
    )
    under = lr_cloud[np.ix_(lr_rows, lr_columns)] | made.window_of(hr_cloud)
    assert hole[under].mean() > 0.9  # LR pixels begin half an HR pixel off the HR-MSI's
    assert not hole[~maximum_filter(under, 3)].any()
    truth = made.window_of(both.truth)
    assert psnr(made.image, truth) > psnr(both.interpolated(rows, columns), truth) + 4
    np.testing.assert_allclose(made.image[~hole], truth[~hole], atol=0.15)  # no trace of a cloud


def test_desis(tmp_path):
    both = pair(VISIBLE, pixels=24, off=(1.5, 1.5), seed=5)
    flags = np.zeros((24, 24, 10), np.uint8)
    flags[2:5, 3:6, 5] = 1  # cloud over land
    lr_hsi = desis(tmp_path / "desis", both.lr_hsi, VISIBLE, both.place, flags=flags)
    run = udaln(tmp_path, *files(lr_hsi, sentinel2(tmp_path, both.hr_msi)), "sensor=sentinel2", "trust.check=false")
    made = Map.of(run / "fused.tif")
    truth = made.window_of(both.truth)
    assert psnr(made.image, truth) > psnr(both.interpolated(*made.pixels), truth) + 4
    assert 60 <= np.isnan(made.image[..., 0]).sum() <= 100  # 3×3 LR pixels of 9


def labelled(path, cube, place, **header):
    """An ENVI image as others write it."""
    write_raster(path, cube.astype(np.float32), place, "ENVI", interleave="bil")
    with path.with_suffix(".hdr").open("a") as file:
        for name, values in header.items():
            file.write(f"{name.replace('_', ' ')} = {{{', '.join(map(str, values))}}}\n")
    return path


def test_envi_to_envi(tmp_path):
    both = pair(VISIBLE, pixels=24, off=(1.5, 1.5), seed=6)
    lr_hsi = labelled(tmp_path / "hsi.dat", both.lr_hsi, both.place, wavelength=VISIBLE / 1000)
    about = {"wavelength": EDGES.mean(1), "fwhm": np.ptp(EDGES, axis=1)}  # instead of sensor=
    hr_msi = labelled(tmp_path / "msi.dat", both.hr_msi, Place(x=X, y=Y, size=HR), **about)
    run = udaln(tmp_path, *files(lr_hsi, hr_msi), "output=img", "trust.check=false", "memory.sample=400")
    made = spectral.open_image(str(run / "fused.hdr"))
    np.testing.assert_allclose(made.bands.centers, VISIBLE, rtol=1e-6)
    with rasterio.open(run / "fused.img") as file:
        assert (file.driver, file.crs.to_epsg(), file.res) == ("ENVI", 32632, (HR, HR))
        image = np.moveaxis(file.read(), 0, -1)
        rows, columns = (round(at / HR) for at in (Y - file.transform.f, file.transform.c - X))
    np.testing.assert_array_equal(made.open_memmap(), image)
    truth = both.truth[rows : rows + image.shape[0], columns : columns + image.shape[1]]
    assert np.abs(apart(image[..., 12], truth[..., 12])).max() < 0.1


def test_hdf5_to_hdf5(tmp_path):
    both = pair(VISIBLE, pixels=24, seed=7)
    with h5py.File(tmp_path / "scene.h5", "w") as file:
        file["hsi/reflectance"], file["hsi/noise"] = both.lr_hsi, 0 * both.lr_hsi
        file["msi/reflectance"] = both.hr_msi[3:-3, 3:-3]
    names = ("dataset.lr_hsi_variable=/hsi/reflectance", "dataset.hr_msi_variable=/msi/reflectance")
    words = ("dataset.wavelengths=[405,995]", "output=h5", "trust.check=false", "trust.uncertainty=false")
    run = udaln(tmp_path, *files(tmp_path / "scene.h5", tmp_path / "scene.h5"), *names, *words)
    with h5py.File(run / "fused.h5") as file:
        image = np.moveaxis(file["fused"][:], 0, -1)
        np.testing.assert_allclose(file["wavelength"], VISIBLE)
    truth = both.truth[3:-3, 3:-3]
    assert psnr(image, truth) > psnr(both.interpolated(*[np.arange(3, 75)] * 2), truth) + 4


SIX = np.array([450.0, 550.0, 650.0, 850.0, 1200.0, 1600.0])
ROLES = {"lr_hsi": ((12, 12, 6), Place()), "hr_msi": ((36, 36, 4), Place(size=HR))}
BOTH, LR_ONLY, HR_ONLY = ("lr_hsi", "hr_msi"), ("lr_hsi",), ("hr_msi",)


def written(name, write):
    def make(folder, cube, place):
        write(folder / name, cube, place)
        return folder / name

    return make


def to_hdf5(path, cube, place):
    with h5py.File(path, "w") as file:
        file["cube"] = cube


KINDS = {  # how a file is made, the part of it that is damaged, and what it may be
    "tif": (written("x.tif", write_raster), "x.tif", BOTH),
    "envi": (written("x.dat", lambda path, *image: write_raster(path, *image, "ENVI")), "x.dat", BOTH),
    "hdf5": (written("x.h5", to_hdf5), "x.h5", BOTH),
    "mat": (written("x.mat", lambda path, cube, _: scipy.io.savemat(path, {"cube": cube})), "x.mat", BOTH),
    "npy": (written("x.npy", lambda path, cube, _: np.save(path, cube)), "x.npy", BOTH),
    "prisma": (lambda folder, cube, place: prisma(folder / "x.he5", cube, SIX, place), "x.he5", LR_ONLY),
    "enmap": (lambda folder, cube, place: enmap(folder, cube, SIX, place), "*IMAGE.TIF", LR_ONLY),
    "desis": (lambda folder, cube, place: desis(folder, cube, SIX, place), "*IMAGE.tif", LR_ONLY),
    "sentinel2": (sentinel2, "*_B03_10m.jp2", HR_ONLY),
}


def text(old, new):
    """Something else said in a text."""

    def edit(path):
        content = path.read_text()
        assert old in content
        path.write_text(content.replace(old, new, 1))

    return edit


def attribute(name, value):
    def edit(path):
        with h5py.File(path, "r+") as file:
            file.attrs[name] = value

    return edit


def level_1(path):
    with h5py.File(path, "r+") as file:
        file.move("HDFEOS/SWATHS/PRS_L2D_HCO", "HDFEOS/SWATHS/PRS_L1_HCO")


def a_matrix(path):
    with h5py.File(path, "r+") as file:
        file["table"] = file["cube"][..., 0]
        del file["cube"]


DAMAGE = {  # in the part named above
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "a text": lambda path: path.write_text("no image at all\n" * 100),
}
BAND = "<bandID>{}</bandID>".format(
    "".join(f"<{tag}OfBand>1</{tag}OfBand>" for tag in ("wavelengthCenter", "FWHM", "Gain", "Offset"))
)
NO_GRID = ("hdf5", "mat", "npy")  # as they are written here
MISDECLARED = {  # the kind, the part that tells something else, how, and a part of the line
    "more lines": ("envi", "x.hdr", text("lines   = ", "lines   = 1"), "bytes, as its header x.hdr says"),
    "another type": ("envi", "x.hdr", text("data type = 4", "data type = 5"), "bytes, as its header x.hdr says"),
    "the other byte order": ("envi", "x.hdr", text("order = 0", "order = 1"), "is its byte order right"),
    "a matrix": ("hdf5", "x.h5", a_matrix, "table (12×12 float32)"),
    "level 1": ("prisma", "x.he5", level_1, "expected PRISMA L2D, got PRS_L1_HCO"),
    "few wavelengths": ("prisma", "x.he5", attribute("List_Cw_Vnir", np.ones(3)), "List_Cw_Vnir: expected 5 numbers"),
    "a corner": ("prisma", "x.he5", attribute("Product_ULcorner_easting", 1.0), "between the centres of 12×12"),
    "no such CRS": ("prisma", "x.he5", attribute("Epsg_Code", np.uint32(1)), "unknown CRS"),
    "one band more": (
        "enmap",
        "*.XML",
        text("</bandCh", f"{BAND}</bandCh"),
        "expected 7 bands, as its metadata says, got 6",
    ),
    "no gain": ("desis", "*.xml", text("<gainOfBand>0.0001<", "<gainOfBand>high<"), "gainOfBand: expected a number"),
    "no unit": ("sentinel2", "MTD*.xml", text(">10000<", ">0<"), "BOA_QUANTIFICATION_VALUE: expected more than 0"),
    "no offset": ("sentinel2", "MTD*.xml", text('SET band_id="3"', 'SET band_id="2"'), "expected BOA_ADD_OFFSET of B4"),
}


@pytest.fixture
def spoilt(tmp_path, command):
    """Runs the command on a pair of which one file, of some kind, is spoilt; the file's path and the one line."""

    def run(role, kind, part, spoil, place=None):
        paths = {}
        for name, (shape, where) in ROLES.items():
            folder = tmp_path / name
            folder.mkdir()
            cube = np.random.default_rng(0).uniform(0.1, 0.5, shape).astype(np.float32)
            make = KINDS[kind if name == role else "npy" if kind in NO_GRID else "tif"][0]
            paths[name] = make(folder, cube, place if place and name == role else where)
        spoil(next((tmp_path / role).rglob(part)))
        outcome = command("dataset=pair", *files(**paths), "support=full")
        assert (outcome.status, outcome.left) == (2, [])
        (line,) = outcome.lines
        return paths[role], line

    return run


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(("kind", "role"), [(kind, role) for kind, (*_, roles) in KINDS.items() for role in roles])
def test_a_damaged_file_is_named_in_one_line(spoilt, kind, role, damage):
    path, line = spoilt(role, kind, KINDS[kind][1], DAMAGE[damage])
    assert line.startswith(f"udaln: dataset.{role}: {path}"), line


@pytest.mark.parametrize("what", MISDECLARED)
def test_a_file_that_tells_what_it_does_not_hold_is_named_in_one_line(spoilt, what):
    kind, part, spoil, expected = MISDECLARED[what]
    for role in KINDS[kind][2][:1]:
        path, line = spoilt(role, kind, part, spoil)
        assert line.startswith(f"udaln: dataset.{role}: {path}"), line
        assert expected in line


@pytest.mark.parametrize("kind", ["tif", "envi", "prisma", "enmap", "desis"])
def test_another_zone_with_other_ground_is_told(spoilt, kind):
    path, line = spoilt("lr_hsi", kind, KINDS[kind][1], lambda path: None, place=Place(epsg=32633))
    assert line.startswith(f"udaln: dataset.lr_hsi: {path}: expected pixels on the same ground as "), line
    assert "UTM zone 32N" in line and line.endswith("UTM zone 33N"), line


@pytest.mark.parametrize("kind", ["tif", "prisma"])
def test_other_ground_is_told(spoilt, kind):
    path, line = spoilt("lr_hsi", kind, KINDS[kind][1], lambda path: None, place=Place(x=700000.0))
    assert line.startswith(f"udaln: dataset.lr_hsi: {path}: expected pixels on the same ground as those of "), line
