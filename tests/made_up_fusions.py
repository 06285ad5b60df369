"""Small made-up pairs with a fitted model and refinement of them, fused to files, and what stops that on the way."""

import functools
from dataclasses import replace
from types import SimpleNamespace

import made_up
import made_up_pairs
import numpy as np
import torch

from udaln.consistency.fuser import Fuser
from udaln.consistency.refinement import fit_refinement
from udaln.experiment.stream import fuse_to_files
from udaln.io.assembly import assemble_scene
from udaln.io.image import Bands
from udaln.io.pair import Pair
from udaln.methods.training.schedule import Init, Schedule
from udaln.methods.udaln.stages import SpectralStage
from udaln.physics.blocks import blocks_of
from udaln.physics.simulation import gaussian_psf
from udaln.scene import Known

SIDES = (45, 42)  # LR pixels: windows end at row 22 and at column 21
SMALL = (34, 30)  # at row 23 and at column 20
LR_BLOCK = ("lr", (18, 27), (17, 25))
HR_BLOCKS = (("hr", (30, 50), (60, 70)), ("hr", (36, 41), (10, 50)))  # the second within LR_BLOCK, too
CORNER = ("lr", (0, 24), (0, 30))  # a window without data, and parts of the others
NOISE = (35, 40)  # [dB]
EVERYTHING = {"snr": NOISE, "shift": (-3, 4), "gaps": (LR_BLOCK, *HR_BLOCKS), "bad": True}


@functools.cache
def made(scale=2, wide=False, snr=(None, None), shift=(0, 0), gaps=(), scattered=0.0, bad=False, sides=SIDES):
    """Model, refinement, pair and scene; PSF and SRF are known, SpeUnet is the regression."""
    lr_hsi, hr_msi, truth = made_up_pairs.images(
        sides, scale, shift=shift, bands=8, snr_hsi=snr[0], snr_msi=snr[1], fwhm=0.7 * scale
    )
    for image, rows, columns in gaps:
        (lr_hsi if image == "lr" else hr_msi)[slice(*rows), slice(*columns)] = np.nan
    hr_msi[np.random.default_rng(1).random(hr_msi.shape[:2]) < scattered] = np.nan
    if bad:
        lr_hsi[..., 3], lr_hsi[..., 6], hr_msi[..., 1] = 0.3, np.nan, np.nan
    pair = Pair(made_up_pairs.image(lr_hsi), made_up_pairs.image(hr_msi), scale)
    values = made_up_pairs.tensors(pair)
    scene = assemble_scene(
        *values,
        truth.support,
        lr_valid=torch.isfinite(values[0]),
        hr_valid=torch.isfinite(values[1]),
        known=Known(None, truth.truth.srf),
    )
    scene = replace(scene, shift=shift)
    psf = gaussian_psf(2 * scale + 1 if wide else scale, scale, 0.7 * scale)
    networks = made_up.networks(scene, len(psf), Known(psf, scene.known.srf), network="affine")
    regression = SpectralStage(networks, Schedule(1e-3, 0, 1, init=Init.regression), 1)
    regression.start(blocks_of(scene, len(psf), torch.float64))
    return SimpleNamespace(
        model=networks,
        refinement=fit_refinement(networks, scene),
        pair=pair,
        scene=scene,
        dropped_bands=scene.dropped_bands,
    )


def fuse(fitted, folder, *, uncertainty=False, fill_bands="all", refine=True, limit=1, suffix=".npy", **more):
    """The files' images; with as little memory as can be asked for."""
    files = [folder / f"{name}{suffix}" for name in ("fused", "uncertainty")][: 1 + uncertainty]
    filled = fitted.dropped_bands if fill_bands == "all" else None
    bands = more.pop("bands", Bands())
    fuse_to_files(
        Fuser(fitted.model, fitted.refinement if refine else None),
        fitted.pair,
        fitted.scene,
        files,
        bands,
        torch.device("cpu"),
        filled,
        memory_limit=limit,
        **more,
    )
    if suffix != ".npy":
        return files
    return [torch.from_numpy(np.load(file)) for file in files]


class Stopped(Exception):
    """Stands for whatever stops a process."""


def interrupted(monkeypatch, owner, name, at):
    """Let a function raise when it is called for that time."""
    done, calls = getattr(owner, name), []

    def call(*arguments, **named):
        calls.append(arguments)
        if len(calls) == at:
            raise Stopped
        return done(*arguments, **named)

    monkeypatch.setattr(owner, name, call)
    return calls
