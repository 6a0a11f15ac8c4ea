"""A scorer, a detector and methods for `triggered` on the analytic testbed."""

from typing import ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from datamodules.pairs import Pairs


class Scorer:
    """Embeds numbers as themselves and class names as their numbers."""

    version = 1

    def embed_images(self, images):
        return np.stack([images, images**2], 1).astype(np.float32)

    def embed_texts(self, texts):
        return np.array([[float(t[1:])] for t in texts], np.float32)


class At:
    """Fires at one iteration, and not again."""

    def __init__(self, iteration):
        self.iteration, self.limit = iteration, 0.5

    def values(self, scores, real):
        assert len(scores) == len(real)
        return [float(t == self.iteration) for t in range(1, len(scores) + 1)]


class All(Mitigation):
    """Change something in every hook."""

    reads: ClassVar[dict[str, tuple[str, ...]]] = {
        "curate": ("new", "real"),
        "relabel": ("base",),
        "merge": ("base",),
        "auxiliary": ("base",),
        "sampling": ("auxiliary",),
    }

    def prompts(self, ctx):
        return ctx.prompts[::-1]

    def sampling(self, ctx):
        assert all(model.means.shape for model in ctx.auxiliary.values() if hasattr(model, "means"))
        return ctx.decoding

    def relabel(self, ctx):
        return ctx.caption(ctx.base)

    def curate(self, ctx):
        half = len(ctx.new) // 2
        return Pairs.concat([ctx.new.take(range(half)), ctx.real[-1].take(range(half, len(ctx.new)))])

    def auxiliary(self, ctx):
        return ctx.base

    def merge(self, ctx):
        return ctx.new_model


class Twice(Mitigation):
    """Draw two candidates a prompt and keep the second."""

    oversample = 2
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("new",)}

    def curate(self, ctx):
        return ctx.new.take(np.flatnonzero(ctx.new.draw == 1))
