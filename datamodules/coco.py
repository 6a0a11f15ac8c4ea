"""COCO captions as downloaded: by Karpathy's list (arXiv 1412.2306) over the 2014 folders, or by COCO's own files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from datamodules.listed import Listed, ListedItem, parts_of
from datamodules.pictures import MAX_PIXELS


def read_json(file: Path, key: str) -> Any:
    """Return one list of a JSON file; another file is a ValueError that names it."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))[key]
    except (ValueError, KeyError, TypeError) as error:
        found = f"no JSON object with a list {key!r} ({error!r})"
        raise ValueError(f"{file}: found {found}; allowed: as published") from error


def karpathy(file: Path, folder: str | None, number: str) -> Iterator[ListedItem]:
    """Yield the entries of one of Karpathy's lists, such as `dataset_coco.json`.

    `folder` holds all images, None where each entry names its own; `number` is the key of an image's id.
    """
    for row in read_json(file, "images"):
        texts = tuple(s["raw"] for s in row.get("sentences") or ())
        yield ListedItem(str(row[number]), texts, f"{folder or row['filepath']}/{row['filename']}", row["split"])


class CocoCaptions(Listed):
    """COCO of 2014, split by Karpathy's file. See `Listed` for the arguments.

    The folder holds `dataset_coco.json`, `train2014/` and `val2014/`. Evaluation items come from Karpathy's test part,
    floor items from his val part, all others from train and restval.
    """

    name: ClassVar[str] = "coco_captions"
    version: ClassVar[int] = 2
    parts: ClassVar[dict[str, tuple[str, ...]]] = parts_of(("train", "restval"), evaluation="test", floor="val")
    needs = ("dataset_coco.json", "train2014", "val2014")
    published: ClassVar[dict[str, int]] = {"train": 82_783, "restval": 30_504, "val": 5_000, "test": 5_000}

    def entries(self) -> Iterator[ListedItem]:
        """Yield the images of Karpathy's file."""
        return karpathy(self.root / "dataset_coco.json", None, "cocoid")


class CocoAnnotations(Listed):
    """COCO by its own annotation files. See `Listed` for the other arguments.

    The folder holds `annotations/captions_train<year>.json` and `captions_val<year>.json`, and the image folders
    `train<year>/` and `val<year>/`. Evaluation and floor items come from val, all others from train.

    Args:
        year: 2014 or 2017.
    """

    name: ClassVar[str] = "coco_annotations"
    version: ClassVar[int] = 1
    parts: ClassVar[dict[str, tuple[str, ...]]] = parts_of(("train",), evaluation="val", floor="val")
    images_of: ClassVar[dict[int, dict[str, int]]] = {
        2014: {"train": 82_783, "val": 40_504},
        2017: {"train": 118_287, "val": 5_000},
    }

    def __init__(
        self,
        root: str,
        sizes: dict[str, int],
        year: int = 2017,
        resolution: int = 512,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        digest: str | None = None,
    ) -> None:
        if year not in self.images_of:
            raise ValueError(f"year: found {year!r}; allowed: {', '.join(map(str, self.images_of))}")
        self.year, self.published = year, self.images_of[year]  # type: ignore[misc]
        lists = (f"annotations/captions_train{year}.json", f"annotations/captions_val{year}.json")
        self.needs = (*lists, f"train{year}", f"val{year}")
        super().__init__(root, sizes, resolution, seed, max_pixels, digest)

    @property
    def identity(self) -> dict[str, Any]:
        """What enters a key."""
        return {**super().identity, "year": self.year}

    def entries(self) -> Iterator[ListedItem]:
        """Yield the images of both files, captions in the order of their annotation ids."""
        for part in ("train", "val"):
            file = self.root / "annotations" / f"captions_{part}{self.year}.json"
            texts: dict[int, list[tuple[int, str]]] = {}
            for note in read_json(file, "annotations"):
                texts.setdefault(note["image_id"], []).append((note["id"], note["caption"] or ""))
            for row in read_json(file, "images"):
                said = tuple(text for _, text in sorted(texts.get(row["id"], ())))
                yield ListedItem(str(row["id"]), said, f"{part}{self.year}/{row['file_name']}", part)
