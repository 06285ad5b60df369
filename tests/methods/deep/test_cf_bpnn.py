import numpy as np
import real_scenes
import torch
from made_up_methods import fitted, pair, textured

from udaln.methods.deep.cf_bpnn import FEWEST, cluster_centres, directions
from udaln.metrics.functional import psnr


def two_grounds(side=80):
    """Two kinds of ground, left and right, told apart by the direction of their MSI spectra; each has its own map."""
    fields = textured(side, 2)
    left = (torch.arange(side) < side // 2)[None, :, None]
    msi = torch.where(
        left, torch.stack([fields[..., 0], 0.2 * fields[..., 1]], 2), fields.flip(2) * torch.tensor([0.2, 1])
    )
    maps = torch.tensor([[1.0, 0.2, 0.5], [0.3, 1.0, 0.8]]), torch.tensor([[0.1, 0.9, 2.0], [0.6, 0.1, 0.2]])
    image = torch.where(left, msi @ maps[0].double(), 0.3 + msi @ maps[1].double())
    return pair(image, msi)


def test_each_cluster_has_a_map_of_its_own():
    scene = two_grounds()
    reached = {
        name: psnr(scene.truth.image, fitted(name, scene).fuse(scene).image).item()
        for name in ("cf_bpnn", "regression")
    }
    assert reached["cf_bpnn"] > 30 > reached["regression"] + 3


def test_the_clusters_are_those_of_the_directions():
    random = np.random.default_rng(0)
    axes = np.eye(3)
    spectra = np.concatenate([axis + random.uniform(0, 0.05, (30, 3)) for axis in axes]) * random.uniform(1, 9, (90, 1))
    along = directions(torch.from_numpy(spectra)).numpy()
    centres = cluster_centres(along, 3, random)
    np.testing.assert_allclose((centres @ axes).max(0), 1, atol=0.02)
    assert len(centres) == 3


def test_few_or_equal_spectra_make_few_clusters():
    random = np.random.default_rng(0)
    spectra = directions(torch.from_numpy(random.uniform(0.1, 1, (5 * FEWEST, 4)))).numpy()
    assert len(cluster_centres(spectra, 20, random)) <= 5
    assert len(cluster_centres(spectra[:3], 20, random)) == 1
    np.testing.assert_allclose(cluster_centres(np.ones((100, 1)), 20, random), [[1.0]])


def test_one_msi_band_is_one_cluster():
    image = textured(40, 1)
    scene = pair(torch.cat([image, 1 - image, image**2], 2), image)
    model = fitted("cf_bpnn", scene)
    assert model.used.sum() == 1
    assert psnr(scene.truth.image, model.fuse(scene).image) > 35


def test_muufl_by_cf_bpnn():
    """Dark and bright pixels lie outside of what the networks have seen: spectra have their shape, not their size."""
    reached, angle, _ = real_scenes.quality_on_muufl("cf_bpnn")
    assert 33 < reached < 46 and angle < 1.9
