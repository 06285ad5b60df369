"""From a scene to its networks and stages, and to the image wanted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pytorch_lightning import seed_everything
from torch import Tensor

from udaln.consistency.step import Refinement, consistent, fit_refinement
from udaln.errors import InputError
from udaln.estimation.alignment import aligned
from udaln.estimation.noise import Noise
from udaln.experiment.schema import Method, Refine, Source, StagesConfig
from udaln.methods.training.chain import StageChain, make_trainer
from udaln.methods.training.data import SceneData
from udaln.methods.training.stage import Init
from udaln.methods.udaln import STAGES, Stage
from udaln.methods.udaln.networks import FusionNetworks
from udaln.monitor.console import quiet_lightning
from udaln.monitor.progress import StageProgress, share_done
from udaln.physics.instruments import Instruments
from udaln.scene import Known, Scene


@dataclass(frozen=True)
class Fused:
    """What comes of a scene.

    Attributes:
        image: X̂, H×W×C float32, in the units of the LR-HSI; NaN where either image holds no data.
        complete: The same with what stands there, made of the pixels around.
        deviation: Standard deviation of its error, likewise, where it is known.
        refinement: What refining other parts of the same pair takes, on the CPU; none where nothing was refined.
    """

    image: Tensor
    complete: Tensor
    deviation: Tensor | None = None
    refinement: Refinement | None = None

    @property
    def noise(self) -> Noise | None:
        """Of both images, where it was estimated, in the units of the LR-HSI."""
        return None if self.refinement is None else self.refinement.noise


def differing(instruments: Instruments, method: Method, *, pair: bool) -> Instruments:
    """What may differ between the instruments: what was left open does in a real pair where stage 1 is solved."""
    stage = method.stages.degradation
    return instruments.resolved(pair and stage is not None and stage.init is not Init.none)


def build_networks(
    scene: Scene, method: Method, instruments: Instruments, kernel_size: int | None = None
) -> FusionNetworks:
    """The untrained networks of a scene.

    Args:
        scene: The pair to fuse.
        method: Says which SpeUnet, and whether PSF and SRF are learned or known.
        instruments: Says whether a gain and an offset of each MSI band are learned.
        kernel_size: Side of the PSF's window [HR pixels]; the scale factor if not given. A known PSF brings its own.

    Raises:
        InputError: If something is to be known that the scene does not know, or the window is smaller than r.
    """
    known = {}
    for name in ("psf", "srf"):
        if getattr(method.stages, name) is Source.known:
            known[name] = getattr(scene.known, name)
            if known[name] is None:
                raise InputError(f"stages.{name}: expected one to be given for stages.{name}=known, got none")
    size = known["psf"].shape[0] if "psf" in known else kernel_size or scene.scale
    return FusionNetworks(
        scale=scene.scale,
        kernel_size=size,
        support=scene.support,
        unit=scene.unit,
        msi_unit=scene.msi_unit,
        known=Known(**known),
        network=method.network,
        gain=bool(instruments.gain),
        offset=bool(instruments.offset),
    )


def build_stages(networks: FusionNetworks, stages: StagesConfig, steps_per_call: int, seed: int = 0) -> list[Stage]:
    """The stages that a configuration asks for, less those that have nothing to do; the seed is of blocks drawn."""
    schedules = {stage: getattr(stages, stage.name) for stage in STAGES}
    acting = {stage: schedule for stage, schedule in schedules.items() if schedule and schedule.acts}
    built = [stage(networks, schedule, steps_per_call, seed) for stage, schedule in acting.items()]
    return [stage for stage in built if stage.parameters_by_name()]


def fuse_scene(
    scene: Scene,
    method: Method,
    instruments: Instruments,
    kernel_size: int | None = None,
    *,
    accelerator: str = "auto",
    precision: str = "32-true",
    seed: int = 2,
    with_deviation: bool = False,
    progress: bool = True,
) -> tuple[FusionNetworks, Scene, Fused]:
    """Train on a scene and fuse it, without a trace on disk.

    Args:
        scene: The pair, on the CPU.
        method: Stages, SpeUnet and what follows them.
        instruments: What may differ between the two sensors; resolved.
        kernel_size: Side of the PSF's window [HR pixels], if not as the instruments have it.
        accelerator: Lightning's.
        precision: Lightning's.
        seed: Of the networks' first weights and of the blocks drawn.
        with_deviation: Tell how far off the image may be, too.
        progress: Show progress bars on a terminal.

    Returns:
        The trained networks, the scene with the shift between its images, and what came of them.
    """
    quiet_lightning()
    scene, kernel_size = aligned(scene, instruments, kernel_size)
    seed_everything(seed, verbose=False)
    networks = build_networks(scene, method, instruments, kernel_size)
    chain = StageChain(build_stages(networks, method.stages, steps_per_call=100, seed=seed))
    trainer = make_trainer(chain, accelerator, precision, callbacks=[StageProgress()] if progress else [], logger=False)
    chain.run(trainer, SceneData(scene, networks.kernel_size, weigh=method.stages.weigh))
    device = trainer.strategy.root_device
    fused = fused_image(networks, scene, method.refine, device, with_deviation=with_deviation, progress=progress)
    return networks, scene, fused


def fused_image(
    networks: FusionNetworks,
    scene: Scene,
    refine: Refine,
    device: torch.device,
    *,
    with_deviation: bool = False,
    progress: bool,
) -> Fused:
    """The image wanted, once the networks are trained.

    Args:
        networks: Trained; on the CPU afterwards.
        scene: The pair, on the CPU.
        refine: What follows the stages.
        device: Where to calculate.
        with_deviation: Tell how far off it may be, too, where the refinement can.
        progress: Show a progress bar on a terminal.
    """
    networks.to(device)
    moved = scene.to(device)
    deviation, refinement = None, None
    if refine is Refine.none:
        complete = networks.fuse(moved.hr_msi).cpu()
    else:
        with share_done("refine", shown=progress) as done:
            refinement = fit_refinement(networks, moved)
            refined = consistent(networks, refinement, moved, done=done, with_deviation=with_deviation)
        complete, refinement = refined.image.cpu(), refinement.to(torch.device("cpu"))
        deviation = None if refined.deviation is None else _masked(refined.deviation.cpu(), scene.covered)
    networks.cpu()
    return Fused(_masked(complete, scene.covered), complete, deviation, refinement)


def _masked(image: Tensor, covered: Tensor) -> Tensor:
    """An image with NaN where it holds no data; the same one where it does everywhere."""
    return image if covered.all() else torch.where(covered[..., None], image, torch.nan)
