"""What a run tells of itself."""

import logging
from dataclasses import replace

import made_up
import made_up_pairs
import pytest
import torch

from udaln.consistency.fuser import Fuser
from udaln.experiment import report
from udaln.experiment.fusion import Fusion
from udaln.methods.base import Estimate
from udaln.physics.warp import Warp
from udaln.scene import Known


def test_sizes_are_those_of_the_pair_not_of_its_plots():
    scene = made_up.scene()
    assert report.sizes(scene, None, streamed=False) == ["LR-HSI 6×6×12, HR-MSI 24×24×3, scale factor 4"]
    pair = made_up_pairs.numbered((60, 50), 4, notes=("CRS: none", "crop: none"))
    first, *notes = report.sizes(scene, pair, streamed=False)
    assert first == "LR-HSI 60×50×2, HR-MSI 240×200×2, scale factor 4" and notes == ["CRS: none", "crop: none"]
    assert report.sizes(scene, pair, streamed=True)[-1].startswith("trained on plots of 36 LR pixels in all")


def test_what_was_found_of_the_instruments():
    scene = made_up.scene()

    def estimates(model, scene):
        return report.estimates(Fusion(scene, Fuser(model), Estimate(scene.truth.image), scene.truth.image))

    (line,) = estimates(made_up.networks(scene, known=Known(scene.truth.psf)), scene)
    assert line.replace("-0", "+0") == "LR-HSI: +0.00 rows and +0.00 columns [HR pixels] off its place on the HR-MSI"
    moved = replace(scene, shift=(2, -3), resampling_shift=(0.25, 0.0))
    unlike = made_up.networks(scene, known=Known(scene.truth.psf), gain=True, offset=True)
    with torch.no_grad():
        unlike.sped.gain[:] = torch.tensor([1.5, 2.0, 0.25])
    lines = estimates(unlike, moved)
    assert lines[0].startswith("LR-HSI: +2.25 rows and -3.00 columns")
    assert lines[1].startswith("HR-MSI: resampled")
    assert lines[2:] == ["gains of the MSI bands: 1.5 2 0.25", "offsets of the MSI bands: 0 0 0"]


def test_a_shift_that_varies_and_change_are_told():
    scene = made_up.scene()
    fusion = Fusion(scene, Fuser(made_up.networks(scene)), Estimate(scene.truth.image), scene.truth.image)
    assert report.differences(fusion) == []
    changed = torch.zeros(6, 6, dtype=torch.bool)
    changed[2, 3:5] = True
    field = torch.tensor([0.3, -0.4]).double()[:, None, None] * torch.ones(2, 24, 24)
    field[:, :, 12:] *= -1
    warp = Warp(field, scene.hr_msi, None, returns=True)
    varies, change = report.differences(replace(fusion, warp=warp, scene=replace(scene, lr_changed=changed)))
    assert varies.startswith("LR-HSI: its place varies by 0.50 HR pixels")
    assert change.startswith("LR-HSI: 5.6% of its pixels show other ground than the HR-MSI (change, clouds)")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_stops_a_run_is_told_how_it_goes_on(tmp_path, caplog, error):
    log = logging.getLogger("told")
    with pytest.raises(error), report.log_how_to_resume(tmp_path, log):
        raise error
    assert caplog.messages == [f"stopped; go on with: udaln resume={tmp_path}"]
    caplog.clear()
    with pytest.raises(ValueError, match="x"), report.log_how_to_resume(tmp_path, log):
        raise ValueError("x")
    assert not caplog.messages


def test_a_check_that_was_not_made_is_told(caplog):
    report.log_check({}, logging.getLogger("told"))
    assert caplog.messages == ["reduced-resolution check: the LR-HSI is too small for it"]
