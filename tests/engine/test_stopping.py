"""A run that is told to stop: nothing finished, nothing lost, no process left, exit code 130, one line."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.commands.stopping import LAST_WORDS
from benchmarks.study.loading import ROOT
from tests.engine.conftest import write_suite

STUCK = '''
import os, signal, time
from pathlib import Path
from benchmarks.methods.hooks import Mitigation

class Stuck(Mitigation):
    """Never ends, whatever it is told; it says who it is first."""

    reads = {{"curate": ("new",)}}

    def curate(self, ctx):
        import multiprocessing, subprocess, sys, tempfile
        if multiprocessing.parent_process() is not None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stderr=subprocess.DEVNULL)
        tempfile.mkstemp()
        Path({mark!r}).with_suffix(".part").write_text(f"{{os.getpid()}} {{child.pid}}")
        os.replace(Path({mark!r}).with_suffix(".part"), {mark!r})
        while True:
            try:
                time.sleep(600)
            except BaseException:
                pass
'''


def stuck(folder: Path) -> tuple[str, Path]:
    """Write a method that hangs; return it and the file that it writes when it does."""
    mark = folder / "stuck.pid"
    (folder / "stuck_method.py").write_text(STUCK.format(mark=str(mark)))
    return f"{folder / 'stuck_method.py'}:Stuck", mark


def command(suite: Path, runs: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks", "run", str(suite), "--runs", str(runs), "--no-mirror", *more]


def wait_for(file: Path, process: subprocess.Popen[str]) -> list[int]:
    """Return a handle of every process that a hung step names."""
    deadline = time.monotonic() + 120
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.05)
    return [os.pidfd_open(int(pid)) for pid in file.read_text().split()]


def all_gone(handles: list[int]) -> bool:
    """Say whether all of these processes end soon."""
    return all(select.select([handle], [], [], 30)[0] for handle in handles)


@pytest.mark.parametrize(
    ("number", "group", "workers"),
    [
        (signal.SIGINT, True, "2"),
        *(
            pytest.param(number, False, workers, marks=pytest.mark.slow)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            for workers in ("1", "0")
        ),
    ],
)
def test_whoever_is_told_to_stop_stops(number: int, group: bool, workers: str, tmp_path: Path) -> None:
    """Also where a hook swallows all it is told; Ctrl-C of a terminal goes to every process of its group."""
    method, mark = stuck(tmp_path)
    suite, temporary = write_suite(tmp_path, seeds=[0], iterations=1), tmp_path / "temporary"
    temporary.mkdir()
    given = command(suite, tmp_path / "runs", "--workers", workers, "--method", method, "--mitigations", "[none]")
    process = subprocess.Popen(
        given, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    handles = wait_for(mark, process)
    (os.killpg if group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    # Python's own tracker may find later that a semaphore it was to remove is gone already, and says so.
    assert [line for line in said.splitlines() if "resource_tracker" not in line][-1] == LAST_WORDS
    assert said.count(LAST_WORDS) == 1
    assert "Traceback" not in said
    assert all_gone(handles if workers != "0" else handles[:1])
    for handle in handles:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
    assert not [r for r in (tmp_path / "runs").rglob("results/*.json") if "Stuck" in r.read_text()]
    if workers != "0":
        assert not list(temporary.iterdir())


def test_a_command_that_is_still_loading_stops_too(tmp_path: Path) -> None:
    code = "import os, signal, benchmarks.__main__ as m\nimport benchmarks.commands.stopping as s\n"
    code += "with s.stoppable():\n    os.kill(os.getpid(), signal.SIGTERM)\n    import benchmarks.commands.main\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, f"{LAST_WORDS}\n")


@pytest.mark.parametrize("swallow", ["KeyboardInterrupt: pass", "KeyboardInterrupt: raise SystemExit(1)"])
def test_a_library_that_swallows_it_changes_nothing(swallow: str) -> None:
    code = "import os, signal\nimport benchmarks.commands.stopping as s\ns.GRACE = 0.2\nwith s.stoppable():\n"
    code += f"    try: os.kill(os.getpid(), signal.SIGINT); input()\n    except {swallow}\n    while True: pass\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (130, f"{LAST_WORDS}\n")


def test_what_a_killed_run_left_in_the_temporary_folder_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.storage.scratch import PREFIX, Scratch

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, mine = tmp_path / f"{PREFIX}left", Scratch()
    left.mkdir()
    (left / "job.pt").write_text("x")
    other = Scratch()
    assert sorted(tmp_path.iterdir()) == sorted([mine.folder, other.folder])
    mine.remove()
    other.remove()
    assert not list(tmp_path.iterdir())


DRAWING = """
import sys, time
from pathlib import Path
from benchmarks import __main__ as program
from benchmarks.reporting import cell_pictures

def never(*_):
    Path({mark!r}).touch()
    time.sleep(600)

cell_pictures.write_pictures = never
if __name__ == "__main__":
    sys.argv[1:] = {words!r}
    sys.exit(program.main())
"""


@pytest.mark.slow
def test_pictures_that_are_being_drawn_hold_nobody_back(tmp_path: Path) -> None:
    mark, suite = tmp_path / "mark", write_suite(tmp_path, seeds=[0], iterations=1, mitigations=["none"])
    words = command(suite, tmp_path / "runs", "--workers", "1")[3:]
    (tmp_path / "drawing.py").write_text(DRAWING.format(mark=str(mark), words=words))
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "drawing.py")], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    wait_for(mark, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == LAST_WORDS
