"""A store in a bucket, with a folder of this machine as its copy: for machines that share no folder.

The folder is a store as it is without a bucket. The bucket holds `blobs/ab/SHA256`, files by what they hold, so equal
pictures of several artifacts are there once; and `artifacts/ab/KEY.json`, manifests, written last: no manifest = not
done. Manifests hold the digest of every file in any case, so the two need no further format, a folder of another day
can be uploaded as it is, and whatever is fetched is compared before anything reads it.

What is in the bucket counts as there. It is fetched when it is read: into a folder aside, renamed into place, linked to
files that this machine has already. A blob that is missing or is not what its name says is a damaged artifact: its
manifest goes, it is made again, and uploaded anew. Nothing else is ever removed from the bucket.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.storage import values
from benchmarks.storage.bucket import Bucket, Unreachable, open_bucket
from benchmarks.storage.full_disk import ends_where_full
from benchmarks.storage.manifests import AGAIN, CHANGED, DONE, DROPPED, MANIFEST, DamagedArtifact, opened
from benchmarks.storage.store import LocalStore, Record
from records.errors import StepError
from records.files import write_text
from records.leftovers import mark

#: Seconds for which a listing of the bucket is used again; what it lacks is asked for one by one before it is made.
LISTED = 30.0
#: Bytes from which on it is cheaper to ask for a blob than to write it again.
LARGE = 2**20
#: Artifacts that are uploaded side by side.
UPLOADS = 8
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LISTED = re.compile(r"([0-9a-f]{2})/(\1[0-9a-f]{62})\.json")


class BucketStore(LocalStore):
    """Artifacts of a bucket, with copies below one root.

    Args:
        root: Of the copies; made if missing.
        bucket: What runs on several machines share.

    Raises:
        UsageError: When the root cannot be written.
    """

    streams = 32  # most of the time of each goes by on the way

    def __init__(self, root: Path, bucket: Bucket):
        super().__init__(root)
        self.bucket = bucket
        self._there: set[str] = set()  # as the last listing, and answers since, have it
        self._asked = float("-inf")
        self.freed: list[str] = []  # what was let go of here, for nodes of a cluster to do so, too
        self._bad: set[str] = set()  # what of the bucket turned out to be damaged
        self._files: dict[str, list[Path]] = {}  # of this machine, by digest
        self._indexed: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the artifact is here, or in the bucket now; where that does not answer, whether it was."""
        if self.here(key):
            return True
        with suppress(Unreachable):
            self._noted(key, self.bucket.read(_artifact(key)) is not None)
        return key in self._there

    def done(self) -> set[str]:
        """Return what is here or in the bucket."""
        return self.listing(self.root) | self._artifacts()

    def recorded(self) -> set[str]:
        """Return what is here or in the bucket, or has been here."""
        return self.done() | self.listing(self.root, DROPPED)

    def dropped(self, key: str) -> int:
        """Return 0: what goes from here stays in the bucket, so nobody has to guess from its going that it was made."""
        return 0

    def get(self, key: str) -> Any:
        """Load the value anew, fetched where it is not here, or not what was written.

        Raises:
            DamagedArtifact: It is not what was written in the bucket either; the same command makes it again.
            StepError: It is nowhere, or the bucket does not answer.
        """
        self._require_here(key)
        try:
            return super().get(key)
        except StepError:
            if not self.has(key):
                raise
            self._require_here(key)
            return super().get(key)

    fresh = get

    def record(self, key: str) -> Record:
        """Read the manifest; where only the bucket has it, it is fetched alone."""
        file = self.folder(key) / DROPPED
        if not self.here(key) and not file.is_file():
            write_text(file, self._manifest_there(key)[1].decode())
        return super().record(key)

    def require_sound(self, key: str, later: Collection[str] | None = None) -> dict[str, Any]:
        """Compare an artifact's files with its manifest; those that are in the bucket alone when they are fetched.

        Numbers are fetched at once: they are small, and every result reads them.
        """
        if not self.here(key):
            data, _ = self._manifest_there(key)
            if later is None and data["type"] != "json":
                return data
            self._fetch(key)
        return super().require_sound(key, later)

    def let_go(self, key: str) -> None:
        """Drop what is damaged: the copy here, or the manifest in the bucket."""
        if key in self._bad:
            self.bucket.remove(_artifact(key))
            self._noted(key, False)
            self._bad.discard(key)
        if self.here(key) or (self.folder(key) / DROPPED).is_file():
            super().let_go(key)

    def drop(self, key: str) -> None:
        """Let go of the copy here; the bucket keeps what it has."""
        super().drop(key)
        self.freed.append(key)

    def forget(self, key: str) -> None:
        """Have an artifact made again, here and wherever its copies are fetched to."""
        self._bad.add(key)
        self.let_go(key)

    def put(self, record: Record, value: Any) -> None:
        """Keep it here, then in the bucket; where that fails, it is kept here and is uploaded by the next run."""
        super().put(record, value)
        self.upload(record.key)

    def upload(self, key: str) -> None:
        """Write the blobs that the bucket lacks, then the manifest. Artifacts without digests stay where they are."""
        folder = self.folder(key)
        try:
            files = self._manifest(key).get("files", {})
            for name, digest in files.items():
                file, blob = folder / "value" / name, _blob(digest)
                size = file.stat().st_size
                if (size < LARGE or self.bucket.size(blob) != size) and not self.bucket.send(file, blob):
                    raise FileNotFoundError(str(file))
            if files:
                self.bucket.write(_artifact(key), (folder / MANIFEST).read_bytes())
                self._noted(key, True)
        except FileNotFoundError:
            if self.here(key):  # else another run of this folder has read it, and nobody needs it any more
                raise

    def shared(self, keys: Collection[str]) -> Iterator[str]:
        """Upload what is here of some artifacts and not in the bucket; yield sentences about that."""
        if not self.bucket.exclusive:
            yield f"bucket {self.bucket.name} cannot make an object for one of several runs: two may make the same step"
        owed = sorted(self.listing(self.root).intersection(keys) - self._artifacts())
        if owed:
            yield f"uploads {len(owed)} artifact{'s' * (len(owed) > 1)} that the bucket lacks"
        with ThreadPoolExecutor(UPLOADS) as pool:
            yield from filter(None, pool.map(self._caught_up, owed))

    def _caught_up(self, key: str) -> str:
        try:
            self.require_sound(key)
            self.upload(key)
        except DamagedArtifact as error:
            self.let_go(key)
            return str(error).replace(AGAIN, DONE)
        return ""

    def _noted(self, key: str, there: bool) -> None:
        (self._there.add if there else self._there.discard)(key)

    def _artifacts(self) -> set[str]:
        """Return the keys of manifests in the bucket, by a listing of some seconds ago."""
        if time.monotonic() - self._asked > LISTED:
            found = (_LISTED.fullmatch(name) for name in self.bucket.names("artifacts"))
            self._there = {match[2] for match in found if match}
            self._asked = time.monotonic()
        return self._there

    def _manifest_there(self, key: str) -> tuple[dict[str, Any], bytes]:
        """Return the manifest in the bucket, read and as it is.

        Raises:
            DamagedArtifact: It is not what was written.
            FileNotFoundError: There is none.
        """
        text = self.bucket.read(_artifact(key))
        self._noted(key, text is not None)
        if text is None:
            raise FileNotFoundError(key)
        try:
            data = opened(text, key, "its manifest in the bucket")
            if not all(_plain(name) and _DIGEST.fullmatch(digest) for name, digest in data["files"].items()):
                raise KeyError
        except (KeyError, TypeError, AttributeError, DamagedArtifact) as error:
            self._bad.add(key)
            raise DamagedArtifact(f"artifact {key[:16]}: its manifest in the bucket {CHANGED}; {AGAIN}") from error
        return data, text

    def _require_here(self, key: str) -> None:
        """Fetch an artifact that is not here.

        Raises:
            StepError: It is nowhere, or damaged.
        """
        try:
            self._fetch(key)
        except DamagedArtifact:
            self.let_go(key)
            raise
        except FileNotFoundError as error:
            raise StepError(f"artifact {key[:16]} is in the store no more; {AGAIN}") from error

    @ends_where_full
    def _fetch(self, key: str) -> None:
        if self.here(key):
            return
        data, text = self._manifest_there(key)
        aside = self.root / "tmp" / f"{key[:16]}-{mark()}-{uuid.uuid4().hex}"
        try:
            shared = data["type"] not in ("json", "arrays")
            for name, digest in data["files"].items():
                file = aside / "value" / name
                file.parent.mkdir(parents=True, exist_ok=True)
                if not (shared and self._link(digest, file)) and not self._download(digest, file):
                    self._bad.add(key)
                    what = data.get("label") or data["kind"]
                    raise DamagedArtifact(f"artifact {key[:16]} ({what}): {name} in the bucket {CHANGED}; {AGAIN}")
            (aside / MANIFEST).write_bytes(text)
            self._place(aside, key)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        self._sound[key] = set(data["files"])
        for name, digest in data["files"].items():
            with suppress(OSError):  # another run of this folder has let go of it already
                self.digests.tell(self.folder(key) / "value" / name, digest)

    def _download(self, digest: str, file: Path) -> bool:
        """Write a blob to a file; False = it is not there, or not what it is called, and gone now."""
        for _ in range(2):  # what went wrong on the way is no damage
            if not self.bucket.fetch(_blob(digest), file):
                return False
            if values.file_digest(file) == digest:
                return True
        self.bucket.remove(_blob(digest))  # else whoever makes it again would find it there
        return False

    def _link(self, digest: str, file: Path) -> bool:
        """Link a file of this machine that holds the same: parts of a pool would else be there as often as it grows."""
        for key in self.listing(self.root) - self._indexed:
            self._indexed.add(key)
            with suppress(DamagedArtifact, OSError):
                for name, said in self._manifest(key).get("files", {}).items():
                    self._files.setdefault(said, []).append(self.folder(key) / "value" / name)
        for other in self._files.get(digest, ()):
            with suppress(OSError):  # it has gone, or there are no links
                if self.digests.of(other) == digest:
                    os.link(other, file)
                    return True
        return False


def open_store(root: Path, address: str = "") -> LocalStore:
    """Open the store of a folder, beside a bucket where an address is given.

    Raises:
        UsageError: The folder cannot be written, or it is no address of a bucket.
    """
    return BucketStore(root, open_bucket(address)) if address else LocalStore(root)


def _artifact(key: str) -> str:
    return f"artifacts/{key[:2]}/{key}.json"


def _blob(digest: str) -> str:
    return f"blobs/{digest[:2]}/{digest}"


def _plain(name: str) -> bool:
    """Whether a file of that name lies below the folder that it is put into."""
    return not {"", ".", ".."} & set(name.split("/")) and "\\" not in name and "\0" not in name
