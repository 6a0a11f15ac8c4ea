"""Flickr30k as downloaded: by Karpathy's list (arXiv 1412.2306), or by the token file of its authors (TACL 2014)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from datamodules.coco import karpathy
from datamodules.entries import ListedItem
from datamodules.ids import below
from datamodules.listed import Listed, parts_of
from datamodules.reading import lines, shown

_IMAGES = "flickr30k-images"
_TOKENS = "results_20130124.token"


class Flickr30k(Listed):
    """Flickr30k split by Karpathy's file. See `Listed` for the arguments.

    The folder holds `dataset_flickr30k.json` and `flickr30k-images/`. Evaluation items come from Karpathy's test part,
    floor items from his val part, all others from train.
    """

    name: ClassVar[str] = "flickr30k"
    version: ClassVar[int] = 1
    parts: ClassVar[dict[str, tuple[str, ...]]] = parts_of(("train",), evaluation="test", floor="val")
    needs = ("dataset_flickr30k.json", _IMAGES)
    published: ClassVar[dict[str, int]] = {"train": 29_000, "val": 1_014, "test": 1_000}

    def entries(self) -> Iterator[ListedItem]:
        """Yield the images of Karpathy's file."""
        return karpathy(self.root / "dataset_flickr30k.json", _IMAGES, "filename", self.published)


class Flickr30kTokens(Listed):
    """Flickr30k by `results_20130124.token`, which has no parts: all splits are drawn from all images.

    See `Listed` for the arguments. The folder holds the token file and `flickr30k-images/`.
    """

    name: ClassVar[str] = "flickr30k_tokens"
    version: ClassVar[int] = 1
    needs = (_TOKENS, _IMAGES)
    published: ClassVar[dict[str, int]] = {"": 31_783}

    def entries(self) -> Iterator[ListedItem]:
        """Yield the images of the token file: lines of image#number, a tab, a caption."""
        texts: dict[str, list[tuple[int, str]]] = {}
        file = self.root / _TOKENS
        for where, line in lines(file):
            name, tab, text = line.partition("\t")
            image, mark, turn = name.rpartition("#")
            if not (tab and mark and turn.isascii() and turn.isdecimal() and len(turn) < 10):
                raise ValueError(f"{where}: found {shown(line)}; allowed: image.jpg#0, a tab, a caption")
            texts.setdefault(below(image, where, _IMAGES), []).append((int(turn), text))
        for place, said in texts.items():
            yield ListedItem(place.removeprefix(f"{_IMAGES}/"), tuple(text for _, text in sorted(said)), place)
