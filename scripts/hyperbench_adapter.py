"""udaln as a pipeline of HyperBench (https://pypi.org/project/hyperbench), which simulates pairs with ten kinds of PSF.

``hyperbench run --config FILE --pipeline-module scripts/hyperbench_adapter.py``; docs/robustness.md describes the
environment and the configuration. Nothing of HyperBench is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import udaln


class BlindPipeline:
    """The default of `udaln.fuse`. HyperBench also passes the true PSF and SRF, which are ignored."""

    def run_pipeline(
        self,
        HR_MSI: NDArray[np.float32],
        LR_HSI: NDArray[np.float32],
        srf: NDArray[np.float32] | None,
        psf: NDArray[np.float32] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> NDArray[np.float32]:
        """Fuse a pair.

        Args:
            HR_MSI: rh×rw×c, without a batch dimension.
            LR_HSI: h×w×C, likewise.
            srf: c×C, not used.
            psf: k×k, not used.
            metadata: Of the case, not used.

        Returns:
            The fused image, rh×rw×C.

        Raises:
            udaln.errors.InputError: If the images do not make a pair.
        """
        return udaln.fuse(LR_HSI, HR_MSI, progress=False).image


PIPELINE = BlindPipeline()  # the name by which HyperBench's command line finds it
