"""From a scene to its networks and stages, and the whole of it on arrays, from Python."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pytorch_lightning import seed_everything
from torch import Tensor

from udaln.chain import StageChain, make_trainer
from udaln.config import check_method, method_preset
from udaln.console import quiet_lightning
from udaln.data.module import SceneData
from udaln.errors import InputError
from udaln.monitor.progress import StageProgress, share_done
from udaln.networks import FusionNetworks
from udaln.refine import consistent
from udaln.scene import Known, Scene
from udaln.schema import Method, Refine, Source, StagesConfig
from udaln.stages import STAGES, Stage


def build_networks(scene: Scene, method: Method, kernel_size: int | None = None) -> FusionNetworks:
    """The untrained networks of a scene.

    Args:
        scene: The pair to fuse.
        method: Says which SpeUnet, and whether PSF and SRF are learned or known.
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
        known=Known(**known),
        network=method.network,
    )


def build_stages(networks: FusionNetworks, stages: StagesConfig, steps_per_call: int, seed: int = 0) -> list[Stage]:
    """The stages that a configuration asks for, less those that have nothing to do; the seed is of blocks drawn."""
    schedules = {stage: getattr(stages, stage.name) for stage in STAGES}
    acting = {stage: schedule for stage, schedule in schedules.items() if schedule and schedule.acts}
    built = [stage(networks, schedule, steps_per_call, seed) for stage, schedule in acting.items()]
    return [stage for stage in built if stage.parameters_by_name()]


@dataclass(frozen=True)
class Fusion:
    """What ``fuse`` returns.

    Attributes:
        image: The fused image X̂, H×W×C float32, in the units of the pair.
        psf: The PSF learned, k×k.
        srf: The SRF learned, C×c, columns sum to 1.
        networks: The trained networks; ``networks.fuse`` maps another HR-MSI of the same sensors.
    """

    image: NDArray[np.float32]
    psf: NDArray[np.float64]
    srf: NDArray[np.float64]
    networks: FusionNetworks


def fuse(
    lr_hsi: ArrayLike,
    hr_msi: ArrayLike,
    scale: int | None = None,
    *,
    support: ArrayLike | None = None,
    psf: ArrayLike | None = None,
    srf: ArrayLike | None = None,
    stages: str | Method = "fast",
    network: str | None = None,
    refine: str | None = None,
    accelerator: str = "auto",
    precision: str = "32-true",
    seed: int = 2,
    progress: bool = True,
) -> Fusion:
    """Fuse a pair given as arrays.

    Args:
        lr_hsi: LR-HSI, h×w×C.
        hr_msi: HR-MSI, rh×rw×c, in the same units.
        scale: Scale factor r; follows from the sizes if not given.
        support: C×c, non-zero where an MSI band may cover a hyperspectral one; follows from ``srf``, or is everywhere.
        psf: The point spread function, k×k, summing to 1, if it is known: then it is not learned.
        srf: The spectral response, C×c, if it is known: then it is not learned.
        stages: A file of ``conf/stages`` by its name, or a method of one's own.
        network: Another SpeUnet than the file's: ``paper``, ``affine`` or ``residual``.
        refine: ``consistent`` or ``none``, if not as the file has it.
        accelerator: Lightning's: ``auto``, ``cpu`` or ``gpu``.
        precision: Lightning's: ``32-true``, ``bf16-mixed`` or ``16-mixed``.
        seed: Of the networks' first weights and of the blocks drawn.
        progress: Show progress bars on a terminal.

    Raises:
        InputError: If the arrays do not make a pair, or an option is unknown.

    Example:
        >>> import udaln
        >>> rng = np.random.default_rng(0)
        >>> fusion = udaln.fuse(rng.random((4, 4, 6)), rng.random((8, 8, 2)), progress=False)
        >>> fusion.image.shape, fusion.psf.shape, fusion.srf.shape
        ((8, 8, 6), (2, 2), (6, 2))
    """
    quiet_lightning()
    y, z = (np.atleast_1d(image) for image in (lr_hsi, hr_msi))
    y_pixels, z_pixels = (torch.tensor(image, dtype=_precision(image)) for image in (y, z))
    known = Known(*(None if given is None else torch.tensor(np.asarray(given, np.float64)) for given in (psf, srf)))
    covering = srf if support is None else support
    if covering is None:
        covered = torch.ones(y.shape[-1], z.shape[-1], dtype=torch.bool)
    else:
        covered = torch.from_numpy(np.asarray(covering) != 0)
    scene = Scene(y_pixels, z_pixels, covered, known=known)
    if scale not in (None, scene.scale):
        raise InputError(f"scale: expected {scene.scale}, as the sizes of the pair imply, got {scale}")
    chosen = _chosen(stages, network, refine, known)
    seed_everything(seed, verbose=False)
    networks = build_networks(scene, chosen)
    chain = StageChain(build_stages(networks, chosen.stages, steps_per_call=100, seed=seed))
    trainer = make_trainer(chain, accelerator, precision, callbacks=[StageProgress()] if progress else [], logger=False)
    chain.run(trainer, SceneData(scene, networks.kernel_size))
    image = fused_image(networks, scene, chosen.refine, trainer.strategy.root_device, progress=progress)
    return Fusion(
        image=image.numpy(),
        psf=networks.spad.psf.numpy(),
        srf=networks.sped.srf.detach().numpy(),
        networks=networks,
    )


def fused_image(
    networks: FusionNetworks, scene: Scene, refine: Refine, device: torch.device, *, progress: bool
) -> Tensor:
    """The image wanted, once the networks are trained.

    Args:
        networks: Trained; on the CPU afterwards.
        scene: The pair, on the CPU.
        refine: What follows the stages.
        device: Where to calculate.
        progress: Show a progress bar on a terminal.

    Returns:
        X̂, H×W×C float32, on the CPU.
    """
    networks.to(device)
    moved = scene.to(device)
    if refine is Refine.none:
        image = networks.fuse(moved.hr_msi)
    else:
        with share_done("refine", shown=progress) as done:
            image = consistent(networks, moved, done)
    networks.cpu()
    return image.cpu()


def _chosen(stages: str | Method, network: str | None, refine: str | None, known: Known) -> Method:
    """The method with what was said to be otherwise."""
    chosen = method_preset(stages) if isinstance(stages, str) else stages
    if refine is not None and refine not in Refine.__members__:
        raise InputError(f"refine: expected one of {', '.join(Refine.__members__)}, got {refine!r}")
    sources = replace(
        chosen.stages,
        psf=chosen.stages.psf if known.psf is None else Source.known,
        srf=chosen.stages.srf if known.srf is None else Source.known,
    )
    chosen = replace(
        chosen,
        network=network or chosen.network,
        refine=chosen.refine if refine is None else Refine[refine],
        stages=sources,
    )
    check_method(chosen)
    return chosen


def _precision(image: NDArray[np.generic]) -> torch.dtype:
    """float32 where it holds the image's values, else float64."""
    return torch.float32 if np.can_cast(image.dtype, np.float32) else torch.float64
