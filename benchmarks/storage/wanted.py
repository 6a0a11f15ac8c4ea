"""Which artifacts a study needs, as its last run has planned it: what no study needs may be freed.

One file a study in the store, `wanted/<id>.json`; it counts for as long as the study's folder is there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from records.canonical import digest
from records.errors import UsageError
from records.files import write_text

FOLDER = "wanted"


@dataclass(frozen=True)
class Wanted:
    """What one study needs.

    Attributes:
        homes: Where its folder is: as the links of the file system say, and as the path is written, where these differ.
        command: What runs it again.
        keys: Of the artifacts.
        kept: Those of them that it keeps when all their readers are done.
    """

    homes: tuple[Path, ...]
    command: str
    keys: frozenset[str]
    kept: frozenset[str] = frozenset()


def note(store: Path, home: Path, command: str, keys: Iterable[str], kept: Iterable[str] = ()) -> None:
    """Write down what a study needs, and which of it it keeps, before it computes any of it.

    Its folder is seen from the store's, so that both can be moved; a store may be a link to another disk.
    """
    where = os.path.relpath(home.resolve(), store.resolve())
    data = {"home": where, "command": command, "keys": sorted(keys), "kept": sorted(kept)}
    write_text(store / FOLDER / f"{digest([where, command])[:16]}.json", json.dumps(data) + "\n")


def noted(store: Path) -> list[Wanted]:
    """Return what the studies need whose folders are there.

    Raises:
        UsageError: A file cannot be read; nobody knows then what may go.
    """
    found = []
    for file in sorted((store / FOLDER).glob("*.json")):
        try:
            data = json.loads(file.read_bytes())
            kept = frozenset(map(str, data.get("kept", ())))
            homes = _homes(store, data["home"])
            wanted = Wanted(homes, data["command"], frozenset(map(str, data["keys"])), kept)
        except (OSError, ValueError, KeyError, TypeError) as error:
            why = f"{type(error).__name__}: {error}"
            raise UsageError(f"{file}: cannot be read ({why}); run its study again, which writes it anew") from error
        if any(home.is_dir() for home in homes):
            found.append(wanted)
    return found


def _homes(store: Path, where: str) -> tuple[Path, ...]:
    """Return the folders that a note may mean; older ones say the way back from a link to the store, not from there."""
    linked, written = (store.resolve() / where).resolve(), Path(os.path.normpath(store.absolute() / where)).resolve()
    return tuple(dict.fromkeys((linked, written)))


def kept_elsewhere(store: Path, home: Path) -> frozenset[str]:
    """Return what studies keep whose folder is another than this one."""
    own = home.resolve()
    others = (wanted for wanted in noted(store) if own not in wanted.homes)
    return frozenset(key for wanted in others for key in wanted.kept)


def unknown(store: Path, runs: Path, known: Iterable[Path]) -> list[Path]:
    """Return the folders of studies below a folder of runs of which no file says what they need.

    Args:
        store: The store's folder.
        runs: The folder of runs.
        known: Folders of studies whose needs are known otherwise.
    """
    homes = {results.parent.resolve() for results in (*runs.glob("*/results"), *runs.glob("*/with/*/results"))}
    said = {home for wanted in noted(store) for home in wanted.homes} | {home.resolve() for home in known}
    return sorted(homes - said)
