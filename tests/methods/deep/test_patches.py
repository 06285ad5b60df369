import torch

from udaln.methods.deep.patches import TURNS, drawn_patches


def test_patches_are_parts_of_the_image_in_every_turn():
    image = torch.arange(5 * 6, dtype=torch.float32).view(5, 6, 1)
    cuts = {
        tuple(turned.flatten().tolist())
        for row in range(3)
        for column in range(4)
        for cut in [image[row : row + 3, column : column + 3]]
        for mirrored in (cut, cut.flip(0))
        for turned in (mirrored.rot90(times) for times in range(4))
    }
    assert len(cuts) == 3 * 4 * TURNS
    generator = torch.Generator().manual_seed(0)
    drawn = {tuple(patch.flatten().tolist()) for _ in range(20) for patch in drawn_patches(image, 3, 64, generator)}
    assert drawn == cuts


def test_there_are_no_more_than_different_ones():
    image = torch.rand(4, 4, 2)
    assert drawn_patches(image, 4, 64, torch.Generator()).shape == (TURNS, 4, 4, 2)
    assert drawn_patches(image, 3, 5, torch.Generator()).shape == (5, 3, 3, 2)
