"""Where artifacts live: one folder a key, written aside and renamed into place, the manifest last.

No manifest = not done. Nothing is ever resumed half-written, and nothing is unpickled: values are pairs (Parquet),
models (safetensors), arrays (npy) or JSON. The manifest holds the digest of every file: what a disk or a hand changed
later is never read, but removed and made again.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Container
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.storage import values
from benchmarks.storage.leftovers import sweep, take_away
from benchmarks.storage.turns import Turns
from benchmarks.storage.values import Numbers, numbers_of
from datamodules import png
from records.canonical import digest
from records.errors import StepError, UsageError
from records.leftovers import mark
from records.results import Cost

#: The manifest of a whole artifact, and of one whose value was dropped after its last reader.
MANIFEST, DROPPED = "manifest.json", "dropped.json"


class DamagedArtifact(StepError):
    """An artifact is not what was written."""


@dataclass(frozen=True)
class Record:
    """The manifest of one artifact.

    `size` is what its value adds to the disk in bytes, set by stores that write files: pictures that other artifacts
    hold already are not counted again. `notes` is what a hook said of its work.
    """

    key: str
    kind: str
    label: str = ""
    cost: Cost = field(default_factory=Cost)
    execution: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    notes: dict[str, float] = field(default_factory=dict)


class Store(Protocol):
    """What the executors need of a store; local folders and memory have it, object stores could.

    Attributes:
        turns: Whose turn a step is, where other runs may work on the same store; None = nobody else does.
    """

    turns: Turns | None

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
        """Let go of a value and keep its manifest; `has` is false from then on. It may be gone already."""

    def dropped(self, key: str) -> int:
        """Return 0, or of a value that was let go of a number that is another one each time."""


class LocalStore:
    """Artifacts as folders below one root.

    Args:
        root: Made if missing.

    Raises:
        UsageError: When the root cannot be written.
    """

    turns: Turns | None = None

    def __init__(self, root: Path):
        self.root = root.absolute()  # a hook may go to another folder
        self._sound: dict[str, set[str]] = {}  # artifact -> files that this process has compared with its manifest
        self._digests: dict[Numbers, str] = {}  # of files that this process has read
        self._said: dict[Numbers, str] = {}  # of files whose digest it knows from a manifest alone
        try:
            (root / "tmp").mkdir(parents=True, exist_ok=True)
            probe = root / "tmp" / f"probe-{mark()}-{uuid.uuid4().hex}"
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
        """Load the value anew; files that hold pictures are read, and compared, when a picture is asked for.

        Raises:
            DamagedArtifact: It is not what was written; it is gone now, so that the same command makes it again.
            StepError: Somebody has removed it.
        """
        folder = self.folder(key) / "value"

        def check(*later: str) -> dict[str, Any]:
            try:
                return self.require_sound(key, later)
            except DamagedArtifact:
                self.let_go(key)
                raise
            except FileNotFoundError as error:
                raise StepError(f"artifact {key[:16]} is in the store no more; run again to make it") from error

        return values.load(check()["type"], folder, check)

    fresh = get

    @classmethod
    def reader(cls, root: Path) -> Callable[[str], Record]:
        """Return `record` of a store that is only read: nothing is made or checked."""
        store = cls.__new__(cls)
        store.root = root
        return store.record

    def record(self, key: str) -> Record:
        """Read the manifest."""
        data = self._manifest(key)
        cost = Cost(**data["cost"])
        size, notes = data.get("size", 0), data.get("notes", {})
        return Record(data["key"], data["kind"], data["label"], cost, data["execution"], size, notes)

    def _manifest(self, key: str) -> dict[str, Any]:
        folder = self.folder(key)
        file = folder / (MANIFEST if (folder / MANIFEST).is_file() else DROPPED)
        try:
            data = json.loads(file.read_bytes())
            said = data.pop("digest", None)
            whole = data["key"] == key and (said is None or said == digest(data))
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise DamagedArtifact(f"artifact {key[:16]}: its {file.name} is not what was written; run again to make it")
        return data

    def require_sound(self, key: str, later: Collection[str] | None = None) -> dict[str, Any]:
        """Compare an artifact's files with its manifest, each once a process; return the manifest.

        Args:
            key: Of the artifact.
            later: None = all of its files; else all but those that are read when pictures are asked for, and these.

        Raises:
            DamagedArtifact: Naming the artifact and the file.
        """
        data, folder = self._manifest(key), self.folder(key)
        known = self._sound.get(key)
        if not (folder / MANIFEST).is_file() or (known is not None and later is not None and known.issuperset(later)):
            return data
        found = values.files(folder / "value")
        put_off = set() if later is None else values.deferred(data["type"], folder / "value") - set(later)
        odd = self._odd(found, data, put_off | (known or set()))
        if odd:
            what = data.get("label") or data["kind"]
            raise DamagedArtifact(f"artifact {key[:16]} ({what}): {odd} is not what was written; run again to make it")
        self._sound.setdefault(key, set()).update(found.keys() - put_off)
        self._said |= {numbers_of(found[name]): data["files"][name] for name in put_off & data.get("files", {}).keys()}
        return data

    def _odd(self, files: dict[str, Path], manifest: dict[str, Any], known: Container[str]) -> str:
        """Return the first file that is not what a manifest says, or all of them together; "" where there is none."""
        said = manifest.get("files")
        if said is None:  # made before manifests held digests
            size = sum(file.stat().st_size for file in files.values())
            return "" if size == manifest.get("size", size) else "its size"
        looked_at = ((name, file) for name, file in files.items() if name in said and name not in known)
        changed = (name for name, file in looked_at if self._digest(file) != said[name])
        return next(iter(sorted(files.keys() ^ said.keys())), "") or next(changed, "")

    def _digest(self, file: Path) -> str:
        """Return the sha256 of a file's bytes; one that several artifacts share is read once a process."""
        if file.stat().st_nlink == 1:
            return values.file_digest(file)
        number = numbers_of(file)
        if number not in self._digests:
            self._digests[number] = values.file_digest(file)
        return self._digests[number]

    def let_go(self, key: str) -> None:
        """Drop a damaged artifact, with its manifest where that is damaged itself, so that it is made again."""
        try:
            self._manifest(key)
            self.drop(key)
        except DamagedArtifact:
            for name in (MANIFEST, DROPPED):  # first: without one there is no artifact
                (self.folder(key) / name).unlink(missing_ok=True)
            shutil.rmtree(self.folder(key), ignore_errors=True)

    def put(self, record: Record, value: Any) -> None:
        """Write aside, sync, rename. A second writer of the same key loses quietly: both made the same thing."""
        aside = self.root / "tmp" / f"{record.key[:16]}-{mark()}-{uuid.uuid4().hex}"
        aside.mkdir(parents=True)
        try:
            kind = values.save(value, aside / "value")
            files = values.files(aside / "value")
            manifest = {
                "key": record.key, "kind": record.kind, "label": record.label, "type": kind,
                "cost": record.cost.__dict__, "execution": record.execution,
                "size": sum(file.stat().st_size for file in files.values() if file.stat().st_nlink == 1),
                "files": {name: self._said.get(numbers_of(file)) or self._digest(file) for name, file in files.items()},
            } | ({"notes": record.notes} if record.notes else {})  # fmt: skip
            if any(png.counted().values()):
                manifest["pictures"] = png.counted()
            manifest = json.loads(json.dumps(manifest))  # as it is read, which is what its digest is of
            manifest["digest"] = digest(manifest)
            (aside / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            values.sync(aside)
            final = self.folder(record.key)
            final.parent.mkdir(exist_ok=True)
            if final.exists() and not self.has(record.key):
                take_away(self.root, final, unless=MANIFEST)
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
        with suppress(FileNotFoundError):  # another run has let go of it
            os.replace(folder / MANIFEST, folder / DROPPED)
            take_away(self.root, folder / "value")

    def dropped(self, key: str) -> int:
        """Return when what was let go of had been made."""
        folder = self.folder(key)
        with suppress(FileNotFoundError):
            return 0 if (folder / MANIFEST).is_file() else (folder / DROPPED).stat().st_mtime_ns
        return 0

    def sweep(self, older_than: float = 0.0) -> None:
        """Remove what killed writers left aside.

        Args:
            older_than: Age in seconds below which what no process of this machine has left may still be in use.
        """
        sweep(self.root, older_than)
