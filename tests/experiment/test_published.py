"""The authors' checkpoint becomes ours, weight for weight."""

import re
import runpy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from places import SCRIPTS, SHARED

from udaln.errors import InputError
from udaln.experiment.model_file import load_model
from udaln.experiment.published import SPADNET, SPEDNET, SPEUNET, read_published
from udaln.io.srf_files import read_srf
from udaln.physics.srf import support

SCRIPT = SCRIPTS / "import_published.py"
PUBLISHED = SHARED / "published_checkpoint"
BANDS, SIDE = 9, 3
COVERED = [range(0, 4), range(2, 9)]  # by each MSI band of the made-up checkpoint


@pytest.fixture
def made_up(tmp_path):
    """A checkpoint of the published layout, with a hole inside one band's response, as real tables have."""
    torch.manual_seed(0)
    widths = [2, 4, 8, BANDS]
    torch.save({"psf.weight": torch.rand(1, 1, SIDE, SIDE)}, tmp_path / SPADNET)
    sped = {f"conv2d_list.{j}.weight": torch.rand(1, len(covered), 1, 1) for j, covered in enumerate(COVERED)}
    torch.save(sped, tmp_path / SPEDNET)
    speu = {}
    for i in range(3):
        speu[f"sequential.{2 * i}.weight"] = torch.randn(widths[i + 1], widths[i], 1, 1)
        speu[f"sequential.{2 * i}.bias"] = torch.randn(widths[i + 1])
    torch.save(speu, tmp_path / SPEUNET)
    table = np.zeros((BANDS, 2))
    for j, covered in enumerate(COVERED):
        table[covered, j] = 0.5
    table[5, 1] = 0
    np.save(tmp_path / "srf.npy", table)
    return tmp_path


@pytest.fixture
def published():
    if not PUBLISHED.is_dir():
        pytest.skip("the published checkpoint is not beside the repository, in ../shared/data")
    return PUBLISHED


def raw(folder, name):
    return list(torch.load(folder / name, map_location="cpu", weights_only=True).values())


def raw_speunet(folder, image):
    """The published SpeUnet as it was written: 1×1 convolutions on a channels-first image."""
    layers = raw(folder, SPEUNET)
    features = image.permute(2, 0, 1)[None]
    for weight, bias in zip(layers[::2], layers[1::2], strict=True):
        features = F.leaky_relu(F.conv2d(features, weight, bias), 0.2)
    return features[0].permute(1, 2, 0)


def check_all_three(folder, networks):
    """Each network does what the published one does, written from its description."""
    torch.manual_seed(1)
    bands, msi_bands = networks.sped.support.shape
    side = networks.degradation.kernel_size
    hr_msi = torch.rand(2 * side, 3 * side, msi_bands)
    torch.testing.assert_close(networks.map(hr_msi), raw_speunet(folder, hr_msi))

    spectra = torch.rand(5, bands)
    expected = []
    for band, weights in enumerate(raw(folder, SPEDNET)):
        seen = spectra[:, networks.sped.support[:, band]].double()
        weights = weights.flatten().double()
        expected.append(seen @ weights / weights.sum())
    torch.testing.assert_close(networks.sped(spectra), torch.stack(expected, 1).float(), rtol=1e-3, atol=1e-4)

    (psf,) = raw(folder, SPADNET)
    window = hr_msi[:side, :side]
    blurred = networks.spad(window.reshape(1, side**2, msi_bands))[0]
    torch.testing.assert_close(blurred, torch.einsum("ijb,ij->b", window, psf[0, 0]))


def test_a_checkpoint_of_the_published_layout(made_up):
    networks = read_published(made_up, made_up / "srf.npy")
    assert networks.degradation.scale == networks.degradation.kernel_size == SIDE
    for band, covered in enumerate(COVERED):
        assert networks.sped.support[:, band].nonzero().flatten().tolist() == list(covered)
    check_all_three(made_up, networks)


def test_the_published_checkpoint(published):
    networks = read_published(published)
    assert networks.degradation.scale == 5
    assert networks.sped.support.shape == (46, 8)
    check_all_three(published, networks)


def test_the_published_log_prints_the_same_psf_and_srf(published):
    networks = read_published(published)
    last = (published / "precision.txt").read_text().split("results in Stage 3")[1]
    psf = last.split("estimated PSF:")[1].split("device")[0]
    np.testing.assert_allclose(networks.spad.psf.flatten(), numbers(psf), atol=5.1e-5)  # printed with 4 digits

    arrays = re.findall(r"array\(\[(.*?)\]", last.split("estimated SRF:")[1].split("true SRF:")[0], re.DOTALL)
    assert len(arrays) == 8
    srf, covered = networks.sped.srf.detach(), networks.sped.support
    assert not srf[~covered].any()
    for band, printed in enumerate(arrays):
        np.testing.assert_allclose(srf[covered[:, band], band], numbers(printed), atol=5e-5)


def test_what_the_published_table_covers_is_what_the_log_calls_true(published):
    last = (published / "precision.txt").read_text().rsplit("true SRF:")[-1]
    table = read_srf(published / "houston18_srf.xls", 46, key="srf")
    arrays = re.findall(r"array\(\[(.*?)\]", last, re.DOTALL)
    for column, covered, printed in zip(table.values.T, support(table).T, arrays, strict=True):
        np.testing.assert_allclose(column[covered] / column.sum(), numbers(printed), atol=1e-6)


def numbers(text):
    return np.array([float(number) for number in re.findall(r"-?\d+\.\d+(?:e[+-]?\d+)?", text)])


def changed(folder, name, **entries):
    """Replace entries of a state dict; None removes one. Double underscores stand for dots."""
    state = torch.load(folder / name, weights_only=True) | {k.replace("__", "."): v for k, v in entries.items()}
    torch.save({key: value for key, value in state.items() if value is not None}, folder / name)


FAULTS = {
    rf"{SPADNET}: no such file": lambda d: (d / SPADNET).unlink(),
    rf"{SPEUNET}: expected a state dict, got something else": lambda d: (d / SPEUNET).write_bytes(b"x"),
    rf"{SPADNET}: expected tensors psf.weight, got psf.weight, bias": lambda d: changed(d, SPADNET, bias=torch.ones(1)),
    rf"{SPADNET}: expected tensors psf.weight, got nothing": lambda d: changed(d, SPADNET, psf__weight=None),
    rf"{SPADNET}: expected a state dict, got one whose psf.weight is of type int": lambda d: changed(
        d, SPADNET, psf__weight=3
    ),
    rf"{SPADNET}: psf.weight: expected 1×1×4×4, got 1×1×5×4": lambda d: changed(
        d, SPADNET, psf__weight=torch.ones(1, 1, 5, 4)
    ),
    rf"{SPADNET}: psf.weight: expected 1×1×1×1, got a number": lambda d: changed(
        d, SPADNET, psf__weight=torch.tensor(1.0)
    ),
    rf"{SPEDNET}: expected tensors conv2d_list.i.weight, got conv2d_list.1.weight": lambda d: changed(
        d, SPEDNET, conv2d_list__0__weight=None
    ),
    rf"{SPEDNET}: conv2d_list.1.weight: expected 1×7×1×1, got 1×6×1×1": lambda d: changed(
        d, SPEDNET, conv2d_list__1__weight=torch.ones(1, 6, 1, 1)
    ),
    rf"{SPEUNET}: expected tensors sequential.i.weight and sequential.i.bias, got sequential.0.weight, ": lambda d: (
        changed(d, SPEUNET, sequential__2__bias=None)
    ),
    rf"{SPEUNET}: sequential.2.weight: expected 8×4×1×1, got 7×4×1×1": lambda d: changed(
        d, SPEUNET, sequential__2__weight=torch.ones(7, 4, 1, 1)
    ),
    rf"{SPEUNET}: expected 6 tensors for these bands, got 8": lambda d: changed(
        d, SPEUNET, sequential__6__weight=torch.ones(9, 9, 1, 1), sequential__6__bias=torch.ones(9)
    ),
    r"srf: .*: expected a row for each of the cube's 9 bands, got 8": lambda d: np.save(d / "srf.npy", np.ones((8, 2))),
    rf"srf: .*: expected 2 MSI bands as in {SPEDNET}, got 3": lambda d: np.save(d / "srf.npy", np.ones((9, 3))),
    r"srf: .*srf.npy: no such file": lambda d: (d / "srf.npy").unlink(),
}


@pytest.mark.parametrize("message", FAULTS)
def test_what_does_not_fit_is_refused_in_one_line(message, made_up):
    FAULTS[message](made_up)
    with pytest.raises(InputError, match=message) as caught:
        read_published(made_up, made_up / "srf.npy")
    assert "\n" not in str(caught.value)


def test_a_folder_must_be_there_and_hold_one_table(made_up):
    with pytest.raises(InputError, match=r"^directory: .*nowhere: no such folder$"):
        read_published(made_up / "nowhere")
    with pytest.raises(InputError, match=r"^srf: expected one .xls in .*, found 0"):
        read_published(made_up)
    for name in ("a.xls", "b.xls"):
        (made_up / name).touch()
    with pytest.raises(InputError, match=r"^srf: expected one .xls in .*, found 2"):
        read_published(made_up)


def test_the_script_writes_our_checkpoint(made_up, monkeypatch, capsys):
    expected = read_published(made_up, made_up / "srf.npy")
    for first in (str(made_up), f"directory={made_up}"):
        out = made_up / "ours" / "model.ckpt"
        monkeypatch.setattr("sys.argv", ["import_published.py", first, f"out={out}", f"srf={made_up / 'srf.npy'}"])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        ours, *_ = load_model(out)
        assert ours.degradation.scale == expected.degradation.scale
        for (name, value), other in zip(ours.state_dict().items(), expected.state_dict().values(), strict=True):
            assert torch.equal(value, other), name
        assert f"{float(expected.spad.psf.sum()):.4f}" in capsys.readouterr().out
        out.unlink()


def test_the_script_says_in_one_line_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["import_published.py", str(tmp_path), f"out={tmp_path / 'ours' / 'model.ckpt'}"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"udaln: directory: {tmp_path / SPADNET}: no such file\n"
    assert not list(tmp_path.iterdir())
