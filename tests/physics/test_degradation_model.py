from dataclasses import replace

import made_up
import pytest
import torch

from udaln.physics.blocks import blocks_of
from udaln.physics.degradation import SRF_SIGMA, SpaDnet, SpeDnet
from udaln.scene import Known


def test_spadnet_starts_flat_and_is_one_kernel_for_all_bands():
    spad = SpaDnet(5)
    assert spad.psf.dtype == torch.float64
    assert torch.equal(spad.psf, torch.full((5, 5), 1 / 25))
    windows = torch.rand(7, 25, 3)
    torch.testing.assert_close(spad(windows), windows.mean(1))


def test_spednet_starts_as_a_gaussian_over_its_support():
    support = torch.zeros(20, 2, dtype=torch.bool)
    support[3:10, 0] = support[8:20, 1] = True
    srf = SpeDnet(support).srf
    torch.testing.assert_close(srf.sum(0), torch.ones(2, dtype=torch.float64))
    assert torch.equal(srf > 0, support)
    assert srf[:, 0].argmax() == 6  # the middle of bands 3 to 9
    ratio = (srf[6, 0] / srf[9, 0]).item()
    assert ratio == pytest.approx(torch.tensor(9 / (2 * SRF_SIGMA**2)).exp().item(), rel=1e-5)


def test_spednet_is_a_weighted_mean_with_its_gradient_through_the_division():
    support = torch.rand(10, 3) > 0.3
    sped = SpeDnet(support).double()
    spectra = torch.rand(4, 10, dtype=torch.float64)
    weights = sped.weight.detach()
    for band in range(3):
        covered = support[:, band]
        expected = (spectra[:, covered] * weights[covered, band]).sum(1) / weights[covered, band].sum()
        torch.testing.assert_close(spectra @ sped.srf[:, band], expected)
    # scaling all weights of a band changes nothing: the gradient along that direction is zero
    (spectra @ sped.srf).square().sum().backward()
    torch.testing.assert_close((sped.weight.grad * sped.weight).sum(0), torch.zeros(3, dtype=torch.float64))
    assert not sped.weight.grad[~support].any()


def test_fuse_works_in_the_units_of_the_images_and_in_parts(monkeypatch):
    pair = made_up.scene()
    networks = made_up.networks(pair)
    whole = networks.map(pair.hr_msi)
    networks.degradation.unit.fill_(1000.0), networks.degradation.msi_unit.fill_(1000.0)
    torch.testing.assert_close(networks.map(pair.hr_msi * 1000), whole * 1000, rtol=1e-5, atol=1e-3)
    networks.degradation.unit.fill_(pair.unit), networks.degradation.msi_unit.fill_(pair.msi_unit)
    monkeypatch.setattr("udaln.methods.base.CHUNK", 50)
    torch.testing.assert_close(networks.map(pair.hr_msi), whole)


GAIN, OFFSET = torch.tensor([0.8, 1.0, 1.3]).double(), torch.tensor([0.03, 0.0, -0.02]).double()


def unlike(pair, **options):
    networks = made_up.networks(pair, gain=True, offset=True, **options)
    with torch.no_grad():
        networks.sped.gain.copy_(GAIN)
        networks.sped.offset.copy_(OFFSET)
    return networks


def test_spednet_multiplies_and_adds():
    pair = made_up.scene()
    networks = unlike(pair)
    spectra = torch.rand(5, 12)
    expected = spectra.double() @ networks.sped.srf * GAIN + OFFSET
    torch.testing.assert_close(networks.sped(spectra), expected.float())
    networks.sped(spectra).sum().backward()
    torch.testing.assert_close(networks.sped.offset.grad, torch.full((3,), 5.0).double())
    torch.testing.assert_close(networks.sped.gain.grad, (spectra.double() @ networks.sped.srf).detach().sum(0))


@pytest.mark.parametrize("differing", [{}, {"gain": True}, {"offset": True}, {"gain": True, "offset": True}])
def test_gain_and_offset_are_learned_where_asked_for(differing):
    networks = made_up.networks(made_up.scene(), **differing)
    learned = {name.removeprefix("degradation.sped.") for name, _ in made_up.learned(networks) if "sped" in name}
    assert learned == {"weight", *differing}
    assert networks.sped.same_units == (not differing)
    assert (networks.degradation.gain == 1).all() and (networks.degradation.offset == 0).all()
    assert not unlike(made_up.scene()).requires_grad_(False).sped.same_units  # what was learned once stays


@pytest.mark.parametrize("factors", [(1.0, 1.0), (1e4, 1.0), (1.0, 250.0), (1e4, 1e-3)])
def test_matched_is_what_the_other_instrument_would_have_given(factors):
    """Whatever the units of the two images, tenfold apart and more."""
    pair = made_up.scene()
    scaled = replace(pair, lr_hsi=factors[0] * pair.lr_hsi, hr_msi=factors[1] * pair.hr_msi)
    networks = unlike(scaled)
    degradation = networks.degradation
    assert degradation.unit == scaled.unit and degradation.msi_unit == scaled.msi_unit
    ratio = scaled.msi_unit / scaled.unit
    torch.testing.assert_close(degradation.gain, GAIN * ratio)
    torch.testing.assert_close(degradation.offset, OFFSET * scaled.msi_unit)
    torch.testing.assert_close(degradation.unmatched(degradation.matched(scaled.hr_msi)), scaled.hr_msi)
    torch.testing.assert_close(degradation.matched(degradation.unmatched(scaled.hr_msi)), scaled.hr_msi)
    seen = scaled.lr_hsi @ networks.sped.srf.detach()
    given = networks.sped((scaled.lr_hsi / scaled.unit).float()).double() * scaled.msi_unit  # as the stages see it
    torch.testing.assert_close(degradation.unmatched(seen), given, rtol=1e-5, atol=1e-6 * scaled.msi_unit)
    torch.testing.assert_close(degradation.matched(given), seen, rtol=1e-5, atol=1e-5 * scaled.unit)
    single = degradation.matched(scaled.hr_msi.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), degradation.matched(scaled.hr_msi), rtol=1e-5, atol=1e-5 * scaled.unit)


def test_fuse_gives_the_units_of_the_lr_hsi():
    pair = made_up.scene()
    whole = made_up.networks(pair).map(pair.hr_msi)
    apart = replace(pair, lr_hsi=2.0**13 * pair.lr_hsi / pair.lr_hsi.max())
    networks = made_up.networks(apart)
    assert (networks.degradation.unit, networks.degradation.msi_unit) == (2.0**13, 1)
    torch.testing.assert_close(networks.map(pair.hr_msi), 2.0**13 * whole)


def test_what_is_known_is_not_learned():
    pair = made_up.scene()
    networks = made_up.networks(pair, known=Known(pair.truth.psf, pair.truth.srf))
    assert {name.split(".")[0] for name, _ in made_up.learned(networks)} == {"speu"}
    assert torch.equal(networks.spad.psf, pair.truth.psf)  # to all digits of float64
    torch.testing.assert_close(networks.sped.srf, pair.truth.srf, rtol=1e-15, atol=0)


def test_reduced_precision_leaves_the_degradation_exact():
    pair = made_up.scene()
    networks = made_up.networks(pair)
    blocks = blocks_of(pair, 4)
    with torch.autocast("cpu", torch.bfloat16):
        assert networks.speu.layers[0](blocks.windows).dtype == torch.bfloat16
        reduced = networks.spad(blocks.windows), networks.sped(blocks.lr)
    assert torch.equal(reduced[0], networks.spad(blocks.windows))
    assert torch.equal(reduced[1], networks.sped(blocks.lr))
