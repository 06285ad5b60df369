"""Made-up point spread functions that several tests share."""

import numpy as np


def elliptical_gaussian(side, centre, widths=(1.7, 2.4), slant=0.4) -> np.ndarray:
    """A stretched and rotated Gaussian, sampled on side×side pixels."""
    row, column = np.mgrid[:side, :side]
    down = (row - centre[0]) / widths[0]
    right = (column - centre[1] - slant * (row - centre[0])) / widths[1]
    psf = np.exp(-(down**2 + right**2) / 2)
    return psf / psf.sum()
