"""Estimation of the degradation, the shift and the noise of a pair from its two images alone, in closed form."""
