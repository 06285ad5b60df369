"""How much each cause removes, of images of any size."""

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
    found = {cause.what: share for cause, share in shares(with_causes())}
    assert found == {"first": 0.25, "second": pytest.approx(3 * 10 / (12 * 10 * 4))}
    assert describe_shares(with_causes()) == [
        "25 % of the values have no data: first",
        "6.2 % of the values have no data: second",
    ]
    assert shares(made_up_pairs.image(np.ones((4, 4, 2)))) == []


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
    monkeypatch.setattr(missing, "LOOKED_AT", 1)
    monkeypatch.setattr(missing, "STRIP", 200)
    assert [window[0] for window in strips(image)] == [slice(0, 100)]
