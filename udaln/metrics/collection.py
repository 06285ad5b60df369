"""The measures as torchmetrics classes: means over several images, on one or more processes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from udaln.metrics import functional


class _MeanOverImages(Metric):
    """A measure of one image, averaged over all images and processes."""

    is_differentiable = True
    full_state_update = False
    total: Tensor
    images: Tensor
    measure: Callable[[Tensor, Tensor], Tensor]  # of one image

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, reference: Tensor, fused: Tensor) -> None:
        """Add one image.

        Args:
            reference: The true image, H×W×C.
            fused: The fused image, of the same shape.

        Raises:
            InputError: If the two are not floating-point cubes of one shape, with at least one value.
        """
        self.total = self.total + self.measure(reference, fused)
        self.images = self.images + 1

    def compute(self) -> Tensor:
        """The mean over the images since the last reset (float64, without dimensions)."""
        return self.total / self.images


class PSNR(_MeanOverImages):
    """`udaln.metrics.psnr` in dB, mean over images.

    Example:
        >>> metric = PSNR()
        >>> reference = torch.tensor([[[1.0, 2.0], [0.5, 1.0]]])
        >>> metric.update(reference, 0.9 * reference)
        >>> round(metric.compute().item(), 3)
        22.041
    """

    higher_is_better = True
    measure = staticmethod(functional.psnr)


class SAM(_MeanOverImages):
    """`udaln.metrics.sam` in degrees, mean over images.

    Example:
        >>> metric = SAM()
        >>> metric.update(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1.0, 1.0]]]))
        >>> metric.update(torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]]))
        >>> round(metric.compute().item(), 3)
        67.5
    """

    higher_is_better = False
    measure = staticmethod(functional.sam)


class ERGAS(_MeanOverImages):
    """`udaln.metrics.ergas`, mean over images.

    Args:
        scale: The scale factor of the fusion.
        kwargs: Passed on to `torchmetrics.Metric`.

    Example:
        >>> metric = ERGAS(scale=4)
        >>> reference = torch.tensor([[[1.0, 2.0], [1.0, 2.0]]])
        >>> metric.update(reference, 0.9 * reference)
        >>> round(metric.compute().item(), 3)
        2.5
    """

    higher_is_better = False

    def __init__(self, scale: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.measure = partial(functional.ergas, scale=scale)


class CC(_MeanOverImages):
    """`udaln.metrics.cc`, mean over images.

    Example:
        >>> metric = CC()
        >>> metric.update(torch.tensor([[[1.0], [2.0], [3.0]]]), torch.tensor([[[1.0], [3.0], [2.0]]]))
        >>> round(metric.compute().item(), 3)
        0.5
    """

    higher_is_better = True
    measure = staticmethod(functional.cc)


class UIQI(_MeanOverImages):
    """`udaln.metrics.uiqi`, mean over images.

    Args:
        window: Side of the sliding window in pixels.
        kwargs: Passed on to `torchmetrics.Metric`.

    Example:
        >>> metric = UIQI()
        >>> reference = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
        >>> metric.update(reference, 2 * reference)
        >>> round(metric.compute().item(), 3)
        0.64
    """

    higher_is_better = True

    def __init__(self, window: int = 32, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.measure = partial(functional.uiqi, window=window)


class RMSE(_MeanOverImages):
    """`udaln.metrics.rmse`, mean over images (of their errors, not of their squared errors).

    Example:
        >>> metric = RMSE()
        >>> metric.update(torch.zeros(2, 2, 3), torch.full((2, 2, 3), 0.5))
        >>> metric.compute().item()
        0.5
    """

    higher_is_better = False
    measure = staticmethod(functional.rmse)


def fusion_metrics(scale: int, **kwargs: Any) -> MetricCollection:
    """The six measures under the names psnr, sam, ergas, cc, uiqi and rmse, in this order.

    Args:
        scale: The scale factor of the fusion.
        kwargs: Passed on to each `torchmetrics.Metric`.

    Returns:
        The collection; update it with `(reference, fused)`, one image at a time.

    Example:
        >>> metrics = fusion_metrics(scale=4)
        >>> reference = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
        >>> {name: round(value.item(), 2) for name, value in metrics(reference, 2 * reference).items()}
        {'psnr': 3.29, 'sam': 0.0, 'ergas': 27.39, 'cc': 1.0, 'uiqi': 0.64, 'rmse': 2.74}
    """
    # compute groups would merge members whose states are equal by chance: the six have states of the same names
    collection = MetricCollection({}, compute_groups=False)
    measures: dict[str, Callable[..., Metric]] = {
        "psnr": PSNR,
        "sam": SAM,
        "ergas": partial(ERGAS, scale),
        "cc": CC,
        "uiqi": UIQI,
        "rmse": RMSE,
    }
    for name, measure in measures.items():
        collection.add_metrics({name: measure(**kwargs)})  # one by one: a whole dict would be sorted by name
    return collection
