"""The adapter: the shapes, names and arguments that HyperBench expects."""

import hyperbench_adapter
import made_up
import numpy as np
import pytest

import udaln


def test_a_pair_becomes_an_image_and_what_is_known_is_ignored():
    scene = made_up.scene(size=32)
    hr_msi, lr_hsi = (image.numpy().astype(np.float32) for image in (scene.hr_msi, scene.lr_hsi))
    wrong_psf, wrong_srf = np.eye(9, dtype=np.float32), np.ones((3, 12), np.float32)
    image = hyperbench_adapter.PIPELINE.run_pipeline(
        HR_MSI=hr_msi, LR_HSI=lr_hsi, srf=wrong_srf, psf=wrong_psf, metadata={"case_id": "case_00000"}
    )
    assert image.shape == (32, 32, 12) and image.dtype == np.float32 and np.isfinite(image).all()
    np.testing.assert_array_equal(image, udaln.fuse(lr_hsi, hr_msi, progress=False).image)


def test_hyperbench_finds_the_pipeline():
    adapters = pytest.importorskip("hyperbench.adapters", reason="HyperBench is not installed")
    scene = made_up.scene(size=32)
    adapter = adapters.PipelineAdapter(hyperbench_adapter.PIPELINE, "udaln", add_batch_dim=False)
    inputs = adapters.ReconstructionInputs(lr_hsi=scene.lr_hsi.float().numpy(), hr_msi=scene.hr_msi.float().numpy())
    assert adapter.predict(inputs).shape == (32, 32, 12)
