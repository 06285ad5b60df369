"""Import of the checkpoint that the paper's authors published: three state dicts and an SRF table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from udaln.errors import InputError
from udaln.experiment.model_file import read_torch
from udaln.io.srf_files import read_srf
from udaln.methods.udaln.model import UdalnModel
from udaln.physics.degradation import Degradation
from udaln.physics.srf import support

SPADNET, SPEDNET, SPEUNET = "PSF.pth", "convolution_hr2msi.pth", "spectral_upsample.pth"


@torch.no_grad()
def read_published(folder: Path, srf: Path | None = None) -> UdalnModel:
    """Rebuild the three networks of a published checkpoint (Li et al. 2022, code of the authors).

    * ``PSF.pth``: ``psf.weight`` 1×1×k×k; the scale factor is k, as in all published checkpoints;
    * ``convolution_hr2msi.pth``: ``conv2d_list.j.weight`` 1×n×1×1 for each MSI band j, the weights of the n bands from
      the first to the last that it covers, not normalised;
    * ``spectral_upsample.pth``: ``sequential.i.weight`` and ``.bias`` of the 1×1 convolutions i = 0, 2, 4, …;
    * the SRF table, from which only the support is used: which hyperspectral bands each MSI band covers.

    Args:
        folder: Where the three files are.
        srf: The SRF table, of any kind that `udaln.io.srf_files.read_srf` knows; if None, the only ``.xls`` in the
            folder.

    Returns:
        The model, for images in the units that it was trained in, in which a reflectance of 1 is 1.

    Raises:
        InputError: If a file is missing, has other entries or shapes than these, or the files do not fit together.
    """
    if not folder.is_dir():
        raise InputError(f"directory: {folder}: no such folder")
    spad = _tensors(folder / SPADNET, "psf.weight")
    sped = _tensors(folder / SPEDNET, "conv2d_list.{}.weight")
    speu = _tensors(folder / SPEUNET, "sequential.{}.weight", "sequential.{}.bias", step=2)

    side = next(iter(spad.values())).shape[-1:].numel()
    _check_shapes(folder / SPADNET, spad, [(1, 1, side, side)])
    srf = srf or _only_table(folder)
    last_bias = next(reversed(speu.values()))
    bands = torch.from_numpy(support(read_srf(srf, last_bias.numel(), key="srf")))
    if bands.shape[1] != len(sped):
        raise InputError(f"srf: {srf}: expected {len(sped)} MSI bands as in {SPEDNET}, got {bands.shape[1]}")
    _check_shapes(folder / SPEDNET, sped, [(1, int(count), 1, 1) for count in bands.sum(0)])
    model = UdalnModel(Degradation(scale=side, kernel_size=side, support=bands), "paper")
    parameters = list(model.speu.parameters())
    _check_shapes(folder / SPEUNET, speu, [(*p.shape, 1, 1) if p.ndim == 2 else tuple(p.shape) for p in parameters])

    (psf,) = spad.values()
    model.spad.weight.copy_(psf.flatten())
    weights = torch.cat([tensor.flatten() for tensor in sped.values()])
    model.sped.weight.T[bands.T] = weights.double()  # transposed, since the weights are listed MSI band by MSI band
    for parameter, tensor in zip(parameters, speu.values(), strict=True):
        parameter.copy_(tensor.view_as(parameter))
    return model


def _tensors(path: Path, *patterns: str, step: int = 1) -> dict[str, Tensor]:
    """Read a state dict and sort its entries by layer.

    Args:
        path: The file.
        patterns: Names of the entries of a layer, with its number as ``{}``.
        step: Layer numbers are multiples of it.
    """
    state = read_torch(path, key="directory", expected="a state dict")
    for name, value in state.items():
        if not isinstance(value, Tensor):
            kind = type(value).__name__
            raise InputError(f"directory: {path}: expected a state dict, got one whose {name} is of type {kind}")
    names = [pattern.format(step * i) for i in range(len(state) // len(patterns)) for pattern in patterns]
    if not names or set(names) != set(state):
        expected = " and ".join(pattern.format("i") for pattern in patterns)
        got = ", ".join(list(state)[:4]) + (", …" if len(state) > 4 else "") or "nothing"
        raise InputError(f"directory: {path}: expected tensors {expected}, got {got}")
    return {name: state[name] for name in names}


def _check_shapes(path: Path, tensors: Mapping[str, Tensor], shapes: Sequence[tuple[int, ...]]) -> None:
    if len(tensors) != len(shapes):
        raise InputError(f"directory: {path}: expected {len(shapes)} tensors for these bands, got {len(tensors)}")
    for (name, tensor), shape in zip(tensors.items(), shapes, strict=True):
        if tensor.shape != shape:
            size, expected = ("×".join(map(str, sizes)) or "a number" for sizes in (tensor.shape, shape))
            raise InputError(f"directory: {path}: {name}: expected {expected}, got {size}")


def _only_table(folder: Path) -> Path:
    """The one SRF table in a folder."""
    tables = sorted(folder.glob("*.xls"))
    if len(tables) != 1:
        raise InputError(f"srf: expected one .xls in {folder}, found {len(tables)}; set srf to the SRF table")
    return tables[0]
