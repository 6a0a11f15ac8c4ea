"""A hub that is down is asked for nothing: plans and runs take what is here, and say in one sentence what is not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from records.place import ROOT
from tests.engine.conftest import TESTBED, write_suite


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """A hub that answers 503, and what it was asked for."""
    asked: list[str] = []

    class Down(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(503)

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Down) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize(("command", "code"), [("run", 2), ("plan", 0)])
def test_a_model_that_is_not_here(command: str, code: int, hub: tuple[str, list[str]], tmp_path: Path) -> None:
    model = {"name": "far", "class_path": "lightning_modules.captioning.captioner.CaptionerModule"}
    model |= {"hub": "some/where", "revision": "a" * 40}
    suite = write_suite(tmp_path, {**TESTBED, "captioners": [model]}, scenarios=[{"file": "single_model_captioner"}])
    address, asked = hub
    words = [command, str(suite), "--runs", str(tmp_path / "runs"), *(["--no-mirror"] if command == "run" else [])]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hub"), "HF_TOKEN": "hf_OfMineAlone"},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    said = done.stdout + done.stderr
    assert "some/where" in said
    assert "hf_OfMineAlone" not in said
    assert "Traceback" not in said
    assert asked == []
    if command == "run":
        (line,) = done.stderr.splitlines()
        assert "not in the Hugging Face cache" in line
        assert len(line) < 310
