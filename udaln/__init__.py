"""udaln: blind, unsupervised fusion of a hyperspectral image with a multispectral one."""

from udaln.errors import InputError
from udaln.experiment.api import fuse
from udaln.experiment.fusion import Fusion
from udaln.scene import Scene

__all__ = ["Fusion", "InputError", "Scene", "__version__", "fuse"]
__version__ = "0.1.0"
