"""SpaDnet and SpeDnet (Li et al. 2022, section II), and the degradation that the two sensors of a pair cause."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udaln.scene import Known

SRF_SIGMA = 3.5  # bands


class SpaDnet(nn.Module):
    """HR to LR in space: one k×k kernel shared by all bands, no bias.

    The kernel is float64, as is the SRF: float32 has not the digits of what stage 1 solves.

    Args:
        kernel_size: Side k of the PSF [HR pixels].
        psf: The PSF, k×k, if it is known: then it is not learned.
    """

    weight: nn.Parameter

    def __init__(self, kernel_size: int, psf: Tensor | None = None) -> None:
        super().__init__()
        start = torch.full((kernel_size**2,), 1 / kernel_size**2) if psf is None else psf.flatten()
        self.weight = nn.Parameter(start.double().clone(), requires_grad=psf is None)

    @property
    def psf(self) -> Tensor:
        """The PSF, k×k float64."""
        side = round(self.weight.numel() ** 0.5)
        return self.weight.detach().view(side, side)

    def forward(self, windows: Tensor) -> Tensor:
        """Windows (N, K, B) to the LR pixels (N, B) they blur to."""
        with torch.autocast(windows.device.type, enabled=False):  # physics stays in full precision
            by_pixel = windows.float().transpose(0, 1).flatten(1)  # (K, N·B); no copy in the layout of physics.windows
            return (self.weight.float() @ by_pixel).view(len(windows), -1)


class SpeDnet(nn.Module):
    """HSI to MSI in spectrum: per MSI band the weighted mean over the bands it covers, and the two sensors' radiometry.

    The weights are free; the division by their sum makes the response, gradient and all. (The published code stops the
    gradient there, which lets the sum drift to zero.) Two instruments differ by a gain and an offset per MSI band
    besides: MSI = gain · (spectra · SRF) + offset.

    Args:
        support: C×c bool, the hyperspectral bands that each MSI band may cover.
        srf: The response, C×c, columns summing to 1, if it is known: then it is not learned.
        gain: Whether gains are learned; 1 if not.
        offset: Whether offsets are learned; 0 if not.
    """

    weight: nn.Parameter
    gain: nn.Parameter
    offset: nn.Parameter
    support: Tensor

    def __init__(self, support: Tensor, srf: Tensor | None = None, *, gain: bool = False, offset: bool = False) -> None:
        super().__init__()
        self.register_buffer("support", support)
        start = _gaussian_over(support) if srf is None else srf
        msi_bands = support.shape[1]
        self.weight = nn.Parameter(start.double().clone(), requires_grad=srf is None)
        self.gain = nn.Parameter(torch.ones(msi_bands, dtype=torch.float64), requires_grad=gain)
        self.offset = nn.Parameter(torch.zeros(msi_bands, dtype=torch.float64), requires_grad=offset)

    @property
    def srf(self) -> Tensor:
        """The response, C×c float64, columns summing to 1, zero outside the support. Differentiable."""
        weight = self.weight * self.support
        return weight / weight.sum(0)

    @property
    def same_units(self) -> bool:
        """Whether both sensors are taken to give the same values: no gain or offset is learned, nor was."""
        learned = self.gain.requires_grad or self.offset.requires_grad
        return not learned and bool((self.gain == 1).all() and (self.offset == 0).all())

    def forward(self, spectra: Tensor) -> Tensor:
        """Spectra (…, C) to MSI pixels (…, c)."""
        with torch.autocast(spectra.device.type, enabled=False):
            response = (self.srf * self.gain).float().T.contiguous()  # its gradient is faster than a product's
            return F.linear(spectra.float(), response, self.offset.float())


class Degradation(nn.Module):
    """How the image wanted becomes the pair: PSF, SRF, and the radiometry of the two sensors.

    Args:
        scale: Scale factor r.
        kernel_size: Side k of the PSF [HR pixels]; a known PSF brings its own.
        support: C×c bool, the bands that each MSI band may cover.
        unit: The value of the LR-HSI that networks see as 1.
        msi_unit: The same of the HR-MSI; ``unit`` if none.
        known: The PSF and the SRF that are not to be estimated.
        gain: Whether the gain of each MSI band is estimated.
        offset: Whether its offset is.
    """

    unit: Tensor
    msi_unit: Tensor

    def __init__(
        self,
        *,
        scale: int,
        kernel_size: int,
        support: Tensor,
        unit: float = 1.0,
        msi_unit: float | None = None,
        known: Known | None = None,
        gain: bool = False,
        offset: bool = False,
    ) -> None:
        super().__init__()
        known = known or Known()
        self.scale = scale
        self.spad = SpaDnet(kernel_size if known.psf is None else len(known.psf), known.psf)
        self.sped = SpeDnet(support, known.srf, gain=gain, offset=offset)
        self.register_buffer("unit", torch.tensor(unit, dtype=torch.float64))
        self.register_buffer("msi_unit", torch.tensor(unit if msi_unit is None else msi_unit, dtype=torch.float64))

    @property
    def kernel_size(self) -> int:
        """Side k of the PSF [HR pixels]."""
        return self.psf.shape[0]

    @property
    def support(self) -> Tensor:
        """The hyperspectral bands that each MSI band may cover, C×c bool."""
        return self.sped.support

    @property
    def psf(self) -> Tensor:
        """The PSF, k×k float64."""
        return self.spad.psf

    @property
    def srf(self) -> Tensor:
        """The SRF, C×c float64, columns sum to 1; not differentiable."""
        return self.sped.srf.detach()

    @property
    def gain(self) -> Tensor:
        """What the LR-HSI seen through each MSI band is multiplied with to give the HR-MSI, in their units, c."""
        return self.sped.gain.detach() * (self.msi_unit / self.unit)

    @property
    def offset(self) -> Tensor:
        """What is then added to it, in the units of the HR-MSI, c float64."""
        return self.sped.offset.detach() * self.msi_unit

    @property
    def same_units(self) -> bool:
        """Whether both sensors are taken to give the same values: neither gain nor offset is estimated, nor was."""
        return self.sped.same_units

    @property
    def unknown(self) -> bool:
        """Whether anything of it is to be estimated."""
        return any(parameter.requires_grad for parameter in self.parameters())

    def matched(self, hr_msi: Tensor) -> Tensor:
        """An HR-MSI, …×c, in the radiometry of the LR-HSI; in its own precision."""
        return ((hr_msi.double() - self.offset) / self.gain).to(hr_msi)

    def unmatched(self, hr_msi: Tensor) -> Tensor:
        """The inverse of ``matched``: back to the radiometry of the HR-MSI."""
        return (hr_msi.double() * self.gain + self.offset).to(hr_msi)


def _gaussian_over(support: Tensor) -> Tensor:
    """A Gaussian of σ = 3.5 bands about the middle of each column's covered bands, zero elsewhere; C×c."""
    band = torch.arange(support.shape[0], dtype=torch.float32)[:, None]
    covered = support.float()
    first = torch.where(support, band, torch.inf).amin(0)
    last = torch.where(support, band, -torch.inf).amax(0)
    return covered * torch.exp(-((band - (first + last) / 2) ** 2) / (2 * SRF_SIGMA**2))
