"""A set in the place of what a loop makes: the method that a fit on somebody's own pairs is asked with."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import Any, ClassVar

import numpy as np

from benchmarks.methods.hooks import Mitigation
from benchmarks.steps.items import one_each
from datamodules.layouts.dataset import AnySet
from datamodules.pairs import Pairs
from datamodules.pictures import BrokenImage

SPLIT = "prompts"
#: Where no list of what is left out can be.
NOWHERE = os.path.join(os.devnull, "none")


class GivenSet(Mitigation):
    """Train on N pairs of a set of any layout, drawn anew for every seed; pictures that are broken are passed over.

    Args:
        root: Where it lies, as `AnySet` takes it.
        items: Its pairs.
        content: Digest of what it holds; a part of the key, since a path says nothing of that.
        layout: How it lies.
        columns: Which column is what.
    """

    name: ClassVar[str] = "given_set"
    version: ClassVar[int] = 1
    reads: ClassVar[dict[str, tuple[str, ...]]] = {"curate": ("real",)}

    def __init__(
        self, root: str, items: int, content: str, layout: str = "auto", columns: dict[str, str] | None = None
    ) -> None:
        self.root, self.items, self.content, self.layout, self.columns = root, items, content, layout, columns

    def curate(self, ctx: Any) -> Any:
        """Return as many pairs of the set as the real ones are, at their size.

        Raises:
            ValueError: So many pictures are broken that fewer are left.
        """
        real = ctx.real[-1]
        n = len(real)
        seed = int.from_bytes(hashlib.sha256(np.ascontiguousarray(real.ids).tobytes()).digest()[:4], "big")
        side = real.images.shape[1]
        data = AnySet(
            self.root, {SPLIT: self.items}, self.layout, self.columns, resolution=side, seed=seed, excluded=NOWHERE
        )  # what a check has left out was counted among the pairs, and is passed over below where it is broken
        ids, images = [], []
        for i in range(self.items):
            with suppress(BrokenImage):
                images.append(data.images(SPLIT, np.array([i]))[0])
                ids.append(i)
            if len(ids) == n:
                break
        else:
            raise ValueError(f"{self.root}: found {len(ids)} pictures that can be read; allowed: {n} or more")
        captions = tuple(one_each(data.captions(SPLIT, np.array(ids)), seed, np.array(ids)))
        return Pairs(
            ids=np.array(ids), images=np.stack(images), captions=captions, prompts=captions,
            origin=np.ones(n, np.int16),
        )  # fmt: skip
