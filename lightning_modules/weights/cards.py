"""The card of a shipped base: where it comes from, what it measured, and a digest of its files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

CARD = "card.json"
#: Bytes from which on the digest of a file is remembered between processes, and where.
LARGE = 64 * 2**20
MEMORY = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "mmcollapse" / "digests"
#: Endings of what only people read in a model's folder.
FOR_PEOPLE = {".gif", ".jpeg", ".jpg", ".md", ".pdf", ".png", ".webp"}


def digest(folder: Path) -> str:
    """Return the sha256 over the names and bytes of all files under `folder` that can change what the model does.

    Weights, configurations, scheduler, tokenizer, processor and generation files, linked ones too; not the card, texts
    for people, or hidden files.
    """
    total = hashlib.sha256()
    for name, file in sorted(_files(Path(folder))):
        total.update(name.encode() + b"\0")
        state = file.stat()
        total.update(bytes.fromhex(_file_digest(str(file.resolve()), state.st_size, state.st_mtime_ns)))
    return total.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files that count, by name below the folder."""
    for root, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in (Path(root, name) for name in files if not name.startswith(".")):
            name = file.relative_to(folder).as_posix()
            if name != CARD and file.suffix.lower() not in FOR_PEOPLE and not file.stem.lower().startswith("license"):
                yield name, file


@lru_cache(maxsize=4096)
def _file_digest(file: str, size: int, changed: int) -> str:
    """Return the sha256 of a file; a large one is read once as long as it does not change, others once a process."""
    known = MEMORY / hashlib.sha256(f"{file}:{size}:{changed}".encode()).hexdigest()
    if size >= LARGE and known.is_file():
        return known.read_text()
    with open(file, "rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if size >= LARGE:
        with suppress(OSError):  # nowhere to remember it: read again next time
            MEMORY.mkdir(parents=True, exist_ok=True)
            known.with_suffix(f".{os.getpid()}").write_text(found)
            known.with_suffix(f".{os.getpid()}").replace(known)
    return found


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
