"""Where a run comes from, as text and as settings by which runs are compared: for TensorBoard."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

import udaln
from udaln.experiment.dataset_schema import PairDataset
from udaln.experiment.results import versions
from udaln.experiment.schema import Config

LARGEST_HASHED = 4 << 30  # bytes; larger files would take longer to hash than to fuse


def settings(config: Config, scale: int) -> dict[str, Any]:
    """What tells this run from others: dataset, scale factor, method, seed, and what the command line sets."""
    composed = OmegaConf.structured(config)
    words = HydraConfig.get().overrides.task if HydraConfig.initialized() else []
    keys = [word.partition("=")[0].lstrip("+~") for word in words]
    chosen = {key: OmegaConf.select(composed, key) for key in keys}
    named = {key: value for key, value in chosen.items() if isinstance(value, bool | int | float | str | None)}
    fixed = {
        "dataset": config.dataset.name,
        "scale": scale,
        "method": config.method.name,
        "stages": None if config.stages is None else config.stages.name,
        "refine": config.refine.name,
        "seed": config.seed,
    }
    return {key: value for key, value in fixed.items() if value is not None} | named


def texts(config: Config) -> dict[str, str]:
    """Command line, versions, inputs and configuration of a run, in Markdown, by title."""
    facts = {"command": " ".join(sys.argv), **versions()} | _revision() | _inputs(config)
    return {
        "2 provenance": table(facts),
        "3 configuration": "```yaml\n" + OmegaConf.to_yaml(OmegaConf.structured(config)) + "```",
    }


def table(facts: Mapping[str, Any]) -> str:
    """Facts by name as a Markdown table."""
    rows = [f"| {name} | {f'{value:.6g}' if isinstance(value, float) else value} |" for name, value in facts.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _revision() -> dict[str, str]:
    """The revision of udaln's code, if it is used from a git checkout."""
    root = Path(udaln.__file__).parent.parent
    if not (root / ".git").exists() or shutil.which("git") is None:
        return {}
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return {"git_revision": found.stdout.strip()} if found.returncode == 0 else {}


def _inputs(config: Config) -> dict[str, str]:
    """Size and SHA-256 of the two files of a pair."""
    if not isinstance(config.dataset, PairDataset):
        return {}
    described = {}
    for name, path in (("lr_hsi", Path(config.dataset.lr_hsi)), ("hr_msi", Path(config.dataset.hr_msi))):
        described[name] = str(path)
        if path.is_file():
            size = path.stat().st_size
            described[name] += f", {size} bytes"
            if size <= LARGEST_HASHED:
                with path.open("rb") as file:
                    described[name] += f", SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
    return described
