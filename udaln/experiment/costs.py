"""What a run took and what it was given: the columns that tables of methods have beside their figures of quality."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import torch

from udaln.experiment.fusion import Fusion
from udaln.experiment.job import Job
from udaln.monitor.run_monitor import RunMonitor

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # of Linux
MIB = 2**20


def costs(job: Job, fusion: Fusion, monitor: RunMonitor) -> dict[str, Any]:
    """Time, memory and size of a run, and what of the sensors it was given.

    Args:
        job: What was done.
        fusion: The result.
        monitor: Of the run.

    Returns:
        * ``seconds_fit``, of all stages up to the fitted model, and ``seconds_fuse``, of fusing by it, the step that
          follows it included;
        * ``peak_memory_mib`` of the process, and ``peak_gpu_memory_mib`` if a GPU was used;
        * ``parameters``, how many numbers the fitted model has;
        * ``given``, what of PSF and SRF was known beforehand; ``blind``, whether nothing was.
    """
    given = job.config.degradation.given
    result: dict[str, Any] = {
        "seconds_fit": round(sum(row["seconds"] for row in monitor.rows if row["stage"] != "refine"), 3),
        "seconds_fuse": round(monitor.fuse_seconds, 3),
        "peak_memory_mib": round(peak_memory() / MIB),
        "parameters": sum(parameter.numel() for parameter in fusion.model.parameters()),
        "given": given,
        "blind": given == "none",
    }
    if job.device.type == "cuda":
        result["peak_gpu_memory_mib"] = round(torch.cuda.max_memory_allocated(job.device) / MIB)
    return result


def reset_peak_memory() -> None:
    """Let the largest memory of the process count from now on, where the system can do that (Linux, CUDA)."""
    try:
        _RESET.write_text("5")
    except OSError:
        pass  # then the peak is that of the process since its start
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_memory() -> int:
    """The largest memory that the process has occupied [bytes]."""
    try:
        if match := re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(), re.MULTILINE):
            return int(match[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
