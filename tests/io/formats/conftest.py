"""What the tests of the readers share."""

import numpy as np
import pytest

from udaln.errors import InputError
from udaln.io.formats import open_image

KEY = "dataset.lr_hsi"


@pytest.fixture
def whole():
    """The image at a path, closed, and all of its values."""

    def read(path, variable=None, **how):
        with open_image(path, variable, key=KEY, **how) as image:
            return image, image.whole()

    return read


@pytest.fixture
def refused():
    """The one line that refuses a path, at the opening or the first reading."""

    def line(path, variable=None, **how):
        with pytest.raises(InputError) as caught, open_image(path, variable, key=KEY, **how) as image:
            image.whole()
        assert str(caught.value).startswith("dataset.")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return line


@pytest.fixture
def cut_short(refused):
    """Checks that a file, cut at some lengths from 0 on, is refused, or read as it was if no value is lost."""

    def check(path, product=None, lengths=20, **how):
        product, data = product or path, path.read_bytes()
        with open_image(product, key=KEY, **how) as image:
            expected = image.whole()
        for length in np.linspace(0, len(data) - 1, lengths, dtype=int):
            path.write_bytes(data[:length])
            try:
                with open_image(product, key=KEY, **how) as image:
                    np.testing.assert_array_equal(image.whole(), expected)
            except InputError as error:
                assert str(error).startswith(f"{KEY}: {path}: ")
                assert "\n" not in str(error)
            else:
                assert length > len(data) / 2, "nothing can be left of the half of a file"
        path.write_bytes(data)

    return check
