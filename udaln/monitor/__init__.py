"""Figures, pictures and progress bars of a running fusion, in TensorBoard and on the terminal."""

from udaln.monitor.figure_log import FigureLog
from udaln.monitor.gallery import Gallery
from udaln.monitor.progress import StageProgress

__all__ = ["FigureLog", "Gallery", "StageProgress"]
