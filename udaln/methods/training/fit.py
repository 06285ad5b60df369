"""The fit of a method that trains by stages: a Trainer, the chain, and the scene in blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from udaln.methods.base import Model, StageRecord, Training
from udaln.methods.training.chain import StageChain
from udaln.methods.training.data import BlockData, SceneData
from udaln.methods.training.stage import Stage
from udaln.methods.training.trainer import make_trainer
from udaln.scene import Scene


def fit_stages(
    model: Model, stages: Sequence[Stage[Any]], scene: Scene, training: Training, *, weigh: bool = False
) -> list[StageRecord]:
    """Train stages in turn; where the checkpoint exists, the fit goes on from there.

    Args:
        model: What the stages train; on the CPU afterwards.
        stages: In the order of training.
        scene: The pair, on the CPU.
        training: Where, and what is left on the way.
        weigh: Whether errors count the less the noisier a band is.

    Returns:
        What each stage took.
    """
    return fit_stages_to(SceneData(scene, model.degradation.kernel_size, weigh=weigh), model, stages, training)


def fit_stages_to(data: BlockData, model: Model, stages: Sequence[Stage[Any]], training: Training) -> list[StageRecord]:
    """The same for blocks that are made already, such as those with more than the HR-MSI in their windows."""
    chain = StageChain(stages, training.checkpoint, training.checkpoint_seconds)
    trainer = make_trainer(
        chain,
        training.accelerator,
        training.precision,
        devices=training.devices if any(stage.schedule.steps for stage in stages) else 1,
        callbacks=training.callbacks,
        logger=training.logger,
        options=training.trainer,
        folder=training.folder,
    )
    chain.run(trainer, data, resume=training.checkpoint is not None and training.checkpoint.exists())
    model.cpu()
    return [StageRecord(stage.name, chain.steps[stage.name], chain.seconds[stage.name]) for stage in stages]
