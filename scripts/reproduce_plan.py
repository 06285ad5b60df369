"""The comparison of methods: which are run on which scenes, and the sweeps that run them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from udaln.errors import InputError
from udaln.experiment.comparison.run_folder import RunFolder
from udaln.methods.registry import method_class, names

DEFAULT = "closed_form"
METHODS = tuple(sorted(names(), key=lambda name: (name != DEFAULT, name)))  # all that are registered
SHARE = 0.1  # of its schedule, for which a method that trains in stages is trained
SHARES = {"cucanet": 0.02}  # of methods for which it is another one: a step takes it a second
FACTORS = (5, 8)
SYNTHETIC = "synthetic"


@dataclass(frozen=True)
class Condition:
    """How pairs are simulated.

    Attributes:
        label: In a picture.
        snr_hsi: Signal-to-noise ratio of the LR-HSI [dB]; None for no noise.
        snr_msi: That of the HR-MSI.
        kernel_size: Side of the PSF window [HR pixels]; None for that of an LR pixel.
        fwhm: Width of the PSF [HR pixels]; None for that of an LR pixel.
        factors: The scale factors; None for `FACTORS`.
    """

    label: str
    snr_hsi: float | None = None
    snr_msi: float | None = None
    kernel_size: int | None = None
    fwhm: float | None = None
    factors: tuple[int, ...] | None = None

    @property
    def words(self) -> list[str]:
        """On the command line."""
        settings = {"dataset": ("snr_hsi", "snr_msi"), "scale": ("kernel_size", "fwhm")}
        keys = [(group, key) for group, names in settings.items() for key in names]
        return [f"{group}.{key}={value}" for group, key in keys if (value := getattr(self, key)) is not None]


WIDE = "noise 35/40 dB, wide PSF"
CONDITIONS = {
    "no noise": Condition(""),
    "noise 35/40 dB": Condition(", noise", 35.0, 40.0),
    WIDE: Condition(", noise, wide PSF", 35.0, 40.0, kernel_size=10, fwhm=7.5, factors=(5,)),
}


@dataclass(frozen=True)
class SceneFiles:
    """A scene: the built-in one, or a folder.

    Attributes:
        name: Of the folder.
        reference: The reference image; None for the built-in scene.
        srf: The table of its SRF.
    """

    name: str = SYNTHETIC
    reference: Path | None = None
    srf: Path | None = None

    @property
    def words(self) -> list[str]:
        """The scene on the command line."""
        if self.reference is None:
            return [f"dataset={SYNTHETIC}"]
        files = {"reference": self.reference.absolute(), "srf": self.srf and self.srf.absolute()}
        keys = {"name": self.name} | files
        return ["dataset=mat", *(f"dataset.{key}={_quoted(value)}" for key, value in keys.items())]


@dataclass(frozen=True)
class Case:
    """A method on a simulated pair.

    Attributes:
        scene: Name of the scene.
        factor: Scale factor.
        condition: Key of `CONDITIONS`.
        method: Name of the method.
        given: Whether it is given the true PSF and SRF.
    """

    scene: str
    factor: int
    condition: str
    method: str
    given: bool = False

    @property
    def share(self) -> float | None:
        """Of its schedule; None without stages."""
        return SHARES.get(self.method, SHARE) if method_class(self.method).Stages else None

    @property
    def pair(self) -> tuple[str, int, str]:
        """What it is fused from: scene, scale factor and condition."""
        return self.scene, self.factor, self.condition


@dataclass(frozen=True)
class Sweep:
    """Cases that one sweep runs.

    Attributes:
        folder: Of the sweep, in that of the results.
        cases: The cases: methods × scale factors.
        words: Of the command line, without ``-m``.
    """

    folder: str
    cases: tuple[Case, ...]
    words: tuple[str, ...]


def scenes(data: Path | None) -> list[SceneFiles]:
    """The scenes in a folder, and the built-in one.

    Args:
        data: It has a folder for each scene, with ``REF.mat`` and at least one ``srf_*.csv``, of which the one with the
            most MSI bands is used.

    Raises:
        InputError: If there is no such folder.
    """
    found = []
    for reference in sorted(data.glob("*/REF.mat")) if data else []:
        if tables := sorted(reference.parent.glob("srf_*.csv")):
            found.append(SceneFiles(reference.parent.name, reference, max(tables, key=_bands)))
    if data and not found:
        raise InputError(f"data: expected folders with REF.mat and srf_*.csv in {data}, found none")
    return [*found, SceneFiles()]


def plan(found: Iterable[SceneFiles]) -> list[Sweep]:
    """The sweeps, the quickest first: methods that do not train, those that do, and what is given the true sensors.

    Pairs with a wide PSF are for the first.
    """
    found = list(found)
    quick = [name for name in METHODS if not method_class(name).Stages]
    trained = [[name] for name in METHODS if method_class(name).Stages]
    informed = [name for name in METHODS if method_class(name).needs_degradation and not method_class(name).Stages]
    groups = [(quick, False), *((names, False) for names in trained), (informed, True)]
    return [
        _sweep(scene, condition, methods, given)
        for methods, given in groups
        for scene, condition in product(found, CONDITIONS)
        if methods and (condition != WIDE or methods is quick)
    ]


def done(cases: Iterable[Case], runs: Iterable[RunFolder]) -> dict[Case, RunFolder]:
    """The finished runs of cases."""
    by_case = {case_of(run): run for run in runs if run.finished}
    return {case: by_case[case] for case in cases if case in by_case and _same_share(case, by_case[case])}


def case_of(run: RunFolder) -> Case | None:
    """The case that a run is of; None if it is of no case."""
    found = run.settings
    settings = found.get("dataset.snr_hsi"), found.get("dataset.snr_msi"), found.get("scale.fwhm")
    named = {(way.snr_hsi, way.snr_msi, way.fwhm): name for name, way in CONDITIONS.items()}
    given = found.get("degradation.psf") == found.get("degradation.srf") == "true"
    if settings not in named or found["method.name"] not in METHODS:
        return None
    return Case(found["dataset.name"], found["scale.factor"], named[settings], found["method.name"], given)


def _same_share(case: Case, run: RunFolder) -> bool:
    return case.share is None or run.settings.get("stages.share") == case.share


def _sweep(scene: SceneFiles, condition: str, methods: Sequence[str], given: bool) -> Sweep:
    way = CONDITIONS[condition]
    factors = way.factors or FACTORS
    cases = tuple(Case(scene.name, factor, condition, method, given) for factor in factors for method in methods)
    kind = "true" if given else methods[0] if cases[0].share else "quick"
    words = [*scene.words, f"scale={','.join(f'x{factor}' for factor in factors)}", f"method={','.join(methods)}"]
    words += [*way.words, "monitor.pictures=null"]  # which take longer than many a method
    words += [f"stages.share={cases[0].share}"] if cases[0].share else []
    words += ["degradation=true"] if given else []
    level = "wide" if way.fwhm else "noisy" if way.snr_hsi else "clean"
    return Sweep(f"{kind}/{scene.name}_{level}", cases, tuple(words))


def _bands(table: Path) -> int:
    with table.open(encoding="utf-8") as file:
        return file.readline().count(",")


def _quoted(text: object) -> str:
    return str(QuotedString(str(text), Quote.single).with_quotes())
