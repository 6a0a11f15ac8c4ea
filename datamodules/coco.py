"""COCO captions as downloaded: by Karpathy's list (arXiv 1412.2306) over the 2014 folders, or by COCO's own files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from datamodules.entries import ListedItem
from datamodules.ids import below, number
from datamodules.listed import Listed, parts_of
from datamodules.pictures import MAX_PIXELS
from datamodules.reading import few, field, rows_of, shown, texts_of


def karpathy(file: Path, folder: str | None, key: str, parts: Iterable[str]) -> Iterator[ListedItem]:
    """Yield the entries of one of Karpathy's lists, such as `dataset_coco.json`.

    `folder` holds all images, None where each entry names its own; `key` is where an image's id stands, and `parts` are
    the published ones.
    """
    (rows,) = rows_of(file, "images")
    for where, row in rows:
        texts: list[str] = []
        for turn, said in enumerate(_listed(row.get("sentences"), f"{where}: sentences")):
            place = f"{where}: sentence {turn}"
            texts += texts_of(field(said, "raw", place), f"{place}: raw")
        name, within = field(row, "filename", where), folder
        if within is None:
            within = below(field(row, "filepath", where), f"{where}: filepath")
        image = below(name, f"{where}: filename", within)
        one = image.removeprefix(f"{within}/")
        if key != "filename":
            one = number(field(row, key, where), f"{where}: {key}")
        part = field(row, "split", where)
        if part not in list(parts):
            raise ValueError(f"{where}: split: found {shown(part)}; allowed: {', '.join(parts)}")
        yield ListedItem(one, tuple(texts), image, part)


def _listed(value: Any, where: str) -> list[dict[str, Any]]:
    """Return a list of objects, empty where there is none."""
    if value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value)):
        return value or []
    raise ValueError(f"{where}: found {shown(value)}; allowed: a list of objects")


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
        return karpathy(self.root / "dataset_coco.json", None, "cocoid", self.published)


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
        excluded: str | None = None,
        original_sizes: bool = False,
    ) -> None:
        if year not in self.images_of:
            raise ValueError(f"year: found {year!r}; allowed: {', '.join(map(str, self.images_of))}")
        self.year, self.published = year, self.images_of[year]  # type: ignore[misc]
        lists = (f"annotations/captions_train{year}.json", f"annotations/captions_val{year}.json")
        self.needs = (*lists, f"train{year}", f"val{year}")
        super().__init__(root, sizes, resolution, seed, max_pixels, digest, excluded, original_sizes)

    @property
    def identity(self) -> dict[str, Any]:
        """What enters a key."""
        return {**super().identity, "year": self.year}

    def entries(self) -> Iterator[ListedItem]:
        """Yield the images of both files, captions in the order of their annotation ids."""
        for part in ("train", "val"):
            file = self.root / "annotations" / f"captions_{part}{self.year}.json"
            images, notes = rows_of(file, "images", "annotations")
            texts: dict[str, list[tuple[int, str, tuple[str, ...]]]] = {}
            for where, note in notes:
                image, turn = (number(field(note, key, where), f"{where}: {key}") for key in ("image_id", "id"))
                said = texts_of(field(note, "caption", where), f"{where}: caption")
                texts.setdefault(image, []).append((len(turn), turn, said))  # by number: 9 before 10
            listed = set()
            for where, row in images:
                one = number(field(row, "id", where), f"{where}: id")
                place = below(field(row, "file_name", where), f"{where}: file_name", f"{part}{self.year}")
                said = tuple(text for *_, said in sorted(texts.get(one, ())) for text in said)
                listed.add(one)
                yield ListedItem(one, said, place, part)
            if lost := texts.keys() - listed:
                told = f"captions of {len(lost)} images that it does not list ({few(sorted(lost))})"
                self.asides.append(f"{file}: {told}")
