"""Pictures that are decoded as they are asked for: they read like an array and hold next to nothing."""

from __future__ import annotations

import hashlib
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from datamodules import pairs_file, png

#: Files that a process holds open at once, each with the row group that it read last.
OPEN = 8


class Source(Protocol):
    """Where pictures come from.

    Attributes:
        name: Equal where equal rows are the same pictures.
    """

    name: Any

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the pictures of some rows, (k, H, W, 3) uint8."""


class InFile:
    """Pictures as PNG in a file of pairs.

    Args:
        path: Of the file.
        count: How many pictures it holds.
        shape: Height, width and 3.
        check: Called before the first picture is read; raises where the file is not what was written.
        own: Whether nobody else needs the file, so that it may be moved.
    """

    def __init__(
        self, path: Path, count: int, shape: Sequence[int], check: Callable[[], object] | None = None, own: bool = False
    ) -> None:
        self.path, self.count, self.check, self.own = path, count, check, own
        self.shape, self.name = tuple(shape), path
        self._groups: pairs_file.Groups | None = None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Decode the pictures of some rows."""
        found = np.empty((len(rows), *self.shape), np.uint8)
        for place in np.argsort(rows, kind="stable").tolist():
            found[place] = png.decode(self.encoded(int(rows[place])))
        return found

    def encoded(self, row: int) -> bytes:
        """Return the PNG of a row."""
        if self._groups is None:
            if self.check is not None:
                self.check()
                self.check = None
            self._groups = pairs_file.Groups(self.path)
            _opened.append(weakref.ref(self))
            while len(_opened) > OPEN:
                longest = _opened.popleft()()
                if longest is not None:
                    longest._groups = None
        return self._groups.png(row)


#: Those that are open, the longest open first.
_opened: deque[weakref.ref[InFile]] = deque()


class InMemory:
    """Pictures of an array (n, H, W, 3) uint8."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.name = array, id(array)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return a copy of some rows."""
        return self.array[rows]


class OfData:
    """Pictures of a split of a data set, looked up there every time."""

    def __init__(self, data: Any, split: str) -> None:
        self.data, self.split, self.name = data, split, (id(data), split)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Ask the data set."""
        found: np.ndarray = self.data.images(self.split, rows)
        return found


class Elsewhere:
    """Pictures that are not kept with what was made of them, since a data set has them."""

    name = None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Refuse."""
        raise ValueError("these pictures are the data set's own and were not kept again; ask the data set for them")


class Images(NDArrayOperatorsMixin):
    """n pictures, (n, H, W, 3) uint8, in place of the array that they are.

    An index, a loop or numpy decodes what it asks for, and `taken`, `joined` and `Pairs` nothing at all. Written to,
    they become an array in memory.

    Attributes:
        shape: (n, H, W, 3).
        sources: Where they come from.
        source: (n,) which of the sources.
        row: (n,) which row there.
    """

    ndim, dtype = 4, np.dtype(np.uint8)

    def __init__(self, shape: Sequence[int], sources: Sequence[Source], source: np.ndarray, row: np.ndarray) -> None:
        self.shape = (len(row), *shape)
        self.sources, self.source, self.row = tuple(sources), source, row
        self.writeable = True

    @classmethod
    def of(cls, source: Source, shape: Sequence[int], row: np.ndarray) -> Images:
        """Return the pictures of some rows of one source; `shape` is one picture's."""
        return cls(shape, [source], np.zeros(len(row), np.int64), np.asarray(row, np.int64))

    def __len__(self) -> int:
        return len(self.row)

    @property
    def nbytes(self) -> int:
        """What the array would hold."""
        return int(np.prod(self.shape))

    def select(self, index: Any) -> Images:
        """Return some of the pictures, undecoded; `index` is as of an array's first axis."""
        return Images(self.shape[1:], self.sources, self.source[index], self.row[index])

    def readonly(self) -> Images:
        """Return the same pictures, which cannot be written to."""
        same = self.select(slice(None))
        same.writeable = False
        return same

    def __getitem__(self, key: Any) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        first, rest = (key[0], key[1:]) if key else (..., ())
        if first is None or first is Ellipsis or not all(isinstance(part, int | slice) for part in rest):
            found: np.ndarray = self._read(np.arange(len(self)))[key]
            return found
        if isinstance(first, int | np.integer):
            picture: np.ndarray = self._read(np.arange(len(self))[first].reshape(1))[0]
            return picture[rest]
        return self._read(np.arange(len(self))[first])[(slice(None), *rest)]

    def _read(self, index: np.ndarray) -> np.ndarray:
        numbers = np.unique(self.source[index]).tolist()
        if len(numbers) == 1:
            return self.sources[numbers[0]].read(self.row[index])
        found = np.empty((len(index), *self.shape[1:]), np.uint8)
        for number in numbers:
            places = np.flatnonzero(self.source[index] == number)
            found[places] = self.sources[number].read(self.row[index[places]])
        return found

    def __setitem__(self, key: Any, value: Any) -> None:
        if not self.writeable:
            raise ValueError("assignment destination is read-only")
        array = np.array(self)
        array[key] = value
        self.sources, self.source, self.row = (InMemory(array),), np.zeros(len(self), np.int64), np.arange(len(self))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*(np.asarray(i) if isinstance(i, Images) else i for i in inputs), **kwargs)

    def __deepcopy__(self, memo: Any) -> Images:
        return self.select(slice(None))

    def __getattr__(self, name: str) -> Any:
        """Whatever else an array has, such as `mean` or `astype`: that of the array."""
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        return getattr(np.asarray(self), name)

    def unchecked(self) -> Images:
        """Return the same pictures, whose files are not compared with what was written: PNGs have checksums of theirs.

        For people alone: a few pictures are not worth the digest of the file around them.
        """
        free = [InFile(s.path, s.count, s.shape) if isinstance(s, InFile) else s for s in self.sources]
        return Images(self.shape[1:], free, self.source, self.row)

    def names(self) -> list[tuple[Any, int]]:
        """Return what tells pictures apart without a look at them: equal for the same row of the same source."""
        return [(self.sources[s].name, row) for s, row in zip(self.source.tolist(), self.row.tolist(), strict=True)]

    def encoded(self) -> Iterator[bytes]:
        """Yield the PNG of every picture; those that lie in files are not decoded."""
        for number, row in zip(self.source.tolist(), self.row.tolist(), strict=True):
            source = self.sources[number]
            yield source.encoded(row) if isinstance(source, InFile) else png.encode(source.read(np.array([row]))[0])

    def digests(self) -> list[bytes]:
        """Return a digest of every picture: of its PNG where all of them lie in files, else of its pixels."""
        if all(isinstance(self.sources[number], InFile) for number in np.unique(self.source).tolist()):
            return [hashlib.sha256(content).digest() for content in self.encoded()]
        return [hashlib.sha256(np.ascontiguousarray(image).data).digest() for image in self]


def taken(images: Any, rows: np.ndarray) -> Any:
    """Return some rows of an array, or of pictures without a look at them."""
    return images.select(rows) if isinstance(images, Images) else images[rows]


def joined(parts: Sequence[Any]) -> Any:
    """Join arrays, or pictures without a look at them."""
    if len(parts) == 1:
        return parts[0]
    if not any(isinstance(part, Images) for part in parts):
        return np.concatenate(parts)
    lazy = [p if isinstance(p, Images) else Images.of(InMemory(p), p.shape[1:], np.arange(len(p))) for p in parts]
    sources = list({id(source): source for part in lazy for source in part.sources}.values())
    number = {id(source): i for i, source in enumerate(sources)}
    source = [np.array([number[id(s)] for s in part.sources], np.int64)[part.source] for part in lazy]
    return Images(lazy[0].shape[1:], sources, np.concatenate(source), np.concatenate([part.row for part in lazy]))
