"""A network with one hidden layer of hyperbolic tangents, and its training by L-BFGS."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize
from torch import Tensor, nn

Array = NDArray[np.float64]


class Layers(NamedTuple):
    """The weights of a network from n inputs to m outputs, and the ranges that are mapped to −1…1.

    Attributes:
        hidden_weight: n×h.
        hidden_bias: h.
        weight: h×m.
        bias: m.
        low: Least input, n.
        high: Greatest input, n.
        least: Least output, m.
        greatest: Greatest output, m.
    """

    hidden_weight: Array
    hidden_bias: Array
    weight: Array
    bias: Array
    low: Array
    high: Array
    least: Array
    greatest: Array


class TanhNetwork(nn.Module):
    """A network as a module. It holds what `Layers` lists.

    Args:
        inputs: n.
        hidden: h.
        outputs: m.
    """

    hidden_weight: Tensor
    hidden_bias: Tensor
    weight: Tensor
    bias: Tensor
    low: Tensor
    high: Tensor
    least: Tensor
    greatest: Tensor

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.hidden = hidden
        weights = {
            "hidden_weight": (inputs, hidden),
            "hidden_bias": (hidden,),
            "weight": (hidden, outputs),
            "bias": (outputs,),
        }
        for name, shape in weights.items():
            zeros = torch.zeros(shape, dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(zeros, requires_grad=False))
        for name, size in (("low", inputs), ("high", inputs), ("least", outputs), ("greatest", outputs)):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    @torch.no_grad()
    def set(self, layers: Layers) -> None:
        """Take the weights of a training."""
        for name, value in layers._asdict().items():
            getattr(self, name).copy_(torch.from_numpy(value))

    def forward(self, x: Tensor) -> Tensor:
        """Inputs (N, n) to outputs (N, m), float64."""
        scaled = 2 * (x - self.low) / (self.high - self.low) - 1
        mapped = torch.tanh(scaled @ self.hidden_weight + self.hidden_bias) @ self.weight + self.bias
        outputs: Tensor = self.least + (mapped + 1) / 2 * (self.greatest - self.least)
        return outputs


def fitted(x: Array, y: Array, hidden: int, iterations: int, goal: float, random: np.random.Generator) -> Layers:
    """Train a network by least squares.

    Args:
        x: Inputs, N×n.
        y: Outputs, N×m.
        hidden: Units of the hidden layer.
        iterations: Most of L-BFGS.
        goal: Mean square error at which it ends.
        random: Draws the first weights, as Glorot and Bengio (2010) do.
    """
    low, high = _range(x)
    least, greatest = _range(y)
    inputs, wanted = 2 * (x - low) / (high - low) - 1, 2 * (y - least) / (greatest - least) - 1
    shapes = [(x.shape[1], hidden), (hidden,), (hidden, y.shape[1]), (y.shape[1],)]
    ends = np.cumsum([np.prod(shape, dtype=int) for shape in shapes])[:-1]

    def layers(values: Array) -> list[Array]:
        return [part.reshape(shape) for part, shape in zip(np.split(values, ends), shapes, strict=True)]

    def error(values: Array) -> tuple[float, Array]:
        w1, b1, w2, b2 = layers(values)
        signal = np.tanh(inputs @ w1 + b1)
        misfit = signal @ w2 + b2 - wanted
        back = 2 * misfit / misfit.size
        before = (back @ w2.T) * (1 - signal**2)
        gradient = (inputs.T @ before, before.sum(0), signal.T @ back, back.sum(0))
        return float(np.mean(misfit**2)), np.concatenate([part.ravel() for part in gradient])

    def stop_at_goal(intermediate_result: OptimizeResult) -> None:
        if intermediate_result.fun <= goal:
            raise StopIteration

    limits = [np.sqrt(6 / sum(shape)) if len(shape) == 2 else 0 for shape in shapes]
    start = [random.uniform(-limit, limit, shape) for limit, shape in zip(limits, shapes, strict=True)]
    options = {"maxiter": iterations, "maxfun": 10 * iterations}
    found = minimize(
        error,
        np.concatenate([part.ravel() for part in start]),
        jac=True,
        method="L-BFGS-B",
        callback=stop_at_goal,
        options=options,
    )
    hidden_weight, hidden_bias, weight, bias = layers(found.x)
    return Layers(hidden_weight, hidden_bias, weight, bias, low, high, least, greatest)


def _range(values: Array) -> tuple[Array, Array]:
    """Least and greatest value of each column; a constant one is given some width."""
    least, greatest = values.min(0), values.max(0)
    return least, np.where(greatest > least, greatest, least + np.maximum(np.abs(least), 1e-6))
