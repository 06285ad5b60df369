"""Archives that cannot be read as they are: refused with what to do."""

import shutil

import pytest


@pytest.mark.parametrize(
    ("names", "holds"),
    [
        (["PRS_L2D_STD_1.he5"], "PRS_L2D_STD_1.he5"),
        (["a/ENMAP01.ZIP", "readme.pdf"], "ENMAP01.ZIP"),
        (["a.tif", "b.tif", "c.tif", "d.tif", "e.tif"], "a.tif, b.tif, c.tif and 2 more"),
        (["readme.pdf"], "no image"),
    ],
)
@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
def test_what_it_holds_is_said(tmp_path, refused, kind, names, holds):
    for name in names:
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_text("x")
    path = shutil.make_archive(tmp_path / "y", kind, tmp_path / "x")
    assert f"is an archive that holds {holds}; unpack it and name the image" in refused(path)


def test_a_part_of_an_archive_is_refused(tmp_path, refused):
    (tmp_path / "x.tif").write_bytes(bytes(5000))
    whole = shutil.make_archive(tmp_path / "y", "zip", tmp_path, "x.tif")
    path = tmp_path / "S2B_MSIL2A.zip"
    with open(whole, "rb") as file:
        path.write_bytes(file.read()[:-30])
    assert refused(path).endswith("cannot be read: it is no archive, or a part of one; download or copy it again")
