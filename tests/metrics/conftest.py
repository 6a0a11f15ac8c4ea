from __future__ import annotations

import numpy as np
import pytest

from benchmarks.metrics.view import View
from datamodules.scenes.dataset import Scenes


@pytest.fixture(scope="session")
def scenes():
    return Scenes(sizes={"evaluation": 256, "floor": 256, "reserve": 256})


@pytest.fixture(scope="session")
def real(scenes):
    """A real view of 256 evaluation items: caption six against the five references, random features."""
    index = np.arange(256)
    captions = scenes.captions("evaluation", index)
    rng = np.random.default_rng(0)
    return View(
        captions=[texts[5] for texts in captions],
        references=[texts[:5] for texts in captions],
        prompts=[texts[0] for texts in captions],
        images=scenes.images("evaluation", index),
        features=rng.normal(size=(256, 16)),
        real_features=rng.normal(size=(256, 16)),
        real_caption_features=np.random.default_rng(1).normal(size=(256, 16)),
        paired_features=rng.normal(size=(256, 16)),
        reference_features=rng.normal(size=(256, 5, 16)),
        train_features=rng.normal(size=(256, 16)),
        phrase_features={
            "colour": {value: rng.normal(size=(2, 16)) for value in ("red", "blue", "green")},
            "shape": {value: rng.normal(size=(1, 16)) for value in ("ring", "cross")},
        },
        draw_features=rng.normal(size=(64, 4, 16)),
        attributes=scenes.attributes("evaluation", index),
        oracle=scenes.oracle,
        document_frequency=[texts[:5] for texts in scenes.captions("reserve", index)],
    )


@pytest.fixture(scope="session")
def evaluate():
    """Runs a family on one view and returns plain floats."""

    def run(family, *views):
        for view in views:
            family.update(view)
        return {name: float(value) for name, value in family.compute().items()}

    return run
