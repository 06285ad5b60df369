"""An image on disk that is made window by window, and how far it is after whatever stopped it."""

import json

import numpy as np
import pytest

from udaln.io import partial_image
from udaln.io.partial_image import PartialImage

SHAPE = (9, 7, 3)
BOXES = [(slice(0, 4), slice(0, 3)), (slice(0, 4), slice(3, 7)), (slice(4, 9), slice(0, 7))]
FINGERPRINT = {"wanted": [[0, 0], [0, 3], [4, 0]], "files": ("a", 1.5, None)}


@pytest.fixture
def cube():
    array = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    array[2:6, 2:5] = np.nan
    array[0, 0], array[1, 0] = np.inf, -0.0
    return array


@pytest.fixture
def started(tmp_path, cube):
    """An image of which two windows are written, in a folder that is made for it."""
    begun = PartialImage(tmp_path / "run" / "x.tif.part", SHAPE, FINGERPRINT)
    for box in BOXES[:2]:
        begun.write(box, cube[box])
    return begun.path


def progress(path):
    return path.with_suffix(".progress")


def test_windows_are_where_they_belong_bit_for_bit(tmp_path, cube):
    made = PartialImage(tmp_path / "x.part", SHAPE, FINGERPRINT)
    assert made.finished == 0
    np.testing.assert_array_equal(made.pixels(), np.zeros(SHAPE))
    for count, box in enumerate(BOXES, 1):
        made.write(box, np.asfortranarray(cube[box]) if count == 1 else cube[box])
        assert made.finished == count
    pixels = made.pixels()
    assert pixels.dtype == np.dtype("<f4") and isinstance(pixels, np.memmap)
    assert pixels.tobytes() == cube.tobytes()


def test_subsampled_is_every_so_many_pixels_of_some_bands(tmp_path, cube):
    made = PartialImage(tmp_path / "x.part", SHAPE, FINGERPRINT)
    for box in BOXES:
        made.write(box, cube[box])
    for step in (1, 2, 4):
        assert made.subsampled(step, [2, 0]).tobytes() == cube[::step, ::step][..., [2, 0]].tobytes()


def test_another_process_finds_what_is_finished(started, cube):
    again = PartialImage(started, SHAPE, FINGERPRINT)
    assert again.finished == 2
    again.write(BOXES[2], cube[BOXES[2]])
    assert again.pixels().tobytes() == cube.tobytes()
    assert PartialImage(started, SHAPE, FINGERPRINT).finished == 3


@pytest.mark.parametrize("stop", ["fsync", "atomically"])
def test_a_window_that_was_being_written_does_not_count(started, cube, monkeypatch, stop):
    """Stopped before the pixels are on disk, and before the progress is."""
    again = PartialImage(started, SHAPE, FINGERPRINT)

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(partial_image.os if stop == "fsync" else partial_image, stop, stopped)
    with pytest.raises(KeyboardInterrupt):
        again.write(BOXES[2], cube[BOXES[2]])
    monkeypatch.undo()
    assert PartialImage(started, SHAPE, FINGERPRINT).finished == 2


@pytest.mark.parametrize(
    ("shape", "fingerprint"),
    [
        ((9, 7, 2), FINGERPRINT),
        ((7, 9, 3), FINGERPRINT),
        (SHAPE, FINGERPRINT | {"wanted": [[0, 0]]}),
        (SHAPE, FINGERPRINT | {"more": 0}),
    ],
)
def test_another_image_begins_anew(started, shape, fingerprint):
    other = PartialImage(started, shape, fingerprint)
    assert other.finished == 0
    np.testing.assert_array_equal(other.pixels(), np.zeros(shape))
    assert PartialImage(started, SHAPE, FINGERPRINT).finished == 0  # nor does anything come back of the first


def damaged(fingerprint):
    return {
        "gone": None,
        "empty": "",
        "cut short": json.dumps({"fingerprint": fingerprint, "finished": 2})[:-9],
        "no text": b"\xff\xfe\x00",
        "nothing": "null",
        "a list": "[1, 2]",
        "without the count": json.dumps({"fingerprint": fingerprint}),
        "no count": json.dumps({"fingerprint": fingerprint, "finished": None}),
        "of another image": json.dumps({"fingerprint": {}, "finished": 2}),
    }


@pytest.mark.parametrize("how", damaged(None))
def test_damaged_progress_begins_anew(started, how):
    fingerprint = json.loads(progress(started).read_text())["fingerprint"]
    content = damaged(fingerprint)[how]
    if content is None:
        progress(started).unlink()
    else:
        progress(started).write_bytes(content if isinstance(content, bytes) else content.encode())
    anew = PartialImage(started, SHAPE, FINGERPRINT)
    assert anew.finished == 0
    np.testing.assert_array_equal(anew.pixels(), np.zeros(SHAPE))


@pytest.mark.parametrize("how", ["gone", "short", "long", "empty"])
def test_damaged_pixels_begin_anew_however_often_it_is_tried(started, how):
    """What was finished of a file that is lost must not be believed of the one made in its place."""
    content = started.read_bytes()
    started.unlink()
    if how != "gone":
        started.write_bytes({"short": content[:-1], "long": content + b"0", "empty": b""}[how])
    for _ in range(2):  # stopped before the first window was written
        anew = PartialImage(started, SHAPE, FINGERPRINT)
        assert anew.finished == 0
        np.testing.assert_array_equal(anew.pixels(), np.zeros(SHAPE))


def test_a_fingerprint_may_hold_tuples_as_json_does_not(started):
    assert PartialImage(started, SHAPE, json.loads(json.dumps(FINGERPRINT))).finished == 2


def test_nothing_is_left_once_it_is_removed(started):
    assert {path.name for path in started.parent.iterdir()} == {"x.tif.part", "x.tif.progress"}
    again = PartialImage(started, SHAPE, FINGERPRINT)
    again.remove()
    assert not list(started.parent.iterdir())
    again.remove()  # ENVI's took the file away
