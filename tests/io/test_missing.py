"""How much each cause removes, of images of any size."""

from dataclasses import replace

import made_up_pairs
import numpy as np
import pytest

from udaln.io import missing
from udaln.io.image import Cause
from udaln.io.missing import describe_shares, has_values, shares, strips
from udaln.io.views import masked


def with_causes(shape=(12, 10, 4)):
    """An image with two causes that overlap, and one that removes nothing."""
    first, second, none = (np.zeros(shape, bool) for _ in range(3))
    first[:3], second[2:6, :, 1:2] = True, True
    image = made_up_pairs.image(np.ones(shape, np.float32))
    for name, flags in (("first", first), ("second", second), ("none", none)):
        image = masked(image, Cause(name, lambda rows, cols, flags=flags: flags[rows, cols]))
    return image


def test_each_cause_counts_for_what_it_removes_beyond_those_before():
    removed, own = shares(with_causes())
    assert own == 0
    assert {cause.what: share for cause, share in removed} == {
        "first": 0.25,
        "second": pytest.approx(3 * 10 / (12 * 10 * 4)),
    }
    assert describe_shares(with_causes()) == [
        "25 % of the values have no data: first",
        "6.2 % of the values have no data: second",
    ]
    assert shares(made_up_pairs.image(np.ones((4, 4, 2)))) == ([], 0)


def test_values_that_the_file_has_as_nan_come_first_and_count_once():
    values = np.ones((4, 5, 2), np.float32)
    values[0], values[1, 0, 0] = np.nan, np.inf
    image = masked(made_up_pairs.image(values), Cause("rows", lambda rows, cols: np.arange(4)[rows, None, None] < 2))
    assert describe_shares(image) == ["50 % of the values have no data: rows"]
    image = masked(made_up_pairs.image(values), Cause("row 3", lambda rows, cols: np.arange(4)[rows, None, None] > 2))
    assert describe_shares(image) == [
        "28 % of the values have no data: NaN or infinite in the file",
        "25 % of the values have no data: row 3",
    ]


def test_an_image_is_read_once():
    """Also where causes look at it: they do only where values are missing."""
    reads = []
    image = with_causes()
    counted = replace(image, read=lambda rows, cols: reads.append(rows) or image.read(rows, cols))
    describe_shares(counted)
    assert reads == [slice(0, 12)]


def test_a_share_is_not_rounded_to_none_or_all():
    image = made_up_pairs.image(np.ones((200, 200, 1), np.float32))
    one = masked(image, Cause("a", lambda rows, cols: np.arange(200)[rows, None, None] < 1))
    assert describe_shares(one)[0].startswith("0.5 %")
    whole = masked(image, Cause("a", lambda rows, cols: np.ones((1, 1, 1), bool)))
    assert describe_shares(whole)[0].startswith("100 %") and not has_values(whole) and has_values(image)


def test_a_large_image_is_looked_at_in_strips_with_both_ends(monkeypatch):
    image = made_up_pairs.image(np.ones((100, 10, 4), np.float32))
    assert [window[0] for window in strips(image)] == [slice(0, 100)]
    monkeypatch.setattr(missing, "LOOKED_AT", 1200)
    rows = [window[0] for window in strips(image)]
    assert rows[0] == slice(0, 3) and rows[-1] == slice(97, 100) and len(rows) == 10
    assert sum(part.stop - part.start for part in rows) == 30
    assert len(list(strips(image, 600))) == 5 and list(strips(image, 4000)) == [(slice(0, 100), slice(0, 10))]
    monkeypatch.setattr(missing, "LOOKED_AT", 1)
    monkeypatch.setattr(missing, "STRIP", 200)
    assert [window[0] for window in strips(image)] == [slice(0, 100)]


def test_the_largest_share_of_a_band_is_that_of_one_key():
    def flags(rows, cols):
        return np.broadcast_to(np.arange(3) == 1, (4, 5, 3)) & (np.arange(5) < 2)[:, None]

    causes = (Cause("a", flags, "dataset.saturation"), Cause("b", lambda rows, cols: np.ones((4, 5, 1), bool)))
    image = made_up_pairs.image(np.zeros((4, 5, 3)), causes=causes)
    assert missing.largest_share(image, "dataset.saturation") == 0.4
    assert missing.largest_share(image, "dataset.nodata") == 0
