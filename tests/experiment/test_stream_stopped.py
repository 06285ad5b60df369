"""Whatever stops the windows on the way: started again, the image is the same bit for bit, and none is made twice."""

import numpy as np
import pytest
import torch
from made_up_fusions import EVERYTHING, Stopped, fuse, interrupted, made

from udaln.consistency import fuser
from udaln.experiment import stream
from udaln.experiment.stream_windows import windows_of
from udaln.io.partial_image import PartialImage
from udaln.physics.part import Part

WHERE = ("read", "work", "before", "within", "written", "after", "the other")
LARGE = (62, 45)  # six windows
EMPTY = 4  # of them


def ground():
    """Six windows of two outputs, one window without data; what the outputs shall show, in float32."""
    windows = windows_of(LARGE, lambda box: Part(LARGE, box, box), 1, lambda rows, columns: 2)
    rng = np.random.default_rng(0)
    images = [rng.normal(size=(2 * LARGE[0], 2 * LARGE[1], bands)).astype("f4") for bands in (3, 2)]
    rows, columns = (slice(2 * part.start, 2 * part.stop) for part in windows[EMPTY].wanted)
    for image in images:
        image[rows, columns] = np.nan
    return windows, images


class Process:
    """One start of the work: what it does, until it is stopped at the window and the place given, if at any."""

    def __init__(self, folder, at=None, where=None):
        self.windows, self.images = ground()
        self.at, self.where, self.worked = at, where, []
        self.outputs = [self.output(folder / f"{i}.part", image.shape, i) for i, image in enumerate(self.images)]
        self.finished = [output.finished for output in self.outputs]

    def output(self, path, shape, index):
        process = self

        class Breaking(PartialImage):
            def write(self, box, window):
                number = process.number(box)
                mine = (process.where == "the other") == bool(index)
                if number != process.at or not mine or process.where in (None, "read", "work"):
                    return super().write(box, window)
                if process.where == "within":  # half of the lines
                    half = slice(box[0].start, (box[0].start + box[0].stop) // 2), box[1]
                    pixels = np.memmap(self.path, "<f4", "r+", shape=self.shape)
                    pixels[half] = window[: half[0].stop - half[0].start]
                elif process.where in ("written", "after"):
                    progress = self._progress.read_bytes() if self._progress.exists() else None
                    super().write(box, window)
                    if process.where == "written" and progress is not None:
                        self._progress.write_bytes(progress)
                    elif process.where == "written":
                        self._progress.unlink()
                raise Stopped

        return Breaking(path, shape, ["x", 1])

    def number(self, box):
        starts = [tuple(2 * span.start for span in part.wanted) for part in self.windows]
        return starts.index(tuple(span.start for span in box))

    def read(self, part):
        if self.where == "read" and self.windows.index(part) == self.at:
            raise Stopped
        return part

    def work(self, read, part):
        assert read is part
        number = self.windows.index(part)
        if self.where == "work" and number == self.at:
            raise Stopped
        self.worked.append(number)
        box = tuple(slice(2 * span.start, 2 * span.stop) for span in part.wanted)
        return None if number == EMPTY else [torch.from_numpy(image[box].copy()) for image in self.images]

    def run(self):
        stream.stream(self.windows, self.read, self.work, self.outputs, 2)
        return self

    def assert_done(self):
        for output, image in zip(self.outputs, self.images, strict=True):
            assert output.pixels().tobytes() == image.tobytes() and output.finished == 6


def test_all_windows_are_written_once_and_in_order(tmp_path):
    process = Process(tmp_path).run()
    process.assert_done()
    assert process.worked == list(range(6))


@pytest.mark.parametrize("at", [0, 1, 4, 5])
@pytest.mark.parametrize("where", WHERE)
def test_stopped_anywhere_it_goes_on_where_it_was(tmp_path, where, at):
    with pytest.raises(Stopped):
        Process(tmp_path, at, where).run()
    again = Process(tmp_path).run()
    again.assert_done()
    first = min(again.finished)
    assert first <= at + 1 and first >= at - 1  # the window that was being written while the next was worked on
    assert again.worked == list(range(first, 6))  # nothing finished is worked on again
    if where in ("before", "within", "written"):
        assert again.finished == [at, at]
    elif where == "the other":
        assert again.finished == [at + 1, at]


def test_stopped_again_and_again(tmp_path):
    rng = np.random.default_rng(0)
    starts, stopped = 0, True
    while stopped:
        starts += 1
        first = min(Process(tmp_path).finished)
        process = Process(tmp_path, first + int(rng.integers(3)), str(rng.choice(WHERE)))
        try:
            stopped = process.run() is None
        except Stopped:
            continue
    process.assert_done()
    assert 3 < starts < 100


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    return fuse(made(**EVERYTHING), tmp_path_factory.mktemp("whole"), uncertainty=True)


@pytest.mark.parametrize(
    ("name", "at", "left"),
    [("write", 2, 4), ("consistent", 3, 2), ("write_image", 2, 0)],
)
def test_a_fusion_that_was_stopped_ends_with_the_same_bits(tmp_path, monkeypatch, expected, name, at, left):
    """Two outputs; ``left``: windows still to be worked on."""
    fitted = made(**EVERYTHING)
    interrupted(monkeypatch, PartialImage if name == "write" else fuser if name == "consistent" else stream, name, at)
    with pytest.raises(Stopped):
        fuse(fitted, tmp_path / "stopped", uncertainty=True)
    assert not (tmp_path / "stopped" / "uncertainty.npy").exists()
    monkeypatch.undo()
    worked = interrupted(monkeypatch, fuser, "consistent", None)
    actual = fuse(fitted, tmp_path / "stopped", uncertainty=True)
    assert len(worked) == left
    for image, uninterrupted in zip(actual, expected, strict=True):
        assert image.numpy().tobytes() == uninterrupted.numpy().tobytes()
    assert {path.name for path in (tmp_path / "stopped").iterdir()} == {"fused.npy", "uncertainty.npy"}


@pytest.mark.parametrize("changed", ["fingerprint", "limit", "fill_bands", None])
def test_what_other_settings_left_is_not_gone_on_with(tmp_path, monkeypatch, changed):
    fitted = made(**EVERYTHING)
    before = {"fingerprint": [1], "limit": 1, "fill_bands": "all"}
    after = before | {"fingerprint": [2], "limit": 1 << 40, "fill_bands": None} if changed else before
    after = {key: after[key] if key == changed else value for key, value in before.items()}
    interrupted(monkeypatch, PartialImage, "write", 4)
    with pytest.raises(Stopped):
        fuse(fitted, tmp_path, refine=False, **before)
    monkeypatch.undo()
    written = interrupted(monkeypatch, PartialImage, "write", None)
    (actual,) = fuse(fitted, tmp_path, refine=False, **after)
    assert len(written) == {None: 1, "limit": 1}.get(changed, 4)
    (expected,) = fuse(fitted, tmp_path / "new", refine=False, **after)
    assert actual.numpy().tobytes() == expected.numpy().tobytes()
