"""A world of K classes, each a Gaussian on the line: an image is a number, a caption is the name of a class.

Item i of a split is a pure function of (seed, split, i), so every machine draws the same bytes. A split is drawn
whole at its first use: steps read a few items of it thousands of times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from scipy.special import ndtri

from benchmarks.seeds import sample_seeds, uniform
from datamodules.scenes.oracle import UNREADABLE, Readings, Truth

SIZES: dict[str, int] = {
    "train": 1024,
    "prompts": 2048,
    "reserve": 2048,
    "judge": 512,
    "scorer": 512,
    "evaluation": 512,
    "floor": 512,
}


def class_names(classes: int) -> tuple[str, ...]:
    """Return the captions of this world: ("c0", "c1", ...)."""
    return tuple(f"c{k}" for k in range(classes))


def class_shares(classes: int, zipf: float = 1.0, probabilities: Sequence[float] | None = None) -> np.ndarray:
    """Return the (K,) float64 shares of the classes, summing to one.

    Args:
        classes: K >= 1.
        zipf: Share of class k is proportional to (k + 1) ** -zipf; 0 = uniform.
        probabilities: The K shares themselves, up to a factor, instead.

    Raises:
        ValueError: When the numbers are no distribution over K classes.
    """
    if classes < 1:
        raise ValueError(f"classes: found {classes}; allowed: 1 or more")
    shares = np.arange(1, classes + 1, dtype=np.float64) ** -zipf
    if probabilities is not None:
        shares = np.asarray(probabilities, dtype=np.float64)
    if shares.shape != (classes,) or not np.isfinite(shares).all() or shares.min() < 0 or shares.sum() <= 0:
        raise ValueError(
            f"probabilities: found {probabilities}; allowed: {classes} shares, none negative, not all zero"
        )
    return shares / shares.sum()


def class_moments(classes: int, spacing: float, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the true (K,) means, spacing * k, and the (K,) variances, sigma ** 2.

    Raises:
        ValueError: When sigma is not positive or spacing is negative.
    """
    if not sigma > 0 or not spacing >= 0:
        raise ValueError(f"spacing, sigma: found {spacing}, {sigma}; allowed: spacing >= 0 and sigma > 0")
    return spacing * np.arange(classes, dtype=np.float64), np.full(classes, float(sigma) ** 2)


def normal(seeds: np.ndarray) -> np.ndarray:
    """Return one standard normal float64 per uint64 seed, by the inverse distribution function."""
    return ndtri(uniform(seeds))


def draw_classes(shares: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Return (n,) int64 classes by inverting the distribution function of ``shares`` (K,) at ``u`` (n,)."""
    edges = np.cumsum(shares)
    # Against a sum one rounding below 1: the last class with a share takes the rest.
    last = int(np.flatnonzero(shares)[-1])
    return np.minimum(np.searchsorted(edges, u * edges[-1], side="right"), last)


class AnalyticData:
    """The data set.

    Args:
        classes: K, the number of classes.
        zipf: Exponent of the long tail of class shares; 0 = uniform.
        probabilities: Class shares instead of a Zipf law.
        spacing: Distance between the means of neighbouring classes.
        sigma: Standard deviation within every class.
        seed: Of the data; every split depends on it.
        sizes: Number of items by split, over the defaults in ``SIZES``.

    Raises:
        ValueError: When an argument is out of range or a split is unknown.
    """

    name: ClassVar[str] = "analytic_data"
    version: ClassVar[int] = 1

    def __init__(
        self,
        classes: int = 1,
        zipf: float = 1.0,
        probabilities: Sequence[float] | None = None,
        spacing: float = 8.0,
        sigma: float = 1.0,
        seed: int = 0,
        sizes: dict[str, int] | None = None,
    ) -> None:
        unknown = sorted(set(sizes or {}) - set(SIZES))
        if unknown:
            raise ValueError(f"sizes: unknown split {unknown[0]!r}; allowed: {', '.join(SIZES)}")
        self.sizes = SIZES | dict(sizes or {})
        self.seed = seed
        self.shares = class_shares(classes, zipf, probabilities)
        self.means, self.variances = class_moments(classes, spacing, sigma)
        self.names = class_names(classes)
        self._stream = {split: _stream(seed, split) for split in self.sizes}
        self._splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def identity(self) -> dict[str, object]:
        """What the drawn bytes depend on; two ways of writing the same shares are the same data."""
        return {
            "shares": self.shares.tolist(),
            "means": self.means.tolist(),
            "variances": self.variances.tolist(),
            "seed": self.seed,
            "sizes": self.sizes,
        }

    def images(self, split: str, index: np.ndarray) -> np.ndarray:
        """Return (n,) float64 images."""
        index = self._checked(split, index)
        return self._drawn(split)[1][index]

    def captions(self, split: str, index: np.ndarray) -> list[tuple[str, ...]]:
        """Return six captions an image, all of them the name of its class."""
        six = [(name,) * 6 for name in self.names]
        return [six[k] for k in self.classes(split, index).tolist()]

    def attributes(self, split: str, index: np.ndarray) -> list[Truth]:
        """Return the truth of each item: {"class": (name,)}."""
        truths: list[Truth] = [{"class": (name,)} for name in self.names]
        return [truths[k] for k in self.classes(split, index).tolist()]

    def classes(self, split: str, index: np.ndarray) -> np.ndarray:
        """Return the (n,) int64 class of each item."""
        index = self._checked(split, index)
        return self._drawn(split)[0][index]

    def _drawn(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the classes and images of a whole split."""
        if split not in self._splits:
            items = np.arange(self.sizes[split])
            classes = draw_classes(self.shares, uniform(sample_seeds(self._stream[split], items, 0)))
            noise = normal(sample_seeds(self._stream[split], items, 1))
            self._splits[split] = classes, self.means[classes] + np.sqrt(self.variances[classes]) * noise
        return self._splits[split]

    @cached_property
    def oracle(self) -> ClassOracle:
        """Reader of captions and images that knows the true classes."""
        return ClassOracle(self.names, self.shares, self.means)

    def _checked(self, split: str, index: np.ndarray) -> np.ndarray:
        if split not in self.sizes:
            raise KeyError(f"unknown split {split!r}: a split is one of {', '.join(self.sizes)}")
        index = np.atleast_1d(np.asarray(index, dtype=np.int64))
        if index.size and not (index.min() >= 0 and index.max() < self.sizes[split]):
            raise IndexError(f"items of {split!r} are numbered 0 to {self.sizes[split] - 1}")
        return index


class ClassOracle:
    """Reads the class of a caption by its name, and of an image by the nearest true mean; never raises.

    Args:
        names: K class names.
        shares: (K,) true shares.
        means: (K,) true means.
    """

    attributes: tuple[str, ...] = ("class",)

    def __init__(self, names: tuple[str, ...], shares: np.ndarray, means: np.ndarray) -> None:
        self.names, self.shares, self.means = names, shares, means

    def read_captions(self, captions: Sequence[str]) -> Readings:
        """Return the named classes, "?" for text that names none."""
        known = set(self.names)
        return self._readings([caption if caption in known else UNREADABLE for caption in captions])

    def read_images(self, images: np.ndarray) -> Readings:
        """Return the class with the nearest true mean, "?" for a number that is not finite."""
        images = np.asarray(images, dtype=np.float64)
        nearest = np.abs(np.nan_to_num(images)[:, None] - self.means).argmin(1)
        finite = np.isfinite(images)
        return self._readings([self.names[k] if ok else UNREADABLE for k, ok in zip(nearest, finite, strict=True)])

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return the true share of each class."""
        return {"class": dict(zip(self.names, self.shares.tolist(), strict=True))}

    def tail(self, attribute: str) -> tuple[str, ...]:
        """Return the rarest third of the classes (one at least), the rarest first; of equals the later."""
        count = -(-len(self.names) // 3)
        order = sorted(range(len(self.names)), key=lambda k: (self.shares[k], -k))
        return tuple(self.names[k] for k in order[:count])

    @staticmethod
    def _readings(names: list[str]) -> Readings:
        values = np.empty((len(names), 1), dtype=object)
        values[:, 0] = names
        return Readings({"class": values})


def class_indices(captions: Sequence[str], classes: int) -> np.ndarray:
    """Return the (n,) int64 classes that ``captions`` name.

    Raises:
        ValueError: When a caption names none of the K classes.
    """
    index = {name: k for k, name in enumerate(class_names(classes))}
    try:
        return np.fromiter((index[caption] for caption in captions), dtype=np.int64, count=len(captions))
    except KeyError as error:
        raise ValueError(f"caption {error.args[0]!r} names none of the classes c0 to c{classes - 1}") from None


def _stream(seed: int, split: str) -> int:
    digest = hashlib.sha256(f"analytic/{seed}/{split}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
