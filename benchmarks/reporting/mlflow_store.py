"""MLflow's database in the runs folder: held alone, whole, and at home where the folder lies now."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from records.secrets import hidden

DATABASE, ARTIFACTS = "mlflow.db", "mlartifacts"
#: Seconds that one mirror waits for another on the same folder.
PATIENCE = 60.0
#: Seconds in which a server answers, or is down.
PROBE = 10.0


def store_uri(runs: Path) -> str:
    """Return where runs are tracked: MLFLOW_TRACKING_URI, else an SQLite file in the runs folder."""
    return os.environ.get("MLFLOW_TRACKING_URI", "").strip() or own_uri(runs)


def own_uri(runs: Path) -> str:
    """Return the address of the runs folder's own database."""
    return f"sqlite:///{_plain(runs) / DATABASE}"


def artifacts_uri(runs: Path) -> str:
    """Return where the local database keeps its files."""
    return (_plain(runs) / ARTIFACTS).as_uri()


def shown(text: object) -> str:
    """Return an address or an error in one line that holds no password."""
    return hidden(" ".join(str(text).split()))


def require_answer(uri: str) -> None:
    """Ask a server for anything, once: MLflow would ask it again and again, and say nothing meanwhile.

    Raises:
        OSError: It does not answer in `PROBE` seconds; whatever it answers, it is there.
    """
    server = urlsplit(uri)
    if server.scheme not in ("http", "https"):
        return
    kind = HTTPSConnection if server.scheme == "https" else HTTPConnection
    with closing(kind(server.hostname or "", server.port, timeout=PROBE)) as line:
        try:
            line.request("GET", f"{server.path.rstrip('/')}/health")
            line.getresponse()
        except HTTPException as error:
            raise OSError(f"no server of HTTP answers there ({type(error).__name__})") from error


@contextmanager
def held(runs: Path, uri: str) -> Iterator[None]:
    """Hold the runs folder's own database, mended; any other address is the business of whoever runs it.

    Raises:
        TimeoutError: Another mirror has held it for too long.
        sqlite3.OperationalError: It cannot be written.
    """
    if uri != own_uri(runs):
        yield
        return
    runs.mkdir(parents=True, exist_ok=True)
    with _alone(runs / "mlflow.lock"):
        mend(runs)
        yield


def mend(runs: Path) -> None:
    """Set a broken database aside, and tell a whole one where its files lie now: the folder may have been moved."""
    file = runs / DATABASE
    try:
        with closing(sqlite3.connect(file, timeout=PATIENCE)) as database, database:
            database.execute("BEGIN IMMEDIATE")  # fails here where it cannot be written, and not after minutes
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                raise sqlite3.DatabaseError("malformed")
            _move_in(database, artifacts_uri(runs))
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        set_aside(runs)


def set_aside(runs: Path) -> None:
    """Rename a database that cannot be used: MLflow's copy can always be made again."""
    file = runs / DATABASE
    number = next(n for n in range(1, 10**6) if not file.with_name(f"{DATABASE}.broken-{n}").exists())
    os.replace(file, file.with_name(f"{DATABASE}.broken-{number}"))
    for ending in ("-journal", "-wal", "-shm"):
        file.with_name(DATABASE + ending).unlink(missing_ok=True)


def _move_in(database: sqlite3.Connection, home: str) -> None:
    """Let every address of files that lie in a folder `mlartifacts` begin with the one that is here."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
        if table not in tables:
            continue  # a new database
        search = f"SELECT DISTINCT {column} FROM {table} WHERE {column} LIKE 'file:%/{ARTIFACTS}%'"  # noqa: S608 (ours)
        places = database.execute(search)
        for (place,) in places.fetchall():
            head, name, rest = place.partition(f"/{ARTIFACTS}")
            if head + name != home and (not rest or rest.startswith("/")):
                change = f"UPDATE {table} SET {column} = ? WHERE {column} = ?"  # noqa: S608 (both names are ours)
                database.execute(change, (home + rest, place))


def _plain(runs: Path) -> Path:
    """Return the folder under a name that an address can hold: MLflow reads ?, % and # as more than letters."""
    folder = runs.resolve()
    if not re.search(r"[?%#]", str(folder)):
        return folder
    named = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    link = Path(tempfile.gettempdir()).resolve() / f"mmcollapse-{os.getuid()}-{named}"
    if not link.is_symlink() or Path(os.readlink(link)) != folder:
        link.unlink(missing_ok=True)
        link.symlink_to(folder)
    return link


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait for other mirrors of the folder; whoever is killed lets go."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    with lock.open("a") as stream:
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() - began > PATIENCE:
                    raise TimeoutError(f"another mirror of {lock.parent} takes long") from error
                time.sleep(0.1)
        yield
