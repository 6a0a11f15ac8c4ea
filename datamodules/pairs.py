"""Image-caption pairs with their provenance: what every training pool is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from datamodules import pairs_folder
from datamodules.images import joined, taken

_ARRAYS = {"ids": np.int64, "origin": np.int16, "weights": np.float32, "draw": np.int16, "seeds": np.uint64,
           "heights": np.int32, "widths": np.int32}  # fmt: skip
_TEXTS = ("captions", "prompts", "source")


@dataclass(frozen=True)
class Pairs:
    """n (image, caption) pairs with provenance.

    Attributes:
        ids: (n,) int64, item numbers of the split that the pairs came from.
        images: (n, H, W, 3) uint8, or (n,) float64 in the analytic testbed. Pictures that lie in files are decoded as
            they are asked for (`datamodules.images.Images`): they read like an array, and `np.asarray` makes one.
        captions: n texts, "" where there is none yet.
        prompts: n texts that the images were drawn from, "" where the image is real.
        origin: (n,) int16, 0 for a real pair, t for one made in iteration t.
        weights: (n,) float32 weights in the loss, finite and not negative; None means all one.
        draw: (n,) int16, which of several draws for one id this is; None means one draw each.
        source: n names of the models that made the pair, in the order in which they worked, "" where it is real; None
            means not known. For people: what a pair is does not hang on it.
        seeds: (n,) uint64 seeds that the models' random numbers of each pair came from: the image's where one was
            drawn, else the caption's; None means none.
        heights: (n,) int32 heights of the pictures in pixels before they were scaled and cut to what they are here,
            0 where they were made as they are; None means not told.
        widths: (n,) int32 widths, likewise.

    Raises:
        ValueError: if a length, shape, dtype or weight is not as above.
    """

    ids: np.ndarray
    images: Any
    captions: tuple[str, ...]
    prompts: tuple[str, ...]
    origin: np.ndarray
    weights: np.ndarray | None = None
    draw: np.ndarray | None = None
    source: tuple[str, ...] | None = None
    seeds: np.ndarray | None = None
    heights: np.ndarray | None = None
    widths: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name, dtype in _ARRAYS.items():
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _as(dtype, np.asarray(value), name))
        for name in _TEXTS:
            if (texts := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(texts))
        for name in (*_ARRAYS, *_TEXTS):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.images):
                raise ValueError(f"{len(self.images)} images, but {len(value)} {name}")
        pictures = self.images.ndim == 4 and self.images.shape[3] == 3 and self.images.dtype == np.uint8
        if not pictures and not (self.images.ndim == 1 and self.images.dtype == np.float64):
            raise ValueError(
                f"images must be (n, H, W, 3) uint8 or (n,) float64, not {self.images.shape} {self.images.dtype}"
            )
        if self.weights is not None and not (np.isfinite(self.weights) & (self.weights >= 0)).all():
            raise ValueError("weights must be finite and not negative")

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray | Sequence[int]) -> Pairs:
        """Return the pairs at some positions (or where a boolean mask holds), in that order."""
        index = np.asarray(index)
        rows = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        if index.dtype == bool and len(index) != len(self):
            raise ValueError(f"a mask of {len(index)} for {len(self)} pairs")
        changes: dict[str, Any] = {"images": taken(self.images, rows)}
        for name in _TEXTS:
            texts = getattr(self, name)
            changes[name] = None if texts is None else tuple(texts[row] for row in rows.tolist())
        for name in _ARRAYS:
            value = getattr(self, name)
            changes[name] = None if value is None else value[rows]
        return replace(self, **changes)

    def with_(self, **changes: Any) -> Pairs:
        """Return the pairs with some fields replaced, checked again."""
        return replace(self, **changes)

    @staticmethod
    def concat(parts: Sequence[Pairs]) -> Pairs:
        """Join pools in order.

        Weights, draw numbers, sources and seeds missing in some parts only count as one, zero, "" and zero there.

        Raises:
            ValueError: without parts, or if their images differ in shape.
        """
        if not parts:
            raise ValueError("concat needs at least one part")
        if len({part.images.shape[1:] for part in parts}) > 1:
            raise ValueError(f"images differ in shape: {[part.images.shape[1:] for part in parts]}")
        return Pairs(
            images=joined([part.images for part in parts]),
            **{name: _joined(name, parts, np.array([""], object)) for name in _TEXTS},
            **{name: _joined(name, parts, np.array([name == "weights"], kind)) for name, kind in _ARRAYS.items()},
        )

    def save(self, folder: Path) -> None:
        """Write into a folder, made if needed; pictures that lie in files are linked (`datamodules.pairs_folder`)."""
        folder.mkdir(parents=True, exist_ok=True)
        pairs_folder.save(folder, self.images, self._fields)

    def export(self, file: Path) -> None:
        """Write one Parquet file that holds the pictures too, wherever they lie, and that `datasets` opens."""
        pairs_folder.write(file, self.images, self._fields)

    @classmethod
    def load(cls, folder: Path, check: Callable[[str], object] | None = None) -> Pairs:
        """Read what `save` wrote, equal to the last bit; a FileNotFoundError if it is missing, else a ValueError.

        Pictures are read when they are asked for, files that hold them after `check` was called with their name.
        """
        images, fields = pairs_folder.load(folder, check)
        return cls(images=images, **fields)

    def written(self, file: Path, images: Iterable[np.ndarray]) -> Pairs:
        """Return the pairs with images that come part by part and go to a file at once; `save` takes that file over."""
        return self.with_(images=pairs_folder.spooled(file, images, self._fields))

    def gathered(self, folder: Path) -> Pairs:
        """Return the pairs with all pictures in one file of a folder, as they are; `save` takes that file over."""
        return self.with_(images=pairs_folder.gathered(folder / pairs_folder.FILE, self.images, self._fields))

    @property
    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in (*_TEXTS, *_ARRAYS)}

    #: Names of the files in a folder that `load` does not read.
    deferred = staticmethod(pairs_folder.deferred)


def _as(dtype: type, value: np.ndarray, name: str) -> np.ndarray:
    """Casts, refusing what is not a vector or would lose its integer values."""
    cast: np.ndarray = value.astype(dtype)
    lossy = value.dtype != cast.dtype and np.issubdtype(dtype, np.integer) and not np.array_equal(cast, value)
    if value.ndim != 1 or lossy:
        raise ValueError(f"{name} must be a vector of {np.dtype(dtype)}, not {value.dtype} {value.shape}")
    return cast


def _joined(name: str, parts: Sequence[Pairs], missing: np.ndarray) -> Any:
    values = [getattr(part, name) for part in parts]
    if all(value is None for value in values):
        return None
    filled = [missing.repeat(len(part)) if value is None else value for value, part in zip(values, parts, strict=True)]
    return tuple(text for value in filled for text in value) if name in _TEXTS else np.concatenate(filled)
