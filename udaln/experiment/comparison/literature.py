"""Published figures, which a table shows beside runs on the same scene.

Source: Li, Zheng, Yao, Gao and Hong, "Deep Unsupervised Blind Hyperspectral and Multispectral Data Fusion", IEEE
GRSL 19, 2022: Houston 2018 and Chikusei, 240×240 pixels at a position that is not published, WorldView-2, no noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

SOURCE = "source"  # the key by which a table tells published figures from runs
PAPER = "published, Li et al. 2022"

_FIGURES = ("psnr", "sam", "ergas", "rmse", "cc")
_PUBLISHED: Mapping[tuple[Any, Any], dict[tuple[str, str | None], tuple[float, ...]]] = {
    ("houston2018", 5): {
        ("udaln", "no_joint"): (43.9479, 0.8654, 0.5905, 0.0046, 0.9994),
        ("udaln", "joint_only"): (43.1181, 1.0162, 0.6749, 0.0051, 0.9992),
        ("udaln", "paper"): (45.2627, 0.8748, 0.5232, 0.0041, 0.9994),
        ("cstf", None): (44.87, 1.261, 0.543),
        ("stereo", None): (45.08, 1.508, 0.570),
        ("cnmf", None): (43.89, 1.201, 0.598),
        ("hysure", None): (43.24, 1.559, 0.666),
        ("gsomp+", None): (42.84, 1.491, 0.688),
        ("csu", None): (42.44, 1.524, 0.708),
        ("usdn", None): (42.12, 1.964, 0.783),
        ("fuse", None): (40.59, 1.677, 0.912),
    },
    ("houston2018", 8): {
        ("udaln", "no_joint"): (44.8672, 0.9238, 0.3394, 0.0042, 0.9993),
        ("udaln", "joint_only"): (44.3196, 0.9523, 0.3607, 0.0045, 0.9993),
        ("udaln", "paper"): (45.5478, 0.9048, 0.3185, 0.0039, 0.9994),
    },
    ("chikusei", 5): {("udaln", "paper"): (52.5624, 0.6921, 0.5816, 0.0036, 0.9983)},
    ("chikusei", 8): {("udaln", "paper"): (50.7592, 0.7602, 0.4592, 0.0040, 0.9974)},
}
_SIMULATED = ("snr_hsi", "snr_msi", "gain", "offset", "shift")  # settings that make a scene another one


def published(runs: Iterable[Mapping[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, float]]]:
    """The settings and figures that are published of the scenes of some runs.

    Of other methods than the paper's they are given only if the runs are of several methods.

    Args:
        runs: The flat settings of each.
    """
    runs = [run for run in runs if all(run.get(f"dataset.{key}") is None for key in _SIMULATED)]
    several = len({run.get("method.name") for run in runs}) > 1
    scenes = {(run.get("dataset.name"), run.get("scale.factor")): run for run in runs}
    for scene, run in scenes.items():
        common = {key: value for key, value in run.items() if key.startswith(("dataset.", "scale."))}
        for (method, stages), values in _PUBLISHED.get(scene, {}).items():
            if method == "udaln" or several:
                settings = common | {"method.name": method, "stages.name": stages, SOURCE: PAPER}
                yield settings, dict(zip(_FIGURES, values, strict=False))
