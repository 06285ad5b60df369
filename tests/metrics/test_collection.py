"""The torchmetrics classes: means over images and processes, and a collection whose members keep their own states."""

import pytest
import torch

from udaln.metrics import CC, ERGAS, PSNR, RMSE, SAM, UIQI, cc, ergas, fusion_metrics, psnr, rmse, sam, uiqi

SCALE = 3
MEASURES = {
    "psnr": psnr,
    "sam": sam,
    "ergas": lambda reference, fused: ergas(reference, fused, SCALE),
    "cc": cc,
    "uiqi": uiqi,
    "rmse": rmse,
}


def build(name, **kwargs):
    arguments = {"scale": SCALE} if name == "ergas" else {}
    return {"psnr": PSNR, "sam": SAM, "ergas": ERGAS, "cc": CC, "uiqi": UIQI, "rmse": RMSE}[name](**arguments, **kwargs)


def noisy_pair(seed, noise=0.05):
    generator = torch.Generator().manual_seed(seed)
    reference = 0.1 + torch.rand((10, 9, 4), generator=generator)
    return reference, reference + noise * torch.randn(reference.shape, generator=generator)


@pytest.mark.parametrize("name", MEASURES)
def test_mean_over_images(name):
    metric, pairs = build(name), [noisy_pair(1), noisy_pair(2, noise=0.2)]
    for pair in pairs:
        metric.update(*pair)
    expected = [MEASURES[name](*pair).item() for pair in pairs]
    assert metric.compute().item() == pytest.approx(sum(expected) / 2, rel=1e-12)
    metric.reset()
    assert metric(*pairs[1]).item() == pytest.approx(expected[1], rel=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_mean_over_processes_weighs_every_image_alike(name):
    pairs = [noisy_pair(seed, noise=0.05 * seed) for seed in (1, 2, 3)]
    elsewhere = build(name)
    elsewhere.update(*pairs[0])
    states = {state.dtype: state for state in (elsewhere.total, elsewhere.images)}

    def gather(state, group=None):
        return [state, states[state.dtype]]

    here = build(name, dist_sync_fn=gather, distributed_available_fn=lambda: True)
    for pair in pairs[1:]:
        here.update(*pair)
    assert here.compute().item() == pytest.approx(sum(MEASURES[name](*pair).item() for pair in pairs) / 3, rel=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_the_direction_said_to_be_better_is(name):
    good, bad = (MEASURES[name](*noisy_pair(1, noise)) for noise in (0.05, 0.1))
    assert build(name).higher_is_better == bool(good > bad)


def test_settings_reach_the_measure():
    pair = noisy_pair(1)
    assert UIQI(window=4)(*pair) == uiqi(*pair, window=4) != uiqi(*pair)
    assert ERGAS(scale=6)(*pair) == ergas(*pair, scale=6)


def test_collection_has_six_values_of_its_own_in_order():
    pair = noisy_pair(1)
    values = fusion_metrics(SCALE)(*pair)
    assert list(values) == ["psnr", "sam", "ergas", "cc", "uiqi", "rmse"]
    assert values == {name: measure(*pair) for name, measure in MEASURES.items()}
    assert len({value.item() for value in values.values()}) == 6


def test_pixels_without_data_are_left_out():
    reference, fused = noisy_pair(1)
    fused[7:, :, 2] = torch.nan
    values, cropped = (fusion_metrics(SCALE)(*(image[:rows] for image in (reference, fused))) for rows in (None, 7))
    for name, value in values.items():
        if name != "uiqi":
            assert value.item() == pytest.approx(cropped[name].item(), rel=1e-9), name
    assert values["uiqi"].item() == pytest.approx(uiqi(reference, fused).item(), rel=1e-9)


def test_members_with_equal_states_are_not_merged():
    reference, fused = noisy_pair(1)
    metrics = fusion_metrics(SCALE)
    metrics.update(reference, reference)  # now sam, ergas and rmse hold the same states, and so do cc and uiqi
    metrics.update(reference, fused)
    for name, value in metrics.compute().items():
        perfect = MEASURES[name](reference, reference).item()
        assert value.item() == pytest.approx((perfect + MEASURES[name](reference, fused).item()) / 2, rel=1e-9), name


def test_clones_with_a_prefix_keep_the_order():
    assert list(fusion_metrics(SCALE).clone(prefix="fused/")) == [f"fused/{name}" for name in MEASURES]
