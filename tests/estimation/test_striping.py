"""Lines that one image shows and the other does not are striped; lines of the ground are in both."""

import numpy as np
import pytest
import torch
from made_up_stripes import ground, observed, stripe

from udaln.estimation.striping import striped_lines

SIDE = 24


def named(found):
    """Of each image, the numbers of the striped rows and columns."""
    return [tuple(np.flatnonzero(lines.any(1)).tolist() for lines in part) for part in found]


NONE = [([], []), ([], [])]


@pytest.mark.parametrize("factor", [1.3, 0.7, 1.15])
@pytest.mark.parametrize("lines", [[11], [0], [5, 17]])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("which", [0, 1])
def test_a_stripe_is_found_in_the_image_that_has_it(which, axis, lines, factor):
    images = observed(ground(SIDE))
    stripe(images[which], axis, lines, factor)
    expected = [[[], []], [[], []]]
    expected[which][axis] = lines
    assert named(striped_lines(*images)) == [tuple(part) for part in expected]


def test_a_stripe_of_some_bands_is_found_in_these():
    images = observed(ground(SIDE))
    stripe(images[0], 1, [11], 1.3, slice(4, 12))
    (_, columns), _ = striped_lines(*images)
    assert columns[11].nonzero().flatten().tolist() == list(range(4, 12))


@pytest.mark.parametrize("seed", range(3))
def test_images_without_stripes_have_none(seed):
    assert named(striped_lines(*observed(ground(SIDE, seed)))) == NONE


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("lines", [slice(11, 12), slice(11, 14), slice(11, None)])
@pytest.mark.parametrize("factor", [0.2, 3.0])
def test_roads_and_shores_along_a_line_are_no_stripes(factor, lines, axis):
    scene = ground(SIDE)
    stripe(scene, axis, lines, factor * torch.linspace(0.5, 1.5, scene.shape[2], dtype=torch.float64))
    assert named(striped_lines(*observed(scene))) == NONE


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda image: image[:8, :8],  # few lines
        lambda image: torch.full_like(image, torch.nan),
        lambda image: torch.zeros_like(image),
        lambda image: torch.where(torch.arange(SIDE)[:, None, None] < 20, torch.nan, image),
        lambda image: torch.rand(image.shape, generator=torch.Generator().manual_seed(0)),
    ],
)
def test_nothing_is_found_where_nothing_can_be_said(spoilt):
    assert named(striped_lines(*(spoilt(image) for image in observed(ground(SIDE))))) == NONE


def test_a_stripe_is_found_beside_gaps_and_bands_without_data():
    images = observed(ground(SIDE))
    stripe(images[0], 1, [11], 1.3)
    images[0][:, :4], images[0][..., 3], images[1][20:, 20:] = torch.nan, torch.nan, torch.nan
    (_, columns), _ = striped_lines(*images)
    assert columns.any(1).nonzero().flatten().tolist() == [11] and not columns[:, 3].any()


def test_images_that_are_striped_all_over_are_left_as_they_are():
    images = observed(ground(SIDE))
    stripe(images[0], 1, list(range(0, SIDE, 3)), 1.3)
    assert named(striped_lines(*images)) == NONE
