"""Pictures with captions that lie in files: a list of entries, drawn into disjoint splits.

A data set of this kind says what its entries are (`entries`) and where a picture's bytes lie (`open`); splits, checks,
conversions and identity are here. Which entry falls into which split depends on its id and the seed alone, never on
the order of files or rows. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import IO, Any, ClassVar, TypeVar

import numpy as np

from datamodules import pictures
from datamodules.arguments import path_of, require_within, sizes_of
from datamodules.entries import ListedItem, sort_out
from datamodules.excluded import EXCLUDED, read_excluded
from datamodules.ids import twins
from datamodules.misfits import enlarged, unused
from datamodules.pictures import MAX_PIXELS, PILLOW_LIMIT, BrokenImage
from datamodules.places import endings, located, there, twice
from datamodules.reading import few, opened, several

T = TypeVar("T")
#: All splits of a data set, each for one use.
SPLITS = ("train", "prompts", "reserve", "judge", "scorer", "evaluation", "floor")


def parts_of(others: tuple[str, ...], evaluation: str, floor: str) -> dict[str, tuple[str, ...]]:
    """Return split -> published parts, given those of evaluation and floor and of all other splits."""
    return {**dict.fromkeys(SPLITS, others), "evaluation": (evaluation,), "floor": (floor,)}


class Listed:
    """Base of the data sets that are read from files.

    Args:
        root: Folder of the data; where it lies is not part of the identity.
        sizes: Items of each split; what is not named has none.
        resolution: Side in pixels of the centre-cropped square that images are scaled to.
        seed: Of the draw of the splits.
        max_pixels: A larger picture is refused before it is decoded.
        excluded: File that says which entries a check left out; None is `excluded.jsonl` below the root.
        original_sizes: Tell how large pictures were before they were scaled, as generators such as SDXL are told.
        digest: Digest of the list that is expected, as `python -m datamodules.check` prints it. With it, plans and
            boards made where the data are not have the same keys as those made beside the data.

    Raises:
        ValueError: When a size or setting is not allowed, a split is larger than what there is, or the list that is
            there has another digest.
    """

    version: ClassVar[int] = 1
    oracle: ClassVar[None] = None
    #: Our split -> the published parts that it draws from. Two splits draw from the same parts, or from disjoint ones.
    parts: ClassVar[dict[str, tuple[str, ...]]] = dict.fromkeys(SPLITS, ("",))
    #: The files and folders below the root that must be there, as glob patterns.
    needs: tuple[str, ...]
    #: Entries of each published part in full, where known.
    published: ClassVar[dict[str, int]] = {}
    #: Whether pictures lie in rows of files, not in files of their own.
    in_rows: ClassVar[bool] = False
    #: Whether entries of one id are one picture, whose captions belong together; else all but one are dropped.
    merges: ClassVar[bool] = False

    def __init__(
        self,
        root: str,
        sizes: dict[str, int],
        resolution: int = 512,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        digest: str | None = None,
        excluded: str | None = None,
        original_sizes: bool = False,
    ) -> None:
        require_within(0, 2**63, seed=seed)
        require_within(1, 16_384, resolution=resolution)
        require_within(1, PILLOW_LIMIT, max_pixels=max_pixels)
        self.root, self.sizes = path_of("root", root, "folder"), sizes_of(sizes, self.parts)
        self.resolution, self.seed, self.max_pixels, self.digest = resolution, seed, max_pixels, digest
        self.original_sizes = original_sizes
        self.excluded_file = self.root / EXCLUDED if excluded is None else path_of("excluded", excluded, "file")
        #: What `entries` has to say beside what it yields: files that are passed over, captions of no image.
        self.asides: list[str] = []
        self._check_sizes(self.published)
        if self.missing() is None:  # the list is there: what it cannot serve is said before anything is planned
            self._check_sizes(Counter(e.part for e in self.listing), self.report())
            if digest is not None and digest != self.found_digest:
                has, allowed = self.found_digest, "the same data, or the digest of these"
                raise ValueError(
                    f"digest: found {digest!r}, but the list in {self.root} has {has!r}; allowed: {allowed}"
                )

    # -- what a data set of this kind says -------------------------------------------------------------------------

    def entries(self) -> Iterable[ListedItem]:
        """Yield the entries as they are listed, unchecked; a list of no sense is a ValueError that names its file."""
        raise NotImplementedError

    def open(self, entry: ListedItem) -> IO[bytes]:
        """Open the picture of an entry; whatever keeps it from being read is an OSError or ValueError."""
        return opened(located(self.root, entry.image))

    @property
    def identity(self) -> dict[str, Any]:
        """What enters a key: what is drawn from, and how. Where it lies is not part of it."""
        known = self.digest or (self.found_digest if self.missing() is None else None)
        drawn = {"sizes": self.sizes, "resolution": self.resolution, "seed": self.seed}
        drawn |= {"original_sizes": True} if self.original_sizes else {}
        return drawn if known is None else {**drawn, "list": known}

    # -- the list ---------------------------------------------------------------------------------------------------

    def missing(self) -> str | None:
        """Say what is not there, and what is there in its place, or None."""
        for name in self.needs:
            if not there(self.root, name):
                allowed = f"a folder with {', '.join(self.needs)}"
                return f"{self.root / name} is missing, {endings(self.root)}; allowed: {allowed}"
        return None

    @cached_property
    def _read(self) -> tuple[list[ListedItem], dict[str, list[str]]]:
        """Return entries with an id of their own and a caption, sorted by id, and the ids of the others by defect."""
        self.asides.clear()
        kept, dropped, together = sort_out(self.entries(), self.in_rows, self.merges)
        if not kept and not any(dropped.values()):
            raise ValueError(f"{self.root}: found no entry in {several(map(repr, self.needs))}; allowed: one or more")
        if together:
            said = f"{len(together)} pictures that several lines name, their captions put together"
            self.asides.append(f"{self.root}: {said} ({few(together)})")
        return kept, dropped

    @property
    def unchecked(self) -> list[ListedItem]:
        """Every entry with an id of its own and a caption, sorted by id."""
        return self._read[0]

    @cached_property
    def listing(self) -> list[ListedItem]:
        """Every entry that can be used, sorted by id: those that no check has left out."""
        out = self.excluded()
        return [e for e in self.unchecked if e.id not in out]

    def excluded(self) -> dict[str, str]:
        """Return id -> defect of the entries that a check has left out; a file that none writes is a ValueError."""
        return read_excluded(self.excluded_file)

    def report(self) -> dict[str, list[str]]:
        """Return the ids that were left out when the list was read, by defect of `DROPPED`; empty ones left out."""
        out = self.excluded()
        found = {**self._read[1], "excluded": [e.id for e in self.unchecked if e.id in out]}
        return {name: ids for name, ids in found.items() if ids}

    def notes(self) -> list[str]:
        """Return one sentence for each thing to know about the data before a run."""
        left = [f"{len(ids)} {name} ({few(ids)})" for name, ids in self.report().items()]
        said = [f"{self.root}: entries left out: {'; '.join(left)}"] if left else []
        if not self.excluded_file.is_file():
            said.append(f"{self.root}: images were never checked; `python -m datamodules.check TESTBED --write` does")
        misfits = unused(self.sizes, len(self.listing))
        misfits += enlarged(self.listing, self.resolution, self.opened, self.max_pixels)
        return said + [f"{self.root}: {misfit}" for misfit in misfits] + self.remarks()

    def remarks(self) -> list[str]:
        """Return one sentence for each thing about the list that may be meant, and may be a mistake."""
        ids = [e.id for e in self.unchecked]  # reads the list, and so fills `asides`
        linked = [] if self.in_rows else twice(self.root, (e.image for e in self.listing))
        said = []
        for what, found in (
            ("images that are one file by links", [f"{one} and {other}" for one, other in linked]),
            ("ids that are alike but for case or zeros", [f"{one} and {other}" for one, other in twins(ids)]),
            (f"ids in {self.excluded_file.name} that no entry has", sorted(self.excluded().keys() - set(ids))),
        ):
            said += [f"{self.root}: {len(found)} {what} ({few(found)})"] if found else []
        return said + self.asides

    @cached_property
    def found_digest(self) -> str:
        """16 hex digits of the list that is there: ids, parts and captions, in the order of the ids."""
        total = hashlib.sha256()
        for e in self.listing:
            total.update(json.dumps([e.id, e.part, e.captions]).encode() + b"\n")
        return total.hexdigest()[:16]

    # -- splits -----------------------------------------------------------------------------------------------------

    def _check_sizes(self, have: dict[str, int], dropped: dict[str, list[str]] | None = None) -> None:
        for parts in dict.fromkeys(self.parts.values()):
            asked = {s: self.sizes[s] for s in SPLITS if s in self.sizes and self.parts[s] == parts}
            there = sum(have.get(part, 0) for part in parts)
            if sum(asked.values()) > there and (dropped is not None or any(part in have for part in parts)):
                less = f" ({sum(map(len, dropped.values()))} left out)" if dropped else ""
                where = f" of {', '.join(parts)}" if any(parts) else ""
                raise ValueError(
                    f"sizes: found {sum(asked.values())} for {', '.join(asked)}; "
                    f"allowed: at most {there} together, the images{where} with captions{less}"
                )

    @cached_property
    def _split(self) -> dict[str, list[ListedItem]]:
        chosen: dict[str, list[ListedItem]] = {}
        for parts in dict.fromkeys(self.parts.values()):
            drawn = iter(sorted((e for e in self.listing if e.part in parts), key=self._place))
            for split in SPLITS:  # in this order, whatever the order of `sizes`
                if self.parts.get(split) == parts:
                    chosen[split] = [next(drawn) for _ in range(self.sizes.get(split, 0))]
        return chosen

    def _place(self, entry: ListedItem) -> bytes:
        """Where an entry comes in the draw: a hash of its id, so that an entry more or less moves no other one."""
        return hashlib.sha256(f"{self.seed}/{entry.id}".encode("utf-8", "surrogatepass")).digest()

    def _items(self, split: str, index: np.ndarray) -> Iterator[ListedItem]:
        if split not in self.sizes:
            raise KeyError(f"unknown split {split!r}: a split is one of {sorted(self.sizes)}")
        for i in np.atleast_1d(np.asarray(index, dtype=np.int64)).tolist():
            if not 0 <= i < self.sizes[split]:
                raise IndexError(f"items of {split!r} are numbered 0 to {self.sizes[split] - 1}")
            yield self._split[split][i]

    def ids(self, split: str, index: np.ndarray) -> list[str]:
        """Return the ids of some items of a split; unknown splits are a KeyError, numbers outside an IndexError."""
        return [e.id for e in self._items(split, index)]

    def captions(self, split: str, index: np.ndarray) -> list[tuple[str, ...]]:
        """Return the captions of each item, one or more, in their order; errors are those of `ids`."""
        return [e.captions for e in self._items(split, index)]

    def attributes(self, split: str, index: np.ndarray) -> None:
        """No attribute of a photograph is known exactly."""
        return None

    def images(self, split: str, index: np.ndarray) -> np.ndarray:
        """Return (n, resolution, resolution, 3) uint8: upright RGB, scaled by the short side and centre-cropped.

        A BrokenImage names the file and what to do, when a picture cannot be used. Nothing is put in its place: a
        defect may not change the items.
        """
        found = np.empty((np.size(index), self.resolution, self.resolution, 3), np.uint8)
        # In the order in which they lie on the disk.
        for row, entry in sorted(enumerate(self._items(split, index)), key=lambda item: item[1].image):
            found[row] = self.picture(entry)
        return found

    def originals(self, split: str, index: np.ndarray) -> np.ndarray:
        """Return height and width (n, 2) int32 of upright pictures before they are scaled; errors as of `images`."""
        return np.array([self._looked(entry, pictures.size_of) for entry in self._items(split, index)], np.int32)

    def picture(self, entry: ListedItem) -> np.ndarray:
        """Return (resolution, resolution, 3) uint8 of one entry; errors are those of `images`."""
        return self._looked(entry, lambda picture: pictures.square(pictures.upright(picture), self.resolution))

    def _looked(self, entry: ListedItem, make: Callable[[Any], T]) -> T:
        try:
            with self.opened(entry) as file, pictures.header(file, self.max_pixels) as picture:
                return make(picture)
        except BrokenImage as error:
            error.name(str(self.root / entry.image), entry.id)
            raise

    def opened(self, entry: ListedItem) -> IO[bytes]:
        """Open the picture of an entry; one that is not there or cannot be read is a `BrokenImage`, as any defect."""
        try:
            return self.open(entry)
        except (OSError, ValueError) as error:
            raise pictures.unopened(error) from error
