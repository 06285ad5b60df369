"""HyCoNet, coupled convolutional autoencoders (Zheng, Li, Li, Guo, Wu and Chanussot, IEEE TGRS 59(3), 2021).

One autoencoder unmixes the LR-HSI and one the HR-MSI. Both have the same decoder, whose weights are the endmembers.
PSF and SRF are learned beside, and couple both:

    Ŷ = A_Y · E,   X̂ = A_Z · E,   Z ≈ SpeDnet(X̂),   Y ≈ SpaDnet(A_Z) · E,   SpeDnet(Y) ≈ SpaDnet(Z).

All layers are 1×1 convolutions, so that pixels are samples.

Where the publication and its program differ, or do not say it: the SRF is learned, as in the publication; the program
never steps its optimizer. It starts as a Gaussian over its support and is not negative. The softmax makes the sum of
the abundances 1, so that no loss is needed for it. The sparsity term is that of the mean abundances over all pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import l1_loss

from udaln.methods.base import Method, Model, SpectralMap, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.deep.constrained import ConstrainedStage, constrain_sensors
from udaln.methods.deep.unmixing import Endmembers, UnmixingStages, check_unmixing, sparsity
from udaln.methods.training.data import SceneData
from udaln.methods.training.fit import fit_stages_to
from udaln.physics.blocks import Blocks
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

WIDTHS = (128, 256, 512)  # of the hidden layers
SLOPE = 0.2  # of LeakyReLU
MSI_RATE, SENSOR_RATE = 0.5, 0.2  # learning rates of the HR-MSI's encoder, and of PSF and SRF
IMAGE_WEIGHT, LR_MSI_WEIGHT, SPARSITY_WEIGHT = 10.0, 100.0, 0.01  # of the losses


@dataclass
class Settings:
    """The published settings.

    Attributes:
        endmembers: Their number.
    """

    name: str = "hyconet"
    endmembers: int = 100


class Encoder(nn.Sequential):
    """Pixels (…, B) to abundances (…, p), which are positive and sum to 1."""

    def __init__(self, bands: int, endmembers: int) -> None:
        widths = [bands, *WIDTHS]
        hidden: list[nn.Module] = []
        for before, after in zip(widths, WIDTHS, strict=False):
            hidden += [nn.Linear(before, after), nn.LeakyReLU(SLOPE)]
        super().__init__(*hidden, nn.Linear(WIDTHS[-1], endmembers), nn.ReLU(), nn.Softmax(-1))


class CoupledAutoencoders(SpectralMap):
    """Both encoders, and the endmembers.

    Args:
        degradation: Of the pair.
        endmembers: Their number.
    """

    def __init__(self, degradation: Degradation, endmembers: int) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.hsi_encoder = Encoder(bands, endmembers)
        self.msi_encoder = Encoder(msi_bands, endmembers)
        self.endmembers = Endmembers(endmembers, bands)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C)."""
        spectra: Tensor = self.endmembers(self.msi_encoder(pixels))
        return spectra


class HyCoNetStage(ConstrainedStage[CoupledAutoencoders]):
    """All networks, PSF and SRF at once."""

    name = "unmixing"

    def rates(self) -> Mapping[nn.Module, float]:
        """Everything that the model has."""
        model = self.model
        sensors = {model.degradation.spad: SENSOR_RATE, model.degradation.sped: SENSOR_RATE}
        return {model.hsi_encoder: 1.0, model.endmembers: 1.0, model.msi_encoder: MSI_RATE} | sensors

    def constrain(self) -> None:
        """Endmembers, PSF and SRF."""
        self.model.endmembers.constrain()
        constrain_sensors(self.model.degradation)

    def losses(self, blocks: Blocks) -> dict[str, Tensor]:
        """The mean absolute errors of Y, Z and the LR-MSI, and the sparsity of the abundances."""
        model, spad, sped = self.model, self.model.degradation.spad, self.model.degradation.sped
        pixels = blocks.windows.transpose(0, 1)  # K×N×c, in one piece of memory
        lr_abundances, abundances = model.hsi_encoder(blocks.lr), model.msi_encoder(pixels)
        blurred = spad(abundances.transpose(0, 1))
        return {
            "lr_hsi": IMAGE_WEIGHT * l1_loss(model.endmembers(lr_abundances), blocks.lr),
            "hr_msi": IMAGE_WEIGHT * l1_loss(sped(model.endmembers(abundances)), pixels),
            "fused_lr_hsi": IMAGE_WEIGHT * l1_loss(model.endmembers(blurred), blocks.lr),
            "lr_msi": LR_MSI_WEIGHT * l1_loss(sped(blocks.lr), spad(blocks.windows)),
            "sparsity": SPARSITY_WEIGHT * (sparsity(lr_abundances) + sparsity(abundances)),
        }


class HyCoNet(Method):
    """Coupled autoencoders, which learn PSF and SRF themselves."""

    name: ClassVar[str] = "hyconet"
    Settings = Settings
    Stages = UnmixingStages
    needs_degradation: ClassVar[bool] = False

    def check(self, devices: int = 1) -> None:
        """Refuse settings that cannot be carried out."""
        check_least(self.settings, endmembers=1)
        check_unmixing(self.stages, devices)

    def model(self, degradation: Degradation) -> CoupledAutoencoders:
        """Networks that are not trained yet."""
        return CoupledAutoencoders(degradation, self.settings.endmembers)

    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Train the networks."""
        assert isinstance(model, CoupledAutoencoders)
        data = SceneData(scene, model.degradation.kernel_size)
        model.endmembers.limit(data.blocks)
        stage = HyCoNetStage(model, self.stages.unmixing, training.every, training.seed)
        return fit_stages_to(data, model, [stage], training)
