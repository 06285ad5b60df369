"""SpeUnet in all of its forms."""

import made_up
import pytest
import torch
import torch.nn.functional as F

from udaln.errors import InputError
from udaln.estimation.regression import affine_regression
from udaln.experiment.model_file import load_model, save_model
from udaln.experiment.presets import method_preset
from udaln.methods.udaln.speunet import SPEUNETS, PaperSpeUnet
from udaln.physics.windows import degrade

EVERY = pytest.mark.parametrize("name", SPEUNETS.names())
LINEAR = pytest.mark.parametrize("name", ["affine", "residual"])


def samples(n=60, msi_bands=3, hsi_bands=12, seed=0):
    """LR-MSI and LR-HSI pixels, of which the first explain a part of the second."""
    generator = torch.Generator().manual_seed(seed)
    z = 0.5 + 0.1 * torch.randn(n, msi_bands, generator=generator, dtype=torch.float64)
    y = (z @ torch.rand(msi_bands, hsi_bands, generator=generator, dtype=torch.float64)).square()
    return z, y + 0.01 * torch.randn(y.shape, generator=generator, dtype=torch.float64)


def made(name, msi_bands=3, hsi_bands=12):
    torch.manual_seed(0)
    return SPEUNETS.get(name)(msi_bands, hsi_bands)


def disturbed(speu):
    """With other weights than it was made with, as training leaves them."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in speu.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return speu


def noise_free():
    """A pair, and its LR-MSI and LR-HSI pixels in float64."""
    pair = made_up.scene(size=40, bands=20, msi_bands=2)  # fewer MSI bands than materials
    return pair, degrade(pair.hr_msi, pair.truth.psf, pair.scale).flatten(0, 1), pair.lr_hsi.flatten(0, 1)


@pytest.mark.parametrize(
    ("msi_bands", "hsi_bands", "widths"),
    [(8, 46, [8, 16, 32, 46]), (8, 64, [8, 16, 32, 64, 64]), (9, 198, [9, 18, 36, 72, 144, 198]), (4, 7, [4, 7])],
)
def test_the_papers_has_its_widths(msi_bands, hsi_bands, widths):
    layers = PaperSpeUnet(msi_bands, hsi_bands).layers
    assert [layers[0].in_features, *(layer.out_features for layer in layers)] == widths


def test_the_papers_is_1x1_convolutions_with_leaky_relu_after_each():
    speu = disturbed(PaperSpeUnet(2, 9))
    image = torch.randn(5, 4, 2)
    x = image.permute(2, 0, 1)[None]
    for layer in speu.layers:
        x = F.leaky_relu(F.conv2d(x, layer.weight[:, :, None, None], layer.bias), 0.2)
    torch.testing.assert_close(speu(image), x[0].permute(1, 2, 0))


@EVERY
@pytest.mark.parametrize("bands", [(3, 12), (1, 1), (4, 4), (8, 46), (2, 90)])
def test_spectra_of_pixels_in_any_arrangement(name, bands):
    speu = disturbed(made(name, *bands))
    pixels = torch.rand(6, 5, 4, bands[0])
    spectra = speu(pixels)
    assert spectra.shape == (6, 5, 4, bands[1]) and spectra.dtype == torch.float32
    torch.testing.assert_close(speu(pixels[2, 3]), spectra[2, 3])
    torch.testing.assert_close(speu(pixels.transpose(0, 1)), spectra.transpose(0, 1))


@EVERY
def test_every_parameter_learns(name):
    speu = made(name)
    speu.start_at_regression(*samples())
    optimizer = torch.optim.Adam(speu.parameters(), 1e-2)
    before = [parameter.detach().clone() for parameter in speu.parameters()]
    z, y = (part.float() for part in samples())
    losses = []
    for _ in range(30):
        loss = (speu(z) - y).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert all((now != then).any() for now, then in zip(speu.parameters(), before, strict=True))
    if name != "affine":  # which starts at the best
        assert min(losses) < 0.9 * losses[0]


@EVERY
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_reduced_precision_gives_float32_close_to_the_full(name, dtype):
    speu = made(name)
    speu.start_at_regression(*samples())
    disturbed(speu)
    pixels = samples()[0].float()
    full = speu(pixels)
    with torch.autocast("cpu", dtype):
        reduced = speu(pixels)
        hidden = {"paper": "layers.0", "residual": "hidden.0"}.get(name)
        if hidden:
            layer = speu.get_submodule(hidden)
            assert layer(torch.rand(1, layer.in_features)).dtype == dtype
    assert reduced.dtype == torch.float32
    torch.testing.assert_close(reduced, full, rtol=0, atol=0.03 * full.abs().max().item())
    if name == "affine":
        assert torch.equal(reduced, full)


@LINEAR
@pytest.mark.parametrize("sizes", [(60, 3, 12), (6, 2, 30), (200, 4, 60)])  # few samples; more bands than it mixes
def test_started_it_is_the_regression(name, sizes):
    z, y = samples(*sizes)
    speu = disturbed(made(name, *sizes[1:])) if name == "affine" else made(name, *sizes[1:])
    speu.start_at_regression(z, y)
    weights, constants = affine_regression(z, y)
    pixels = torch.rand(7, sizes[1], dtype=torch.float64)
    torch.testing.assert_close(speu(pixels.float()).double(), pixels @ weights + constants, rtol=1e-5, atol=1e-5)


def test_the_papers_starts_as_it_was_made():
    speu, other = made("paper"), made("paper")
    speu.start_at_regression(*samples())
    for one, same in zip(speu.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, same)


def test_the_residual_network_is_started_on_what_the_regression_leaves():
    z, y = samples()
    z[:, 1] = z[:, 0] + 0.1 * z[:, 1]  # bands are alike
    speu = made("residual")
    speu.start_at_regression(z, y)
    white = (z.float() - speu.centre) @ speu.whitening
    torch.testing.assert_close(white.mean(0), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(white.T.cov(), torch.eye(3), rtol=0, atol=1e-3)
    weights, constants = affine_regression(z, y)
    residual = y - z @ weights - constants
    explained = speu.spectra.double().T @ speu.spectra.double()  # the spectra squared are its covariance
    expected = residual.T @ residual / len(residual)
    torch.testing.assert_close(explained, expected, rtol=0, atol=1e-4 * expected.max().item())


def test_whatever_the_residual_network_says_the_msi_is_reproduced_if_there_is_no_noise():
    pair, z, y = noise_free()
    srf = pair.truth.srf
    speu = made("residual", 2, 20)
    speu.start_at_regression(z, y)
    assert (speu.spectra.double() @ srf).abs().max() < 1e-5 * speu.spectra.abs().max()
    regression = speu(pair.hr_msi.float())
    torch.nn.init.normal_(speu.last.weight)
    torch.nn.init.normal_(speu.last.bias)
    fused = speu(pair.hr_msi.float())
    assert (fused - regression).abs().max() > 0.1 * regression.std()  # it does say something
    assert (fused.double() @ srf - pair.hr_msi).abs().max() < 1e-4 * pair.hr_msi.abs().max()


@pytest.mark.parametrize("n", [2, 5])
def test_fewer_samples_than_spectra_to_mix(n):
    z, y = samples(n)
    speu = made("residual")
    speu.start_at_regression(z, y)
    assert all(torch.isfinite(value).all() for value in speu.state_dict().values())
    assert torch.isfinite(disturbed(speu)(z.float())).all()


@LINEAR
def test_a_constant_msi_band_is_no_trouble(name):
    z, y = samples()
    z[:, 1] = 0.3
    speu = made(name)
    speu.start_at_regression(z, y)
    weights, constants = affine_regression(z, y)
    torch.testing.assert_close(speu(z.float()).double(), z @ weights + constants, rtol=1e-4, atol=1e-4)
    assert torch.isfinite(disturbed(speu)(z.float())).all()


@EVERY
def test_networks_of_every_kind_are_the_same_after_a_round_trip(name, tmp_path):
    pair, z, y = noise_free()
    networks = made_up.networks(pair, network=name)
    networks.speu.start_at_regression(z / pair.unit, y / pair.unit)
    disturbed(networks.speu)
    method, _ = method_preset("udaln", settings={"network": name})
    save_model(tmp_path / "model.ckpt", method, networks)
    read, *_ = load_model(tmp_path / "model.ckpt")
    assert type(read.speu) is type(networks.speu) is SPEUNETS.get(name)
    assert read.state_dict().keys() == networks.state_dict().keys()
    assert all(torch.equal(value, read.state_dict()[key]) for key, value in networks.state_dict().items())
    assert torch.equal(read.map(pair.hr_msi), networks.map(pair.hr_msi))


def test_networks_of_another_name_are_refused():
    with pytest.raises(InputError, match=r"^method.network: expected one of affine, paper, residual, got 'other'; "):
        made_up.networks(made_up.scene(), network="other")
