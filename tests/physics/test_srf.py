"""Spectral responses: their support, their sums, and how close those from band edges come to published tables."""

import numpy as np
import pytest
from omegaconf import OmegaConf
from places import ROOT, SHARED

from udaln.errors import InputError
from udaln.io.srf_files import read_srf
from udaln.physics.srf import SRF, normalise, srf_from_edges, support

SENSORS = sorted((ROOT / "conf" / "sensor").glob("*.yaml"))
VALUES = np.array([[1, 0], [0.25, 0.5], [0, 1]])


def edges_of(name):
    return OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / "sensor" / f"{name}.yaml"))["bands"]


def test_support_runs_from_the_first_to_the_last_band_covered():
    rng = np.random.default_rng(0)
    values = rng.random((30, 50)) * (rng.random((30, 50)) < 0.1)
    values[rng.integers(30, size=50), np.arange(50)] = 0.5
    covered = support(SRF(values, tuple(map(str, range(50)))))
    for column, run in zip(values.T, covered.T, strict=True):
        first, last = np.flatnonzero(column)[[0, -1]]
        assert np.flatnonzero(run).tolist() == list(range(first, last + 1))


def test_normalised_responses_keep_a_flat_spectrum():
    srf = normalise(SRF(VALUES * 7, ("blue", "red")))
    np.testing.assert_allclose(np.ones(3) @ srf.values, 1, rtol=1e-15)
    np.testing.assert_allclose(srf.values[:, 1] / srf.values[1, 1], VALUES[:, 1] / VALUES[1, 1], rtol=1e-15)


@pytest.mark.parametrize(
    ("table", "sensor"),
    [("muufl_gulfport/srf_worldview2.csv", "worldview2"), ("jasper_ridge/srf_sentinel2.csv", "sentinel2")],
)
def test_responses_built_from_edges_are_the_tabled_ones(table, sensor):
    path = SHARED / table
    if not path.exists():
        pytest.skip(f"needs shared/data/{table} beside the repository")
    bands = len(path.read_text().splitlines()) - 1
    tabled = read_srf(path, bands, key="dataset.srf")
    edges = edges_of(sensor)
    built = srf_from_edges({name: edges[name] for name in tabled.names}, tabled.wavelengths)
    np.testing.assert_array_equal(support(built), support(tabled))
    np.testing.assert_allclose(built.values, tabled.values, atol=2e-3)  # the tables round wavelengths to 0.01 nm


def test_a_band_is_flat_inside_and_half_at_its_edges():
    wavelengths = np.linspace(460, 860, 4001)
    response = srf_from_edges({"red": (630, 690)}, wavelengths).values[:, 0]
    above = wavelengths[response >= 0.5]
    np.testing.assert_allclose([above[0], above[-1]], [630, 690], atol=0.1)
    np.testing.assert_allclose(response.max(), 1)
    np.testing.assert_allclose(response, response[::-1], rtol=1e-6)
    assert np.all(np.diff(response[wavelengths < 660]) >= 0)
    outside = wavelengths[response == 0]
    assert np.abs(outside - 660).min() < 1.5 * 30  # 1.47 half widths


def test_a_narrow_band_between_two_of_the_cubes_takes_the_nearest():
    srf = srf_from_edges({"narrow": (711, 713)}, np.arange(400.0, 900.0, 20.0))
    assert srf.wavelengths[srf.values[:, 0] > 0].tolist() == [720]


@pytest.mark.parametrize("edges", [(1500, 1600), (300, 350), (920, 980)])
def test_a_band_that_covers_nothing_is_refused(edges):
    wavelengths = np.array([*np.arange(400.0, 900.0, 10.0), *np.arange(1000.0, 1200.0, 10.0)])  # water bands removed
    text = f"sensor.bands.swir: edges {edges[0]}–{edges[1]} nm cover none of the cube's 70 bands, 400–1190 nm"
    with pytest.raises(InputError, match=text):
        srf_from_edges({"swir": edges}, wavelengths)


@pytest.mark.parametrize("edges", [(690, 630), (630, 630), (630,), (1, 2, 3), "red", None, (630, float("nan")), (0, 9)])
def test_edges_that_are_none_are_refused(edges):
    with pytest.raises(InputError, match=r"sensor.bands.red: expected a lower and an upper edge"):
        srf_from_edges({"red": edges}, np.arange(400.0, 900.0, 10.0))


@pytest.mark.parametrize("path", SENSORS, ids=lambda path: path.stem)
def test_every_sensor_of_the_configuration(path):
    config = OmegaConf.load(path)
    assert set(config) == {"name", "source", "bands"}
    assert config.name and len(config.source) > 20
    edges = np.array(list(config.bands.values()), dtype=float)
    assert edges.shape == (len(config.bands), 2)
    assert np.all((edges >= 300) & (edges <= 2500))
    assert np.all(edges[:, 0] < edges[:, 1])
    assert np.all(np.diff(edges[:, 0]) > 0)
    srf = srf_from_edges(config.bands, np.arange(380.0, 2500.0, 10.0))
    assert support(srf).any(axis=0).all()


def test_the_sensors_of_the_experiments_are_there():
    assert {"worldview2", "sentinel2"} <= {path.stem for path in SENSORS}


def test_bands_beyond_the_wavelengths_are_allowed_if_others_are_within():
    wavelengths, bands = np.linspace(400.0, 900.0, 26), {"red": (630, 690), "swir": (1570, 1660)}
    with pytest.raises(InputError, match=r"sensor\.bands\.swir: edges 1570–1660 nm cover none"):
        srf_from_edges(bands, wavelengths)
    srf = srf_from_edges(bands, wavelengths, some_beyond=True)
    assert srf.values[:, 0].any() and not srf.values[:, 1].any()
    assert normalise(srf).values.sum(0).tolist() == [pytest.approx(1), 0]
    with pytest.raises(InputError, match="swir"):
        srf_from_edges({"swir": (1570, 1660)}, wavelengths, some_beyond=True)
