"""What TensorBoard and the terminal show while a run trains."""

from udaln.monitor.figure_log import FigureLog
from udaln.monitor.gallery import Gallery
from udaln.monitor.progress import StageProgress

__all__ = ["FigureLog", "Gallery", "StageProgress"]
