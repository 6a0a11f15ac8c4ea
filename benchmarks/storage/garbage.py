"""What lies in a store and is needed by no study: found, counted, and freed where that is asked for."""

from __future__ import annotations

import os
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.storage.leftovers import remove
from benchmarks.storage.store import DROPPED, MANIFEST, DamagedArtifact, LocalStore
from records.leftovers import OLD, abandoned, mark

#: Kinds whose artifacts say what was tried or is being put together: small, and needed by runs that no plan names.
KEPT = ("trial",)


@dataclass
class Garbage:
    """What may go.

    Attributes:
        held: How many artifacts the store has, and how many bytes.
        folders: Of artifacts that are needed by nobody.
        kinds: How many of each kind these are; dropped ones, of which only the manifest is left, are "dropped".
        left: What killed writers have left aside.
        size: Bytes that the disk gets back.
    """

    held: tuple[int, int] = (0, 0)
    folders: list[Path] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    left: list[Path] = field(default_factory=list)
    size: int = 0


def find(root: Path, needed: Container[str], young: float = OLD) -> Garbage:
    """Look for what may go.

    Args:
        root: The store's folder; nothing is written.
        needed: Keys of what must stay.
        young: Seconds for which what was written last stays, whoever needs it: another command may be about to.
    """
    found = Garbage()
    keys = LocalStore.listing(root) | LocalStore.listing(root, DROPPED)
    record, now = LocalStore.reader(root), time.time()
    links = Counter[tuple[int, int]]()
    sizes: dict[tuple[int, int], tuple[int, int]] = {}
    total = set[tuple[int, int, int]]()
    for key in sorted(keys):
        folder = root / key[:2] / key
        stats = _files(folder)
        total |= {(s.st_dev, s.st_ino, s.st_size) for s in stats}
        if key in needed or any(now - s.st_mtime < young for s in stats if s.st_nlink == 1):
            continue
        kind = "damaged"
        with suppress(DamagedArtifact, OSError):
            kind = record(key).kind if (folder / MANIFEST).is_file() else "dropped"
        if kind in KEPT:
            continue
        found.folders.append(folder)
        found.kinds[kind] += 1
        for s in stats:
            links[s.st_dev, s.st_ino] += 1
            sizes[s.st_dev, s.st_ino] = s.st_size, s.st_nlink
    aside = sorted((root / "tmp").iterdir()) if (root / "tmp").is_dir() else []
    found.left = [path for path in aside if abandoned(path.name, path.stat().st_mtime, young)]
    found.held = len(keys), sum(size for _, _, size in total)
    # A picture that another artifact holds on to stays on the disk.
    found.size = sum(size for number, (size, held) in sizes.items() if links[number] >= held)
    found.size += sum(s.st_size for path in found.left for s in _files(path) if s.st_nlink == 1)
    return found


def free(root: Path, garbage: Garbage) -> None:
    """Remove it: out of sight first, so that nobody finds half an artifact."""
    for folder in garbage.folders:
        aside = root / "tmp" / f"gc-{mark()}-{uuid.uuid4().hex}"
        with suppress(FileNotFoundError):  # another command was faster
            os.rename(folder, aside)
        shutil.rmtree(aside, ignore_errors=True)
    for path in garbage.left:
        remove(path)


def _files(folder: Path) -> list[os.stat_result]:
    found = []
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                found.append(path.stat())
    return found
