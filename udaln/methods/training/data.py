"""The LightningDataModules: the scene in blocks, once per ``training_step`` call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from pytorch_lightning import LightningDataModule
from torch import Tensor

from udaln.estimation.noise import homogeneous_patches, unique_variances
from udaln.physics.blocks import Blocks, blocks_of
from udaln.scene import Scene


class Once:
    """The blocks of the whole scene, once: an epoch is one call of a stage.

    Not a list, which Lightning would take for several dataloaders side by side.
    """

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[Blocks]:
        return iter((self.blocks,))


class BlockData(LightningDataModule):
    """Feeds every call of a stage a scene in blocks.

    Args:
        blocks: All of them.
    """

    def __init__(self, blocks: Blocks) -> None:
        super().__init__()
        self.blocks = blocks

    def setup(self, stage: str) -> None:
        """Move the blocks to the device, once."""
        assert self.trainer is not None
        self.blocks = self.blocks.to(self.trainer.strategy.root_device)

    def transfer_batch_to_device(self, batch: Blocks, device: torch.device, dataloader_idx: int) -> Blocks:
        """They are on the device already. It is the same object at every call, so that stages can cache results."""
        return batch

    def train_dataloader(self) -> Once:
        """The blocks for one call of a stage."""
        return Once(self.blocks)


class SceneData(BlockData):
    """The blocks of a scene, cut for a PSF of a given size, and the scene itself, which a stage may start from.

    Args:
        scene: The pair to fuse.
        kernel_size: Side k of the PSF [HR pixels].
        weigh: Whether errors count the less the noisier a band is.
    """

    def __init__(self, scene: Scene, kernel_size: int, *, weigh: bool = False) -> None:
        blocks = blocks_of(scene, kernel_size)
        super().__init__(_weighted(blocks, scene) if weigh else blocks)
        self.scene = scene


def _weighted(blocks: Blocks, scene: Scene) -> Blocks:
    """Blocks whose errors count the less the noisier a band is."""
    hr_msi = scene.hr_msi.to(blocks.lr.dtype) / scene.msi_unit
    levels = unique_variances(blocks.lr[:, :, None]), unique_variances(homogeneous_patches(hr_msi, scene.hr_valid))
    lr_weight, msi_weight = (_band_weights(variance).to(blocks.lr.dtype) for variance in levels)
    return replace(blocks, lr_weight=lr_weight, msi_weight=msi_weight)


def _band_weights(variance: Tensor) -> Tensor:
    """Inverse standard deviations of the noise of bands, with mean 1 and bounded."""
    deviation = variance.sqrt()
    weight = 1 / (deviation + 0.1 * deviation.median() + torch.finfo(torch.float64).tiny)
    return weight / weight.mean()
