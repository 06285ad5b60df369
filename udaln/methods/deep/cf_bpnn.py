"""CF-BPNN, cluster-based fusion by back-propagation networks (Han, Yu, Luo and Sun, Remote Sensing 11(10), 2019).

The spectra of the LR-MSI are clustered. For each cluster a network with one hidden layer learns the LR-HSI's spectra
from those of the LR-MSI. Each pixel of the HR-MSI is mapped by the network of the nearest cluster.

The paper's numbers of clusters and of hidden units were not at hand. The defaults are those that its first author
published for a later method of the same kind. There the networks are trained by Levenberg–Marquardt. Here it is L-BFGS,
whose cost does not grow with the square of the number of weights: with hundreds of bands these are thousands.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from torch import Tensor, nn

from udaln.methods.base import Method, Model, SpectralMap, StageRecord, Training
from udaln.methods.classical.limits import check_least
from udaln.methods.deep.tanh_network import TanhNetwork, fitted
from udaln.methods.lr_pairs import lr_pairs
from udaln.physics.degradation import Degradation
from udaln.scene import Scene

FEWEST = 20  # LR pixels of a cluster; those of a smaller one go to the nearest others


@dataclass
class Settings:
    """The settings published for a later method of the same kind.

    Attributes:
        clusters: Their number; at most one for every 20 LR pixels.
        hidden: Units of the hidden layer of each network.
        iterations: Of the training of each network, at most.
        goal: Mean square error at which a training ends; inputs and outputs range from −1 to 1.
    """

    name: str = "cf_bpnn"
    clusters: int = 20
    hidden: int = 10
    iterations: int = 100
    goal: float = 4e-5


class ClusterNetworks(SpectralMap):
    """A small network for each cluster of MSI spectra.

    Args:
        degradation: Of the pair.
        settings: Of the method.

    Attributes:
        centres: Centres of the clusters, k×c, of spectra of length 1; those of unused clusters are zero.
        used: Which clusters are in use, k bool.
        networks: The weights of each, float64.
    """

    centres: Tensor
    used: Tensor

    def __init__(self, degradation: Degradation, settings: Settings) -> None:
        super().__init__(degradation)
        bands, msi_bands = degradation.support.shape
        self.register_buffer("centres", torch.zeros(settings.clusters, msi_bands, dtype=torch.float64))
        self.register_buffer("used", torch.zeros(settings.clusters, dtype=torch.bool))
        self.networks = nn.ModuleList(TanhNetwork(msi_bands, settings.hidden, bands) for _ in range(settings.clusters))

    def nearest(self, pixels: Tensor) -> Tensor:
        """The cluster of each MSI pixel, N."""
        distance = torch.cdist(directions(pixels.double()), self.centres, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.where(self.used, distance, torch.inf).argmin(1)

    def forward(self, pixels: Tensor) -> Tensor:
        """MSI pixels (N, c) to spectra (N, C)."""
        spectra = pixels.new_zeros(len(pixels), self.degradation.support.shape[0], dtype=torch.float32)
        nearest = self.nearest(pixels)
        for cluster, network in enumerate(self.networks):
            inside = nearest == cluster
            spectra[inside] = network(pixels[inside].double()).float()
        return spectra


class CfBpnn(Method):
    """k-means clusters of the LR-MSI, and a network with one hidden layer for each."""

    name: ClassVar[str] = "cf_bpnn"
    Settings = Settings

    def check(self, devices: int = 1) -> None:
        """Refuse numbers below their least."""
        check_least(self.settings, clusters=1, hidden=1, iterations=1, goal=0)

    def model(self, degradation: Degradation) -> ClusterNetworks:
        """Networks that are not trained yet."""
        return ClusterNetworks(degradation, self.settings)

    @torch.no_grad()
    def fit(self, model: Model, scene: Scene, training: Training) -> Sequence[StageRecord]:
        """Cluster the LR-MSI and train the networks one after the other."""
        assert isinstance(model, ClusterNetworks)
        lr_msi, lr_hsi = lr_pairs(model.degradation, scene)
        random = np.random.default_rng(training.seed)
        centres = cluster_centres(directions(lr_msi).numpy(), self.settings.clusters, random)
        model.centres[: len(centres)] = torch.from_numpy(centres)
        model.used[: len(centres)] = True
        nearest = model.nearest(lr_msi)
        for cluster in range(len(centres)):
            inside = nearest == cluster
            network = model.networks[cluster]
            assert isinstance(network, TanhNetwork)
            x, y = lr_msi[inside], lr_hsi[inside].double()
            network.set(
                fitted(x.numpy(), y.numpy(), network.hidden, self.settings.iterations, self.settings.goal, random)
            )
        return []


def directions(spectra: Tensor) -> Tensor:
    """Spectra N×c scaled to length 1: their Euclidean distance depends on the correlation alone."""
    return nn.functional.normalize(spectra, dim=1)


def cluster_centres(spectra: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Centres of the clusters of some spectra by k-means.

    Args:
        spectra: N×c.
        count: Clusters wanted; there are fewer where spectra are few or alike.
        random: Draws the first centres.

    Returns:
        The centres of the clusters that have enough spectra, at least one, k×c.
    """
    count = min(count, max(1, len(spectra) // FEWEST), len(np.unique(spectra.round(6), axis=0)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One of the clusters is empty")  # it is left out below
        centres, label = kmeans2(spectra, count, iter=100, minit="++", seed=random)
    sizes: Any = np.bincount(label, minlength=count)
    enough = sizes >= min(FEWEST, sizes.max())
    return np.asarray(centres[enough], dtype=np.float64)
