"""The verdict on a pair, and on what was given of it."""

import made_up
import numpy as np
import pytest

import udaln
from udaln.trust.verdict import Level


def verdict(scene, **options):
    arrays = scene.lr_hsi.numpy(), scene.hr_msi.numpy()
    return udaln.fuse(*arrays, support=scene.support.numpy(), progress=False, **options).verdict


def test_a_right_psf_is_no_fault():
    scene = made_up.scene(96, snr_hsi=40, snr_msi=40)
    assert verdict(scene).level is Level.fit
    assert verdict(scene, psf=scene.truth.psf.numpy()).level is Level.fit


@pytest.mark.parametrize("fault", ["psf", "shift"])
def test_what_was_given_wrongly_is_told(fault):
    if fault == "psf":
        point = np.zeros((4, 4))
        point[0, 0] = 1
        told = verdict(made_up.unlike((20, 20), snr_hsi=40, snr_msi=40), psf=point)
    else:
        told = verdict(made_up.unlike((20, 20), shift=(2.0, -3.0), snr_hsi=40, snr_msi=40), instruments="alike")
    assert told.level is not Level.fit and "times the error of an estimated one" in str(told)
