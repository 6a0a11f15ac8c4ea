"""Which files below a root are data, and where a listed picture lies.

Linked folders are entered, each real one once, so a loop ends; hidden folders and those in which programs keep copies
are passed over, unless the pattern names them.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePosixPath

from datamodules.ids import hidden
from datamodules.reading import few, printable


def there(root: Path, pattern: str) -> bool:
    """Whether a file or folder below the root is there, or one that a pattern with `*` matches."""
    if not any(mark in pattern for mark in "*?["):
        return os.path.exists(root / pattern)
    return next(found(root, pattern), None) is not None


def found(root: Path, pattern: str, said: list[str] | None = None) -> Iterator[str]:
    """Yield the paths below the root that match a pattern such as `**/*.parquet`; the names of a folder in order.

    What is passed over, and would have matched, is told in `said`.

    Raises:
        ValueError: A folder below the root cannot be read.
    """
    parts = [part for part in pattern.split("/") if part != "."]

    def aside(path: str) -> bool:
        return hidden("/".join(part for part in path.split("/") if part not in parts))

    passed: list[str] = []
    again: list[str] = []
    for path in _walk(root, aside, again):
        if _matches(path.split("/"), parts):
            if aside(path):
                passed.append(path)
            else:
                yield path
    for what, paths in (("passed over, as hidden or copies", passed), ("links to folders read before", again)):
        if paths and said is not None:
            said.append(f"{root}: {what}: {len(paths)} ({few(paths)})")


def endings(root: Path, most: int = 10_000) -> str:
    """Say what lies below a folder, by the endings of names: "found 40 .jpg beside 40 .txt", the most frequent first.

    At most so many files are looked at; of a folder that is not there it says that.
    """
    if not root.is_dir():
        return "a file" if root.exists() else "there is no such folder"
    try:
        files = [path for path in islice(_walk(root, hidden, []), most) if not hidden(path)]
    except ValueError:
        return "a folder that cannot be read"
    counted = Counter(PurePosixPath(path).suffix.lower() or "without ending" for path in files).most_common(3)
    stems = {ending: {path[: -len(ending)] for path in files if path.lower().endswith(ending)} for ending, _ in counted}
    words = [f"{number} {printable(ending)[:14]}" for ending, number in counted]
    if len(counted) > 1 and stems[counted[0][0]] & stems[counted[1][0]]:
        words[:2] = [" beside ".join(words[:2])]
    return f"found {', '.join(words)}" if words else "an empty folder"


def _walk(root: Path, aside: Callable[[str], bool], again: list[str]) -> Iterator[str]:
    """Yield every file below the root: real folders first, then linked ones, then what is aside.

    Links to folders that were read before go to `again`. A link to a folder that holds the root is one of them.
    """
    seen = {_place(parent) for parent in Path(os.path.realpath(root)).parents if parent.is_dir()}
    real, linked, last = [""], list[str](), list[str]()
    while real or linked or last:
        within = real.pop() if real else linked.pop(0) if linked else last.pop()
        folder = root / within
        try:
            if (place := _place(folder)) in seen:
                again += [] if aside(within) else [within]
                continue
            seen.add(place)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            if aside(within) or not folder.is_dir():
                continue  # nobody's data; and without a root there are no files, as `missing` says
            raise ValueError(f"{folder}: cannot be read ({error.strerror}); allowed: a folder that can") from error
        files = []
        for entry in entries:
            path = f"{within}/{entry.name}" if within else entry.name
            if not _is_folder(entry):
                files.append(path)
            else:
                (last if aside(path) else linked if entry.is_symlink() else real).append(path)
        yield from reversed(files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _place(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _matches(path: list[str], pattern: list[str]) -> bool:
    """Whether the parts of a path match those of a pattern; `**` stands for any number of folders."""
    if not pattern or not path:
        return not path and all(part == "**" for part in pattern)
    if pattern[0] == "**":
        return _matches(path, pattern[1:]) or _matches(path[1:], pattern)
    return fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def located(root: Path, path: str) -> Path:
    """Return where a listed picture lies: names from other systems may be decomposed (NFD) on the disk."""
    names = [path] if path.isascii() else [unicodedata.normalize("NFC", path), unicodedata.normalize("NFD", path)]
    return next((root / name for name in names if os.path.exists(root / name)), root / path)


def twice(root: Path, paths: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of paths that lead to one file by links. Folders are read, not the files in them."""
    folders: dict[str, tuple[str, set[str]]] = {}
    first: dict[str, str] = {}
    pairs = []
    for path in paths:
        folder, _, name = path.rpartition("/")
        if folder not in folders:
            folders[folder] = _linked(root / folder)
        real, links = folders[folder]
        place = os.path.join(real, name)
        other = first.setdefault(os.path.realpath(place) if name in links else place, path)
        if other != path:
            pairs.append((other, path))
    return pairs


def _linked(folder: Path) -> tuple[str, set[str]]:
    """Return where a folder really lies, and the names in it that are links."""
    try:
        return os.path.realpath(folder), {entry.name for entry in os.scandir(folder) if entry.is_symlink()}
    except (OSError, ValueError):
        return str(folder), set()
