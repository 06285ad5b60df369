from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from udaln import pictures
from udaln.errors import InputError
from udaln.estimation.psf import centre_shift
from udaln.physics.degradation import Degradation
from udaln.physics.observation import usable_lr_pixels
from udaln.pictures.sensors import draw_psfs, draw_srf
from udaln.pictures.spectra import checked_points, draw_spectra, with_breaks
from udaln.scene import Known, Truth


def without_truth(scene):
    return replace(scene, truth=Truth(), known=Known(srf=scene.known.srf))


def with_wavelengths(scene, first=400, last=900):
    return replace(scene, wavelengths=torch.linspace(first, last, scene.lr_hsi.shape[2]))


def with_gaps(scene):
    """One LR pixel in nine and a hole in the HR-MSI hold no data."""
    lr_valid, hr_valid = (torch.ones(image.shape[:2], dtype=torch.bool) for image in (scene.lr_hsi, scene.hr_msi))
    lr_valid[::3, ::3], hr_valid[6:9, 13:15] = False, False
    return replace(scene, lr_valid=lr_valid, hr_valid=hr_valid)


def shifted(scene):
    return replace(without_truth(scene), shift=(3, -2))


def as_fused(scene, image):
    return torch.where(scene.valid[..., None], image, torch.nan)


def knowing(scene):
    """Networks that know the scene's PSF and SRF."""
    return made_up.networks(scene, known=Known(scene.truth.psf, scene.truth.srf))


@pytest.mark.parametrize("variant", [without_truth, with_wavelengths, with_gaps, shifted, lambda scene: scene])
def test_a_page_can_be_drawn_of_any_scene(tmp_path, variant):
    scene = variant(made_up.scene())
    networks = made_up.networks(scene, kernel_size=9)
    fused = as_fused(scene, networks.map(scene.hr_msi))
    pictures.overview(networks.degradation, scene, fused, "made up").savefig(tmp_path / "page.png", dpi=40)
    assert (tmp_path / "page.png").stat().st_size > 20_000
    names = ["HR-MSI", "LR-HSI", "fused"] + (["truth"] if scene.truth.image is not None else [])
    assert list(pictures.images(scene, fused)) == names


def test_composites_take_the_bands_at_their_wavelengths():
    scene = with_wavelengths(made_up.scene(bands=51))
    for colour, nm in (("true colour", [640, 550, 460]), ("false colour", [850, 660, 560])):
        hsi, msi = pictures.shown_bands(scene, colour)
        assert [scene.wavelengths[band].item() for band in hsi] == nm
        centres = [scene.wavelengths[scene.support[:, band]].mean() for band in range(3)]
        assert msi == [min(range(3), key=lambda band: abs(centres[band] - wanted)) for wanted in nm]


def test_false_colour_needs_the_near_infrared():
    scene = made_up.scene()
    both = ["true colour", "false colour"]
    assert pictures.colours(with_wavelengths(scene)) == pictures.colours(scene) == both
    assert pictures.colours(with_wavelengths(scene, 400, 740)) == ["true colour"]


def test_wavelengths_that_do_not_reach_are_spread():
    scene = made_up.scene()
    infrared = with_wavelengths(scene, 1000, 2500)
    for colour in pictures.COLOURS:
        assert pictures.shown_bands(infrared, colour)[0] == pictures.shown_bands(scene, colour)[0]
        assert len(set(pictures.shown_bands(infrared, colour)[0])) == 3


def test_bands_whose_place_is_unknown_are_those_that_look_alike():
    known = made_up.scene(bands=60)
    hsi, msi = pictures.shown_bands(known)
    order = [2, 0, 1]
    unknown = replace(known, hr_msi=known.hr_msi[..., order], support=torch.ones_like(known.support), truth=Truth())
    assert pictures.shown_bands(unknown) == (hsi, [order.index(band) for band in msi])


def test_images_of_one_scene_are_stretched_alike():
    scene = made_up.scene()
    shown = pictures.images(scene, scene.truth.image)
    np.testing.assert_array_equal(shown["fused"], shown["truth"])
    assert 0 <= min(picture.min() for picture in shown.values()) and max(p.max() for p in shown.values()) <= 1
    darker = pictures.images(scene, scene.truth.image * 0.5)["fused"]
    assert darker.mean() < shown["truth"].mean()


def test_pixels_without_data_are_grey_and_change_nothing_else():
    scene = with_gaps(without_truth(made_up.scene()))
    fused = as_fused(scene, torch.rand(*scene.hr_msi.shape[:2], 12))
    hr_msi = torch.where(scene.hr_valid[..., None], scene.hr_msi, 1e3)
    lr_valid = scene.lr_valid.repeat_interleave(4, 0).repeat_interleave(4, 1)
    shown, spoilt = pictures.images(scene, fused), pictures.images(replace(scene, hr_msi=hr_msi), fused)
    for name, valid in (("HR-MSI", scene.hr_valid), ("LR-HSI", lr_valid), ("fused", scene.valid)):
        assert (shown[name][~valid.numpy()] == 0.5).all() and shown[name][valid.numpy()].std() > 0.1
        np.testing.assert_array_equal(shown[name], spoilt[name])


def test_points_found_are_the_pure_materials():
    rng = np.random.default_rng(0)
    spectra = rng.uniform(0.1, 1, (4, 30))
    image = torch.from_numpy(rng.dirichlet(np.full(4, 9.0), (20, 20)) @ spectra).float()
    pure = {(1, 2), (5, 17), (12, 12), (19, 0)}
    for point, spectrum in zip(pure, spectra, strict=True):
        image[point] = torch.from_numpy(spectrum)
    image[8, 8] = torch.nan
    image[3, 3, 7] += 0.5  # a fault of one band
    assert set(pictures.purest(image)) == pure
    assert len(pictures.purest(image[..., :2])) == 2 and len(pictures.purest(torch.ones(4, 4, 9))) == 1


def test_bands_removed_break_a_line():
    scene = made_up.scene(bands=12)
    wavelengths = torch.cat([torch.arange(400, 460, 10), torch.arange(700, 760, 10)]).flip(0)
    values = np.arange(12.0)
    at, drawn = with_breaks(replace(scene, wavelengths=wavelengths), values)
    assert np.isnan(drawn).sum() == 1 and 450 < at[np.isnan(drawn)].item() < 700
    assert (np.diff(at) > 0).all() and (drawn[~np.isnan(drawn)] == values[::-1]).all()
    np.testing.assert_array_equal(with_breaks(with_wavelengths(scene), values)[1], values)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2)])
def test_a_spectrum_stands_beside_the_lr_pixel_that_covers_it(shift):
    scene = replace(without_truth(made_up.scene()), shift=shift)
    repeated = scene.lr_hsi.repeat_interleave(4, 0).repeat_interleave(4, 1).roll(shift, (0, 1)).float()
    figure = Figure()
    draw_spectra(figure, scene, repeated, 0.1 * repeated, [(9, 6), (13, 17), (4, 4), (8, 8), (5, 6)])
    for panel in figure.axes[:5]:
        fused, lr_hsi = (line.get_ydata() for line in panel.get_lines())
        np.testing.assert_allclose(fused, lr_hsi, rtol=1e-6)
        (band,) = panel.collections
        assert band.get_datalim(panel.transData).ymax == pytest.approx(1.2 * max(fused), rel=1e-5)


def test_points_and_sigma_that_do_not_fit_are_refused():
    scene = made_up.scene()
    with pytest.raises(InputError, match=r"^points: expected rows from 0 to 23 and columns to 23, got \(3, 24\)$"):
        checked_points(scene.truth.image, None, [(3, 24)])
    with pytest.raises(InputError, match=r"^sigma: expected shape 24×24×12, got 24×24$"):
        checked_points(scene.truth.image, scene.truth.image[..., 0], None)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2)])
def test_the_psf_s_centre_lies_off_the_lr_pixel_by_the_shift(shift):
    scene = replace(made_up.scene(kernel_size=9), shift=shift)
    axes = list(Figure().subplots(1, 2))
    draw_psfs(axes, knowing(scene).degradation, scene)
    for axis, moved in zip(axes, (shift, (0, 0)), strict=True):
        pixel = axis.patches[0]
        assert pixel.get_width() == pixel.get_height() == scene.scale
        (mark,) = axis.get_lines()
        middle = np.array([pixel.get_y(), pixel.get_x()]) + scene.scale / 2
        off = np.array([mark.get_ydata()[0], mark.get_xdata()[0]]) - middle
        np.testing.assert_allclose(off, centre_shift(scene.truth.psf.numpy(), scene.scale, moved), atol=1e-9)


def test_the_legend_says_what_was_learned_of_gain_and_offset():
    scene = replace(made_up.scene(), truth=Truth())
    degradation = Degradation(scale=4, kernel_size=4, support=scene.support, msi_unit=1000, gain=True)
    degradation.sped.gain.data[1], degradation.sped.offset.data[2] = 0.002, -0.02
    axis = Figure().subplots()
    draw_srf(axis, degradation, scene)
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["learned", "sensor's table", "1: ×1000.000 +0.0", "2: ×2.000 +0.0", "3: ×1000.000 -20.0"]


def test_where_the_fused_image_contradicts_the_pair():
    scene = with_gaps(made_up.scene())
    gain, offset = torch.tensor([1.2, 0.9, 1.0]).double(), torch.tensor([0.01, 0, -0.02]).double()
    scene = replace(scene, hr_msi=scene.hr_msi * gain + offset)
    networks = knowing(scene)
    networks.sped.gain.data, networks.sped.offset.data = gain, offset
    exact = as_fused(scene, scene.truth.image)
    degradation = networks.degradation

    def misfits(image):
        complete = torch.where(image.isnan(), scene.truth.image, image)
        return pictures.lr_hsi_misfit(degradation, scene, complete), pictures.hr_msi_misfit(degradation, scene, image)

    lr, hr = misfits(exact)
    np.testing.assert_array_equal(np.isfinite(lr), usable_lr_pixels(scene, scene.truth.psf).view(6, 6))
    np.testing.assert_array_equal(np.isfinite(hr), scene.valid)
    assert np.nanmax(lr) < 1e-4 and np.nanmax(hr) < 1e-4

    wrong = exact.clone()
    wrong[18, 21] *= 2
    lr, hr = misfits(wrong)
    assert np.argwhere(lr > 0.01).tolist() == [[4, 5]] and np.argwhere(hr > 0.01).tolist() == [[18, 21]]
    added = scene.truth.psf[18 % 4, 21 % 4] * exact[18, 21].mean()
    level = scene.lr_hsi[torch.from_numpy(np.isfinite(lr))].mean()
    assert lr[4, 5] == pytest.approx(100 * float(added / level), rel=1e-4)


def test_a_neighbour_that_holds_no_data_does_not_hide_an_lr_pixel():
    scene = replace(with_gaps(made_up.scene(kernel_size=9)), hr_valid=None)
    networks = made_up.networks(scene, known=Known(scene.truth.psf, scene.truth.srf))
    misfit = pictures.lr_hsi_misfit(networks.degradation, scene, scene.truth.image)
    np.testing.assert_array_equal(np.isfinite(misfit), scene.lr_valid)
    assert np.nanmax(misfit) < 1e-4


def test_a_quicklook_is_stretched_and_transparent_where_there_are_no_data():
    colours = np.random.default_rng(0).normal(size=(40, 30, 3)) * [1, 10, 100]
    colours[3:5, 7, 1] = np.nan
    shown = pictures.quicklook(colours)
    assert shown.shape == (40, 30, 4) and shown.dtype == np.uint8
    assert (shown[..., 3] == np.where(np.isfinite(colours).all(2), 255, 0)).all()
    low, high = np.nanquantile(colours[np.isfinite(colours).all(2)], (0.01, 0.99), axis=0)
    expected = 255 * (colours[0] - low) / (high - low)
    np.testing.assert_allclose(shown[0, :, :3], np.clip(expected, 0, 255), atol=1)
    assert not pictures.quicklook(np.full((2, 2, 3), np.nan)).any()


def test_a_displacement_is_drawn_with_arrows_and_a_scale():
    down, right = np.meshgrid(np.linspace(-1, 1, 60), np.linspace(0, 2, 40), indexing="ij")
    figure = pictures.displacement_map(np.stack([down, right]))
    axis, bar = figure.axes
    np.testing.assert_allclose(axis.images[0].get_array(), np.hypot(down, right))
    arrows = axis.collections[0]
    assert 100 < len(arrows.U) < 20 * 20 and arrows.U.max() > 1.8 and arrows.V.min() < -0.9
    assert bar.get_ylabel() == "displacement [HR pixels]"
