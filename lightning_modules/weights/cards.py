"""The card of a shipped base: where it comes from, what it measured, and a digest of its files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning_modules.weights.sources import MissingModel
from records.files import write_text

CARD = "card.json"
#: Bytes from which on the digest of a file is remembered between processes, and where.
LARGE = 64 * 2**20
MEMORY = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "mmcollapse" / "digests"
#: Nanoseconds after which a file that was just written may be remembered.
SETTLED = 2 * 10**9
#: Endings of what only people read in a model's folder.
FOR_PEOPLE = {".gif", ".jpeg", ".jpg", ".md", ".pdf", ".png", ".webp"}


def digest(folder: Path) -> str:
    """Return the sha256 over the names and bytes of all files under `folder` that can change what the model does.

    Weights, configurations, scheduler, tokenizer, processor and generation files, those of linked folders and behind
    linked files too; not the card, texts for people, or hidden files. A file that cannot be read is a `MissingModel`.
    """
    total = hashlib.sha256()
    for name, file in sorted(_files(Path(folder))):
        total.update(name.encode() + b"\0")
        if not file.exists():
            continue  # a link to nothing: whoever needs the file says so
        try:
            total.update(bytes.fromhex(_file_digest(str(file.resolve()), _mark(file.stat()))))
        except OSError as error:
            raise MissingModel(f"found {str(folder)!r}, whose {name!r} cannot be read ({error.strerror})") from error
    return total.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that count, by name below the folder; a link to a folder around it is not followed."""
    for root, folders, files in os.walk(folder, followlinks=True):
        around = {Path(root).resolve(), *Path(root).resolve().parents}
        folders[:] = [n for n in folders if not n.startswith(".") and Path(root, n).resolve() not in around]
        for file in (Path(root, name) for name in files if not name.startswith(".")):
            name = file.relative_to(folder).as_posix()
            if name != CARD and file.suffix.lower() not in FOR_PEOPLE and not file.stem.lower().startswith("license"):
                yield name, file


def _mark(state: os.stat_result) -> tuple[int, ...]:
    """Return what changes with a file's bytes: its size, which file it is, and when it was written or replaced.

    Anybody can set the time of writing back; the time of change is the system's own.
    """
    return state.st_size, state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns


#: Digests of this process, by file and mark.
_known: dict[tuple[str, tuple[int, ...]], str] = {}


def _file_digest(file: str, mark: tuple[int, ...]) -> str:
    """Return the sha256 of a file; a large one is read once as long as it does not change, others once a process."""
    kept = MEMORY / hashlib.sha256(f"{file}:{mark}".encode()).hexdigest()
    if (file, mark) in _known:
        return _known[file, mark]
    found = _remembered(kept) if mark[0] >= LARGE else ""
    if not found:
        began = time.time_ns()
        with open(file, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if began - mark[-1] < SETTLED:  # written again within one tick of the clock, it would look the same
            return found
        if mark[0] >= LARGE:
            with suppress(OSError):  # nowhere to remember it: read again next time
                write_text(kept, found)
    _known[file, mark] = found
    return found


def _remembered(file: Path) -> str:
    """Return the digest that a file holds whole, or "": a machine that lost its power leaves files cut."""
    with suppress(OSError, ValueError):
        said = file.read_text(encoding="ascii")
        return said if re.fullmatch("[0-9a-f]{64}", said) else ""
    return ""


def read(folder: Path) -> dict[str, Any]:
    """Return the card in `folder`."""
    return json.loads((Path(folder) / CARD).read_text())


def forget_paths(folder: Path) -> None:
    """Remove from the configurations below `folder` where their parts were once loaded from: it is of one machine."""
    for file in Path(folder).rglob("config.json"):
        config = json.loads(file.read_text())
        if config.pop("_name_or_path", None) is not None:
            file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write(folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write the card with the digest of the files; return it."""
    forget_paths(folder)
    card = {**card, "digest": digest(folder)}
    (Path(folder) / CARD).write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    return card
