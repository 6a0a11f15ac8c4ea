"""Where artifacts live: one folder a key, written aside and renamed into place, the manifest last.

No manifest = not done. Nothing is ever resumed half-written, and nothing is unpickled: values are pairs (Parquet),
models (safetensors), arrays (npy) or JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from records.errors import UsageError
from records.results import Cost
from records.sources import import_class

#: The manifest of a whole artifact, and of one whose value was dropped after its last reader.
MANIFEST, DROPPED = "manifest.json", "dropped.json"


@dataclass(frozen=True)
class Record:
    """The manifest of one artifact.

    `size` is that of its value in bytes, set by stores that write files; `notes` is what a hook said of its work.
    """

    key: str
    kind: str
    label: str = ""
    cost: Cost = field(default_factory=Cost)
    execution: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    notes: dict[str, float] = field(default_factory=dict)


class Store(Protocol):
    """What the executors need of a store; local folders and memory have it, shared and object stores will."""

    def has(self, key: str) -> bool:
        """Whether the artifact is complete."""

    def done(self) -> Container[str]:
        """Return what is complete now, to ask about many keys at once."""

    def get(self, key: str) -> Any:
        """Return the value; equal calls may return the same object, which must not be changed."""

    def fresh(self, key: str) -> Any:
        """Return a value that the caller may change."""

    def record(self, key: str) -> Record:
        """Return the manifest, of a dropped artifact too."""

    def recorded(self) -> Container[str]:
        """Return what has a manifest: what is complete now, and what was and has been dropped."""

    def put(self, record: Record, value: Any) -> None:
        """Keep a value; visible to others only when whole."""

    def drop(self, key: str) -> None:
        """Let go of a value and keep its manifest; `has` is false from then on."""


class LocalStore:
    """Artifacts as folders below one root.

    Args:
        root: Made if missing.

    Raises:
        UsageError: When the root cannot be written.
    """

    def __init__(self, root: Path):
        self.root = root
        try:
            (root / "tmp").mkdir(parents=True, exist_ok=True)
            probe = root / "tmp" / f"probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise UsageError(
                f"runs folder {root}: cannot be written ({error.strerror}); allowed: a folder you own"
            ) from error

    def folder(self, key: str) -> Path:
        """Return the folder of an artifact."""
        return self.root / key[:2] / key

    def has(self, key: str) -> bool:
        """Whether the manifest is there, which is written last."""
        return (self.folder(key) / MANIFEST).is_file()

    def done(self) -> Container[str]:
        """Return what is complete now."""
        return self.listing(self.root)

    def recorded(self) -> Container[str]:
        """Return what is or was complete."""
        return self.listing(self.root) | self.listing(self.root, DROPPED)

    @staticmethod
    def listing(root: Path, file: str = MANIFEST) -> set[str]:
        """Return the keys with a manifest below a root, without opening the store; an absent root holds none."""
        shelves = [s for s in root.iterdir() if len(s.name) == 2] if root.is_dir() else []
        return {k for shelf in shelves for k in os.listdir(shelf) if os.path.exists(f"{shelf}/{k}/{file}")}

    def get(self, key: str) -> Any:
        """Load the value anew."""
        folder = self.folder(key)
        return _load(_read_json(folder / MANIFEST)["type"], folder / "value")

    fresh = get

    @classmethod
    def reader(cls, root: Path) -> Callable[[str], Record]:
        """Return `record` of a store that is only read: nothing is made or checked."""
        store = cls.__new__(cls)
        store.root = root
        return store.record

    def record(self, key: str) -> Record:
        """Read the manifest."""
        folder = self.folder(key)
        data = _read_json(folder / (MANIFEST if (folder / MANIFEST).is_file() else DROPPED))
        cost = Cost(**data["cost"])
        size, notes = data.get("size", 0), data.get("notes", {})
        return Record(data["key"], data["kind"], data["label"], cost, data["execution"], size, notes)

    def put(self, record: Record, value: Any) -> None:
        """Write aside, sync, rename. A second writer of the same key loses quietly: both made the same thing."""
        aside = self.root / "tmp" / f"{record.key[:16]}-{uuid.uuid4().hex}"
        aside.mkdir(parents=True)
        try:
            kind = _save(value, aside / "value")
            manifest = {
                "key": record.key, "kind": record.kind, "label": record.label, "type": kind,
                "cost": record.cost.__dict__, "execution": record.execution,
                "size": sum(f.stat().st_size for f in (aside / "value").rglob("*") if f.is_file()),
            } | ({"notes": record.notes} if record.notes else {})  # fmt: skip
            (aside / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            _sync(aside)
            final = self.folder(record.key)
            final.parent.mkdir(exist_ok=True)
            if final.exists() and not self.has(record.key):
                shutil.rmtree(final)
            try:
                os.rename(aside, final)
            except OSError:
                if not self.has(record.key):
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def drop(self, key: str) -> None:
        """Rename the manifest first, so that a killed drop leaves no artifact that looks whole."""
        folder = self.folder(key)
        os.replace(folder / MANIFEST, folder / DROPPED)
        shutil.rmtree(folder / "value", ignore_errors=True)

    def sweep(self, older_than: float = 0.0) -> None:
        """Remove what killed writers left aside.

        Args:
            older_than: Age in seconds below which a leftover may still be in use.
        """
        for leftover in (self.root / "tmp").iterdir():
            try:
                if time.time() - leftover.stat().st_mtime >= older_than:
                    shutil.rmtree(leftover, ignore_errors=True)
            except FileNotFoundError:
                continue  # its writer has just renamed it


def _save(value: Any, folder: Path) -> str:
    """Write a value below ``folder`` and return how to read it back."""
    folder.mkdir()
    if isinstance(value, dict) and value and all(isinstance(v, np.ndarray) for v in value.values()):
        for name, array in value.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
        return "arrays"
    if isinstance(value, dict):
        (folder / "value.json").write_text(json.dumps(value, sort_keys=True, allow_nan=False))
        return "json"
    value.save(folder)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _load(kind: str, folder: Path) -> Any:
    if kind == "arrays":
        return {p.stem: np.load(p, allow_pickle=False) for p in sorted(folder.glob("*.npy"))}
    if kind == "json":
        return _read_json(folder / "value.json")
    return import_class(kind).load(folder)  # type: ignore[attr-defined]


def _read_json(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())


def _sync(folder: Path) -> None:
    """Flush every file below a folder to the disk, so that a manifest never outlives its data in a power cut."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
