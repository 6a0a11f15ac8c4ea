"""Judge and scorer: shapes, batches, saving, training."""

import numpy as np
import pytest

from lightning_modules.fitting import runner
from lightning_modules.settings import FitSettings
from tests.lightning_modules.conftest import JUDGES, make_judge


@pytest.fixture(params=JUDGES)
def judge(request, scenes):
    return make_judge(request.param, scenes)


def test_embeddings(judge, pairs, tmp_path):
    seen, read = judge.embed_images(pairs.images), judge.embed_texts(pairs.captions)
    assert seen.shape == read.shape == (12, 64)
    assert seen.dtype == read.dtype == np.float32
    assert np.linalg.norm(seen, axis=1).std() > 0, "projections must not be normalised"
    judge.save(tmp_path)
    again = type(judge).load(tmp_path)
    np.testing.assert_array_equal(again.embed_images(pairs.images), seen)
    again.batch_size = 5
    np.testing.assert_allclose(again.embed_images(pairs.images), seen, atol=1e-5)
    np.testing.assert_allclose(again.embed_texts(pairs.captions), read, atol=1e-5)
    assert judge.embed_texts([]).shape == (0, 64)
    assert np.isfinite(judge.embed_texts([""])).all()


def test_contrast_is_learned(judge, pairs):
    data = judge.encode(pairs.images, pairs.captions)
    losses = runner.fit(judge, data, FitSettings(30, 5e-3, 12), seed=0).losses
    assert losses[-1] < losses[0] - 0.3


def test_equal_captions_are_no_contrast(judge, pairs):
    """A batch of one caption only has nothing to tell apart."""
    data = judge.encode(pairs.images[:4], [pairs.captions[0]] * 4)
    assert judge.losses(data, FitSettings(1, 1e-3))[0].abs().max() < 1e-5
