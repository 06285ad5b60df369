import made_up
import pytest
import torch
from torch.nn.functional import l1_loss

from udaln.methods.udaln import consistency
from udaln.physics.blocks import blocks_of


def autograd(networks, blocks):
    fused = networks.speu(blocks.windows)
    return l1_loss(networks.sped(fused), blocks.windows), l1_loss(networks.spad(fused), blocks.lr)


def gradients(losses, networks, factor):
    networks.zero_grad()
    (factor * sum(losses)).backward()
    return {name: parameter.grad.clone() for name, parameter in made_up.learned(networks)}


@pytest.mark.parametrize("windows_a_strip", [1, 5, 36, 1000])
@pytest.mark.parametrize("kernel_size", [4, 7])
def test_strips_have_the_losses_and_gradients_of_autograd(monkeypatch, windows_a_strip, kernel_size):
    scene = made_up.scene(kernel_size=kernel_size)
    networks, blocks = made_up.networks(scene, kernel_size=kernel_size).double(), blocks_of(scene, kernel_size)
    blocks = type(blocks)(blocks.lr.double(), blocks.windows.double())
    networks.sped.forward = lambda spectra: spectra @ networks.sped.srf  # in float64: the networks' own are float32
    networks.spad.forward = lambda windows: torch.einsum("nkb,k->nb", windows, networks.spad.weight)
    monkeypatch.setattr(type(networks.speu), "forward", double_speunet)
    monkeypatch.setattr(consistency, "STRIP", windows_a_strip * kernel_size**2 * blocks.lr.shape[1])
    expected, actual = autograd(networks, blocks), consistency.consistency_losses(networks, blocks)
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one.detach(), other.detach())
    wanted = gradients(autograd(networks, blocks), networks, 3.0)
    got = gradients(consistency.consistency_losses(networks, blocks), networks, 3.0)
    for name, value in wanted.items():
        torch.testing.assert_close(got[name], value, msg=name)


def double_speunet(self, pixels):
    for layer in self.layers:
        pixels = torch.nn.functional.leaky_relu(layer(pixels), 0.2)
    return pixels


@pytest.mark.parametrize("differing", [{"gain": True}, {"offset": True}, {"gain": True, "offset": True}])
def test_what_instruments_differ_in_is_in_the_losses(differing):
    scene = made_up.scene()
    networks, blocks = made_up.networks(scene, **differing), blocks_of(scene, 4)
    with torch.no_grad():
        networks.sped.gain[:] = torch.tensor([0.8, 1.1, 1.3])
        networks.sped.offset[:] = torch.tensor([0.03, -0.03, 0.01])
    for _ in range(2):  # also where they are kept, as in a model read from disk
        hr_msi, lr_hsi = consistency.consistency_losses(networks, blocks)
        fused = networks.speu(blocks.windows).double()
        given = fused @ networks.sped.srf * networks.sped.gain + networks.sped.offset
        torch.testing.assert_close(hr_msi.double(), l1_loss(given, blocks.windows.double()), rtol=1e-5, atol=0)
        blurred = torch.einsum("nkb,k->nb", fused, networks.spad.weight)
        torch.testing.assert_close(lr_hsi.double(), l1_loss(blurred, blocks.lr.double()), rtol=1e-5, atol=0)
        (hr_msi + lr_hsi).backward()
        got = {name: part.grad for name, part in (("gain", networks.sped.gain), ("offset", networks.sped.offset))}
        assert {name for name, gradient in got.items() if gradient is not None and gradient.any()} == set(differing)
        networks.zero_grad()
        networks.sped.gain.requires_grad_(False), networks.sped.offset.requires_grad_(False)
        differing = {}


def test_reduced_precision_takes_autograd():
    scene = made_up.scene()
    networks, blocks = made_up.networks(scene), blocks_of(scene, 4)
    with torch.autocast("cpu", torch.bfloat16):
        losses = consistency.consistency_losses(networks, blocks)
    assert all(loss.requires_grad for loss in losses)  # strips hang the graph on the first alone
