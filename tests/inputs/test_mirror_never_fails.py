"""After the compute nothing may fail a run: a copy in MLflow that cannot be made is one line, and can be made later."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from benchmarks.reporting import cell_pictures, mlflow_store, tracking
from benchmarks.reporting.mlflow_store import DATABASE, mend, set_aside, shown, store_uri
from tests.engine.conftest import write_suite

RUN = ("--workers", "0")


def bench(suite: Path, runs: Path, *more: str) -> int:
    return main(["run", str(suite), "--runs", str(runs), *RUN, "--seeds", "[0]", *more])


def page(runs: Path) -> str:
    """Return the board of the study with one seed, which is not that of all seeds."""
    (file,) = (runs / "small" / "with").glob("*/leaderboard.md")
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("http://me:secret@host:1/x", "http://***@host:1/x"),
        ("postgresql://me:p@ss@host/db", "postgresql://***@host/db"),
        ("http://me:a/b@host/db", "http://***@host/db"),
        ("https://host/?token=abc&x=1", "https://host/?token=***&x=1"),
        ("two\nlines of mysql://a:b@c", "two lines of mysql://***@c"),
        ("sqlite:////runs/mlflow.db", "sqlite:////runs/mlflow.db"),
    ],
)
def test_no_password_is_printed(said: str, seen: str) -> None:
    assert shown(said) == seen


@pytest.mark.parametrize(
    "error",
    [
        ImportError("No module named 'mlflow'"),
        OSError(28, "No space left on device"),
        RuntimeError("[/x] unbalanced: http://me:secret@host refused"),
        sqlite3.OperationalError("database is locked"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_copy_is_one_line_and_the_board_does_not_wait_for_it(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    there: list[bool] = []

    def refused(*_: Any, **__: Any) -> None:
        there.append("single_model_generator" in page(tmp_path / "runs"))
        raise error

    monkeypatch.setattr(tracking, "mirror", refused)
    assert bench(write_suite(tmp_path), tmp_path / "runs") == 0
    assert there == [True]
    printed = capsys.readouterr()
    assert "generator" in printed.out
    assert "leaderboard.md" in printed.out
    notes = [line for line in printed.err.splitlines() if line.startswith("note: MLflow")]
    assert len(notes) == 1
    assert len(notes[0]) < 300
    assert "secret" not in notes[0]
    assert main(["mirror", str(tmp_path / "small.yaml"), "--runs", str(tmp_path / "runs")]) == 1


def test_a_picture_that_cannot_be_drawn_is_one_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no font")

    from benchmarks.reporting.pages import figures

    monkeypatch.setattr(cell_pictures, "write_pictures", broken)
    monkeypatch.setattr(figures, "main_figures", broken)
    assert bench(write_suite(tmp_path), tmp_path / "runs", "--no-mirror") == 0
    printed = capsys.readouterr()
    assert "leaderboard.md" in printed.out
    assert "single_model_generator" in page(tmp_path / "runs")
    notes = [line for line in printed.err.splitlines() if "pictures" in line]
    assert len(notes) == 3  # of two cells, and of the board
    assert all("no font" in note for note in notes)


LEAKING = """
import os
from benchmarks.methods.hooks import Mitigation

class Leaking(Mitigation):
    reads = {"curate": ("new",)}

    def curate(self, ctx):
        raise RuntimeError(f"{os.environ['HF_TOKEN']} was refused by http://me:{os.environ['PASS_WORD']}@host/x")
"""


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes what it is sent and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://me:secret@127.0.0.1:{server.getsockname()[1]}/"


@pytest.fixture
def failing() -> Iterator[str]:
    """The address of a server that has another 503 for whatever it is asked."""

    class Failing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://me:secret@127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("server", ["silent", "closed", "failing"])
def test_a_server_that_does_not_answer_ends_with_one_line(
    server: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The study has its exit code, its board, and the list of what failed before MLflow is asked."""
    address = "http://me:secret@127.0.0.1:9/" if server == "closed" else request.getfixturevalue(server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(mlflow_store, "PROBE", 0.2)
    (tmp_path / "broken.py").write_text(LEAKING.replace("RuntimeError(", "RuntimeError('broken') #"))
    more = ["--method", f"{tmp_path / 'broken.py'}:Leaking"] if server == "silent" else []
    assert bench(write_suite(tmp_path), tmp_path / "runs", *more) == len(more) // 2
    printed = capsys.readouterr()
    notes = [line for line in printed.err.splitlines() if line.startswith("note: MLflow has no copy (")]
    assert len(notes) == 1
    assert "secret" not in printed.err + printed.out
    assert "leaderboard.md" in printed.out
    if server == "silent":
        failed = printed.err.index("\nfailed: ")
        assert failed < printed.err.index(notes[0])


def test_whoever_does_not_wait_for_mlflow_sees_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def stopped(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tracking, "mirror", stopped)
    with pytest.raises(KeyboardInterrupt):
        bench(write_suite(tmp_path), tmp_path / "runs")
    assert "leaderboard.md" in capsys.readouterr().out


def test_no_secret_is_in_what_a_run_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    secrets = {"HF_TOKEN": "hf_QvGzTokenOfMine", "PASS_WORD": "sesame", "MLFLOW_TRACKING_PASSWORD": "correct-horse"}
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    address = "http://me:sesame@127.0.0.1:9/?password=correct-horse"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    method, runs = tmp_path / "leaking.py", tmp_path / "runs"
    method.write_text(LEAKING)
    assert bench(write_suite(tmp_path), runs, "--method", f"{method}:Leaking") == 1
    assert main(["ui", str(tmp_path / "small.yaml"), "--runs", str(runs)]) == 2
    printed = capsys.readouterr()
    assert "*** was refused by http://***@host/x" in printed.err
    left = b"".join(file.read_bytes() for file in runs.rglob("*") if file.is_file())
    assert b"was refused by" in left
    for value in secrets.values():
        assert value not in printed.out + printed.err
        assert value.encode() not in left


BROKEN = {
    "noise": lambda file: file.write_bytes(b"\x07" * 5000),
    "a text": lambda file: file.write_text("moved\n"),
    "cut": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
}


def small_database(file: Path, home: str) -> None:
    with sqlite3.connect(file) as made:
        made.execute("CREATE TABLE experiments (artifact_location TEXT)")
        made.execute("CREATE TABLE runs (artifact_uri TEXT, filler TEXT)")
        made.execute("INSERT INTO experiments VALUES (?)", (home,))
        made.executemany("INSERT INTO runs VALUES (?, ?)", [(f"{home}/{n}/artifacts", "x" * 2000) for n in range(20)])
    made.close()


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_database_is_set_aside(kind: str, tmp_path: Path) -> None:
    small_database(tmp_path / DATABASE, "file:///runs/mlartifacts")
    BROKEN[kind](tmp_path / DATABASE)
    mend(tmp_path)
    assert not (tmp_path / DATABASE).exists()
    assert (tmp_path / f"{DATABASE}.broken-1").exists()
    small_database(tmp_path / DATABASE, "file:///runs/mlartifacts")
    set_aside(tmp_path)
    assert (tmp_path / f"{DATABASE}.broken-2").exists()


@pytest.mark.parametrize("old", ["file:///gone/runs/mlartifacts", "file:///a%20b/mlartifacts"])
def test_files_of_a_moved_folder_go_where_it_is_now(old: str, tmp_path: Path) -> None:
    small_database(tmp_path / DATABASE, old)
    mend(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as made:
        places = [p for (p,) in made.execute("SELECT artifact_location FROM experiments")]
        runs = [p for (p,) in made.execute("SELECT artifact_uri FROM runs")]
    made.close()
    home = (tmp_path / "mlartifacts").as_uri()
    assert places == [home]
    assert runs == [f"{home}/{n}/artifacts" for n in range(20)]


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a#b", "100%", "?mode=ro", "a b", "Läufe"])
def test_every_folder_has_an_address(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    runs = tmp_path / name
    runs.mkdir()
    address = store_uri(runs).removeprefix("sqlite:///")
    assert not set(address) & set("?%#")
    Path(address).write_text("here")
    assert (runs / DATABASE).read_text() == "here"


def test_mirrors_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(mlflow_store, "PATIENCE", 0.0)
    with (
        mlflow_store.held(tmp_path, store_uri(tmp_path)),
        pytest.raises(TimeoutError, match="another mirror"),
        mlflow_store.held(tmp_path, store_uri(tmp_path)),
    ):
        pass


@pytest.mark.slow
def test_a_copy_survives_what_happens_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A hostile name, a half-made database, a moved folder, a run and an experiment of somebody else's."""
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        monkeypatch.setenv(name, "1234")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    suite, runs = write_suite(tmp_path), tmp_path / "50%20?#"
    assert bench(suite, runs) == 0
    assert "created=2" in capsys.readouterr().err
    moved = tmp_path / "moved"
    shutil.move(runs, moved)
    (results,) = (moved / "small" / "with").glob("*/results")
    shutil.rmtree(results)
    assert bench(suite, moved) == 0
    assert "replaced=2" in capsys.readouterr().err
    assert not runs.exists()
    half = tmp_path / "half"
    shutil.copytree(moved, half)
    with sqlite3.connect(half / DATABASE) as database:
        database.execute("DROP TABLE alembic_version")
    database.close()
    assert bench(suite, half) == 0
    assert "created=2" in capsys.readouterr().err
    assert (half / f"{DATABASE}.broken-1").exists()


@pytest.mark.slow
def test_a_server_that_is_down_is_asked_for_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9/")
    assert bench(write_suite(tmp_path), tmp_path / "runs") == 0
    printed = capsys.readouterr().err
    assert "note: MLflow has no copy" in printed
    assert "secret" not in printed
