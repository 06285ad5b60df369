"""udaln: blind, unsupervised fusion of a hyperspectral image with a multispectral one."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from udaln.errors import InputError

if TYPE_CHECKING:
    from udaln.experiment.api import fuse
    from udaln.experiment.fusion import Fusion
    from udaln.scene import Scene

__all__ = ["Fusion", "InputError", "Scene", "__version__", "fuse"]
__version__ = "0.1.0"

_IMPORTED_LATE = {"Fusion": "udaln.experiment.fusion", "Scene": "udaln.scene", "fuse": "udaln.experiment.api"}

if not TYPE_CHECKING:  # else mypy would take any name for one of this module

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used (PEP 562): PyTorch takes seconds, and ``--help`` needs none."""
        if name not in _IMPORTED_LATE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals().setdefault(name, getattr(import_module(_IMPORTED_LATE[name]), name))

    def __dir__() -> list[str]:
        """All public names, those included that are not imported yet."""
        return sorted({*globals(), *__all__})
