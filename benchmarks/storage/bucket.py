"""An object store below one address: whole objects, read and written through fsspec, asked again for a while.

What an object store has, and no more: it writes an object whole or not at all, lists names, and makes an object that is
not there (`mode="create"`, a conditional write). There are no folders, no renames and no locks.
"""

from __future__ import annotations

import errno
import re
import time
import uuid
from collections.abc import Callable
from copy import copy
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

from records.errors import StepError, UsageError, brief
from records.secrets import hidden

#: Seconds for which a request that fails is made again: a store that is restarted or asks for less is back by then.
PATIENCE = 120.0
#: Seconds before it is made again, doubled each time, and at most.
FIRST, MOST = 1.0, 20.0
#: What is wrong with the disk of this machine, not with the bucket.
OWN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
#: What an address looks like, and what there is to install for the usual ones.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s:]*[^\s:/]\S*")
PACKAGES = {"s3": "mmcollapse[s3]", "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "az": "adlfs"}

T = TypeVar("T")


class Unreachable(StepError):
    """A bucket does not answer, or refuses."""


class Bucket:
    """The objects below one address.

    Args:
        files: A file system of fsspec without a cache of listings.
        base: Where in it the objects lie.
        name: The address, for people: without secrets.
        patience: Seconds for which a request that fails is made again.
        sleep: Waits for so many seconds.
        clock: Seconds.

    Attributes:
        exclusive: Whether it makes an object for one of several that want to; `require_usable` finds out.
    """

    def __init__(
        self,
        files: Any,
        base: str,
        name: str,
        patience: float = PATIENCE,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.files, self.base, self.name = files, base.rstrip("/"), name
        self.patience, self.sleep, self.clock = patience, sleep, clock
        self.exclusive = True
        self._at_once = {"max_concurrency": 1} if _asks_for_sizes(files) else {}
        self._down = False  # after a request was given up, the next ones fail at once, until one is answered

    def hurried(self) -> Bucket:
        """Return the same bucket, for requests that are made once."""
        other = copy(self)
        other.patience = 0.0
        return other

    def require_usable(self) -> None:
        """Ask it, once, for all that a run will ask it for, and see whether it makes objects exclusively.

        Raises:
            UsageError: It does not answer, or refuses something.
        """
        quick, probe = self.hurried(), f"probes/{uuid.uuid4().hex}"
        try:
            quick.read(probe)
            quick.write(probe, b"1")
            try:
                self.exclusive = not quick.create(probe, b"2")
            except Unreachable:  # it does not know such writes
                self.exclusive = False
            quick.names("probes")
            quick.remove(probe)
        except Unreachable as error:
            why = str(error.__cause__ and _said(error.__cause__))
            raise UsageError(
                f"--bucket {self.name}: cannot be used ({why}); allowed: one that answers, in which you may read, "
                "write, list and delete"
            ) from error

    def read(self, path: str) -> bytes | None:
        """Return what an object holds; None = there is none."""
        try:
            found: bytes = self._asked(lambda: self.files.cat_file(self._where(path), **self._at_once), absent=True)
        except FileNotFoundError:
            return None
        return found

    def write(self, path: str, content: bytes) -> None:
        """Write an object whole, whatever was there."""
        self._asked(lambda: self.files.pipe_file(self._where(path), content))

    def create(self, path: str, content: bytes) -> bool:
        """Write an object that is not there; False = it is.

        Where a store cannot do so exclusively, of two that do so at once both may find that they have; mostly the one
        that wrote last alone does.
        """
        if not self.exclusive:
            if self.read(path) is not None:
                return False
            self.write(path, content)
            return self.read(path) == content
        try:
            self._asked(lambda: self._create(self._where(path), content))
        except FileExistsError:
            return False
        return True

    def _create(self, where: str, content: bytes) -> None:
        try:
            self.files.pipe_file(where, content, mode="create")
        except FileExistsError:
            raise
        except OSError as error:
            # Some servers refuse without a word on which condition did not hold.
            if error.errno == errno.EINVAL and self.files.exists(where):
                raise FileExistsError(where) from error
            raise

    def send(self, file: Path, path: str) -> bool:
        """Write a file as an object, whatever was there; False = there is no such file, or no more."""

        def sent() -> bool:
            try:
                self.files.put_file(str(file), self._where(path))
            except FileNotFoundError:
                if file.exists():
                    raise
                return False
            return True

        return self._asked(sent)

    def fetch(self, path: str, file: Path) -> bool:
        """Write an object to a file; False = there is none."""
        try:
            self._asked(lambda: self.files.get_file(self._where(path), str(file)), absent=True)
        except FileNotFoundError:
            return False
        return True

    def size(self, path: str) -> int | None:
        """Return how many bytes an object has; None = there is none."""
        try:
            found: int = self._asked(lambda: self.files.info(self._where(path))["size"], absent=True)
        except FileNotFoundError:
            return None
        return found

    def remove(self, path: str) -> None:
        """Remove an object, which may be gone already."""
        try:
            self._asked(lambda: self.files.rm_file(self._where(path)), absent=True)
        except FileNotFoundError:
            return

    def names(self, folder: str) -> list[str]:
        """Return what the objects below a path are called from there on, asked for anew."""
        where = self._where(folder) + "/"

        def listed() -> list[str]:
            self.files.invalidate_cache()
            return list(self.files.find(where.rstrip("/")))

        try:
            found = self._asked(listed, absent=True)
        except FileNotFoundError:
            return []
        return [name.removeprefix(where) for name in found if name.startswith(where)]

    def _where(self, path: str) -> str:
        return f"{self.base}/{path}"

    def _asked(self, what: Callable[[], T], absent: bool = False) -> T:
        """Return an answer; where none comes, ask again for a while.

        Args:
            what: Asks.
            absent: Whether it is an answer that there is no such object; else there is no such bucket.

        Raises:
            Unreachable: There was none, or it was a refusal.
        """
        end, pause = self.clock() + (0.0 if self._down else self.patience), FIRST
        while True:
            try:
                found = what()
            except Exception as error:
                known = (FileExistsError, FileNotFoundError) if absent else (FileExistsError,)
                if isinstance(error, known) or (isinstance(error, OSError) and error.errno in OWN):
                    self._down = self._down and not isinstance(error, known)
                    raise
                if isinstance(error, PermissionError) or self.clock() + pause > end:
                    self._down = True
                    raise Unreachable(
                        f"bucket {brief(self.name)} does not answer ({_said(error)}); what was made is kept on its "
                        "machine, and the same command goes on and uploads it"
                    ) from error
            else:
                self._down = False
                return found
            self.sleep(pause)
            pause = min(2 * pause, MOST)


def open_bucket(address: str) -> Bucket:
    """Return the bucket of an address such as `s3://name/prefix`; nothing is asked of it yet.

    Credentials and endpoints come from where the packages of fsspec look for them: the environment, and their files.

    Raises:
        UsageError: It is no such address, or nothing here knows how to reach it.
    """
    name = hidden(address)
    if not _ADDRESS.fullmatch(address) or "::" in address:
        raise UsageError(f"--bucket: found {name!r}; allowed: an address such as s3://name/prefix")
    protocol = address.partition("://")[0]
    try:
        files, base = _opened(protocol, address)
    except ImportError as error:
        package = PACKAGES.get(protocol)
        need = f"pip install '{package}'" if package else _said(error)
        raise UsageError(f"--bucket {name}: a package is missing that reaches {protocol}://; {need}") from error
    except Exception as error:  # of several kinds, by what a package looks for when it begins
        raise UsageError(f"--bucket {name}: cannot be opened ({_said(error)})") from error
    return Bucket(files, base, name, PATIENCE)


def _opened(protocol: str, address: str) -> tuple[Any, str]:
    """Return a file system of our own, which remembers no listing: others write there, too."""
    from fsspec.core import url_to_fs

    if protocol in ("file", "local"):
        from benchmarks.storage.bucket_folder import BucketFolder

        return BucketFolder(), BucketFolder._strip_protocol(address)
    files, base = url_to_fs(address, use_listings_cache=False, skip_instance_cache=True)
    return files, base


def _asks_for_sizes(files: Any) -> bool:
    """Whether a file system asks for the size of what it reads, which is small here, unless it is told not to."""
    return "max_concurrency" in signature(getattr(files, "_cat_file", len)).parameters


def _said(error: BaseException) -> str:
    """Return what an error says, in few words and without secrets."""
    return brief(hidden(f"{type(error).__name__}: {' '.join(str(error).split())}"), 90)
