"""Files appear whole or not at all, and bad ones are refused in one line."""

import pytest

from udaln.errors import InputError
from udaln.files import atomically, reading, remove_unfinished, scratch_folder


def test_the_file_appears_at_the_end_only(tmp_path):
    path = tmp_path / "new" / "x.bin"
    with atomically(path) as temporary:
        temporary.write_bytes(b"whole")
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_what_was_there(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="midway"), atomically(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise RuntimeError("midway")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_was_writing_is_removed(tmp_path):
    files = ("fused.tif", "fused.tif.progress", "epoch=3.ckpt", "README", ".a.abc.txt", ".bashrc", ".a.0123456.txt")
    writing = [atomically(tmp_path / name) for name in files]
    for name, one in zip(files, writing, strict=True):
        (tmp_path / name).write_bytes(b"whole")
        one.__enter__().write_bytes(b"half")  # and it never ends
    scratch = scratch_folder(tmp_path / "fused.tif")
    (scratch.__enter__() / "planes.tif").write_bytes(b"half")
    assert len(list(tmp_path.iterdir())) == 2 * len(files) + 1
    remove_unfinished(tmp_path / "fused.tif")
    assert len(list(tmp_path.iterdir())) == 2 * len(files) - 1
    remove_unfinished(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == dict.fromkeys(files, b"whole")


def test_places_that_cannot_be_written_are_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file" / "x.bin"):
        with pytest.raises(InputError, match="cannot be written"), atomically(path):
            pytest.fail("the block must not run")


def test_reading_names_the_file_and_the_reason_in_one_line(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    with pytest.raises(InputError) as caught, reading(path, key="dataset.psf"):
        raise IndexError("first\n  second")
    assert str(caught.value) == f"dataset.psf: {path}: cannot be read: first second"
    with pytest.raises(InputError) as caught, reading(path, key="dataset.psf"):
        raise EOFError
    assert str(caught.value) == f"dataset.psf: {path}: cannot be read: EOFError"


def test_reading_lets_a_clear_message_through(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=r"^already clear$"), reading(path, key="dataset.psf"):
        raise InputError("already clear")
