"""Where artifacts live: one folder a key, written aside and renamed into place, the manifest last.

No manifest = not done. Nothing is ever resumed half-written, and nothing is unpickled: values are pairs (Parquet),
models (safetensors), arrays (npy) or JSON. The manifest holds the digest of every file: what a disk or a hand changed
later is never read, but removed and made again.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Collection, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from benchmarks.storage import values
from benchmarks.storage.digests import Digests
from benchmarks.storage.leftovers import sweep, take_away
from benchmarks.storage.manifests import AGAIN, CHANGED, DROPPED, MANIFEST, DamagedArtifact, opened, sealed
from benchmarks.storage.turns import Turns
from datamodules import png
from records.errors import StepError, UsageError
from records.leftovers import mark
from records.results import Cost


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
    """What the executors need of a store: a folder, a folder beside a bucket, or memory.

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
        """Let go of a value and keep its manifest; it may be gone already.

        `has` is false from then on, but where the store has it elsewhere, too: this is about room on this machine.
        """

    def forget(self, key: str) -> None:
        """Have an artifact made again: `has` is false from then on, wherever it lay."""

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
    #: How many artifacts are looked at side by side; 0 = one a processor.
    streams = 0

    def __init__(self, root: Path):
        self.root = root.absolute()  # a hook may go to another folder
        self.digests = Digests()
        self._sound: dict[str, set[str]] = {}  # artifact -> files that this process has compared with its manifest
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

    def here(self, key: str) -> bool:
        """Whether the manifest is there, which is written last."""
        return (self.folder(key) / MANIFEST).is_file()

    def has(self, key: str) -> bool:
        """Whether the artifact is complete."""
        return self.here(key)

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
                raise StepError(f"artifact {key[:16]} is in the store no more; {AGAIN}") from error

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
        for name in (MANIFEST, DROPPED):  # another run may drop it, or make it again, at this moment
            with suppress(FileNotFoundError):
                return opened((folder / name).read_bytes(), key, f"its {name}")
        return opened((folder / MANIFEST).read_bytes(), key, f"its {MANIFEST}")

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
            raise DamagedArtifact(f"artifact {key[:16]} ({what}): {odd} {CHANGED}; {AGAIN}")
        self._sound.setdefault(key, set()).update(found.keys() - put_off)
        for name in put_off & data.get("files", {}).keys():
            self.digests.tell(found[name], data["files"][name])
        return data

    def _odd(self, files: dict[str, Path], manifest: dict[str, Any], known: Container[str]) -> str:
        """Return the first file that is not what a manifest says, or all of them together; "" where there is none."""
        said = manifest.get("files")
        if said is None:  # made before manifests held digests
            size = sum(file.stat().st_size for file in files.values())
            return "" if size == manifest.get("size", size) else "its size"
        looked_at = ((name, file) for name, file in files.items() if name in said and name not in known)
        changed = (name for name, file in looked_at if self.digests.of(file) != said[name])
        return next(iter(sorted(files.keys() ^ said.keys())), "") or next(changed, "")

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
            data = {
                "key": record.key, "kind": record.kind, "label": record.label, "type": kind,
                "cost": record.cost.__dict__, "execution": record.execution,
                "size": sum(file.stat().st_size for file in files.values() if file.stat().st_nlink == 1),
                "files": {name: self.digests.told(file) for name, file in files.items()},
            } | ({"notes": record.notes} if record.notes else {})  # fmt: skip
            if any(png.counted().values()):
                data["pictures"] = png.counted()
            (aside / MANIFEST).write_text(sealed(data))
            self._place(aside, record.key)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _place(self, aside: Path, key: str) -> None:
        """Sync what lies aside and rename it into place; another writer may have been faster."""
        values.sync(aside)
        final = self.folder(key)
        final.parent.mkdir(exist_ok=True)
        for left in (2, 1, 0):
            if final.exists() and not self.here(key):
                take_away(self.root, final, unless=lambda aside: (aside / MANIFEST).is_file())
            try:
                os.rename(aside, final)
            except OSError:
                if self.here(key):
                    return
                if not left:  # else somebody has just put a manifest there that has no value
                    raise
            else:
                return

    def drop(self, key: str) -> None:
        """Rename the manifest first, so that a killed drop leaves no artifact that looks whole."""
        folder = self.folder(key)
        with suppress(FileNotFoundError):  # another run has let go of it
            os.replace(folder / MANIFEST, folder / DROPPED)
            take_away(self.root, folder / "value", unless=lambda aside: self.here(key))  # made anew just now

    def forget(self, key: str) -> None:
        """Drop it: it lies nowhere else."""
        self.drop(key)

    def shared(self, keys: Collection[str]) -> Iterator[str]:
        """Have what is here of some artifacts lie wherever else the store keeps them; yield sentences about that."""
        return iter(())

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
