"""The stage of ZSL: the LR-HSI is the image wanted of a pair that is degraded once more."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from udaln.estimation.psf import centre_shift
from udaln.methods.deep.drawing import DrawingStage
from udaln.methods.deep.patches import drawn_patches
from udaln.methods.deep.zsl_network import ZeroShot
from udaln.physics.blocks import Blocks
from udaln.physics.degradation import Degradation
from udaln.physics.interpolation import interpolate
from udaln.physics.observation import degraded
from udaln.physics.windows import degrade
from udaln.scene import Scene

LR_WEIGHT = 0.1  # of the error against the degraded LR-HSI


def known_image(scene: Scene, degradation: Degradation, usable: Tensor) -> Tensor:
    """What the network learns from: the LR-HSI, the LR-MSI and which LR pixels are usable, in network units.

    Args:
        scene: The pair.
        degradation: Of the pair.
        usable: N bool.

    Returns:
        h×w×(C + c + 1) float32.
    """
    lr_hsi = scene.lr_hsi.double() / degradation.unit
    lr_msi = degraded(scene, scene.hr_msi.double() / degradation.msi_unit, degradation.psf)
    sides = lr_hsi.shape[:2]
    return torch.cat([lr_hsi, lr_msi.view(*sides, -1), usable.view(*sides, 1).double()], 2).float()


class ReducedStage(DrawingStage[ZeroShot]):
    """The network learns on patches, which are blurred, sampled and interpolated."""

    name = "reduced"
    known: Tensor

    def learn_from(self, known: Tensor, side: int, batch: int) -> None:
        """Set what it learns from.

        Args:
            known: From `known_image`.
            side: Of a patch [LR pixels], a multiple of the scale factor.
            batch: Patches that a step sees.
        """
        self.register_buffer("known", known, persistent=False)
        self.side, self.batch = side, batch
        degradation = self.model.degradation
        self.offset = centre_shift(degradation.psf.cpu().numpy(), degradation.scale, (0.0, 0.0))

    def trained(self) -> list[nn.Module]:
        """The network."""
        return [self.model.network]

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """Mean absolute errors of the image, of its MSI, and of the image degraded once more, of random patches."""
        degradation, subspace = self.model.degradation, self.model.subspace
        bands, msi_bands = degradation.support.shape
        patches = drawn_patches(self.known, self.side, self.batch, self.generator)
        wanted, msi, usable = torch.split(patches, [bands, msi_bands, 1], 3)
        with torch.autocast(patches.device.type, enabled=False):  # physics stays in full precision
            low = self._degraded(wanted @ subspace)
            coefficients = _unstacked(interpolate(_stacked(low), degradation.scale, self.offset), len(patches))
        fused = self.model.network(coefficients.movedim(3, 1), msi.movedim(3, 1)).movedim(1, 3)
        with torch.autocast(patches.device.type, enabled=False):
            image = fused @ subspace.T
            return {
                "lr_hsi": _mean_error(image - wanted, usable),
                "lr_msi": _mean_error(self._msi(image) - msi, usable),
                "degraded": LR_WEIGHT * ((self._degraded(fused) - low) @ subspace.T).abs().mean(),
            }

    def _degraded(self, patches: Tensor) -> Tensor:
        """Patches (n, s, s, B) blurred by the PSF and sampled."""
        degradation = self.model.degradation
        return _unstacked(degrade(_stacked(patches), degradation.psf, degradation.scale), len(patches))

    def _msi(self, image: Tensor) -> Tensor:
        """What SpeDnet makes of an image; it is not trained here."""
        sped = self.model.degradation.sped
        response = (sped.srf * sped.gain).detach().to(image)
        return F.linear(image, response.T, sped.offset.detach().to(image))


def _stacked(patches: Tensor) -> Tensor:
    """Patches (n, s, s, B) side by side in the bands of one image, s×s×nB."""
    return patches.movedim(0, 2).flatten(2)


def _unstacked(image: Tensor, count: int) -> Tensor:
    """The inverse of ``_stacked``."""
    return image.view(*image.shape[:2], count, -1).movedim(2, 0)


def _mean_error(difference: Tensor, usable: Tensor) -> Tensor:
    """Mean absolute value where the LR pixels can be used."""
    return (difference.abs() * usable).sum() / (usable.sum() * difference.shape[3]).clamp(min=1)
