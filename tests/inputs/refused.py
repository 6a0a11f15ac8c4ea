"""What every kind of bad input has in common: `plan` and `run` refuse it in the same sentence and write nothing."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands.main import main

#: A sentence is shorter than this.
MOST = 300


def refused(suite: Path | str, *said: str, arguments: Sequence[str] = ()) -> str:
    """Assert that both commands refuse a suite alike and leave no file; return the sentence without "error: ".

    Args:
        suite: A suite's file, or its name.
        said: Parts that the sentence must hold.
        arguments: What stands behind the suite on the command line, such as `--method FILE` or overrides.
    """
    near = Path(suite).resolve().parent if Path(suite).is_file() else Path.cwd()
    runs = near / "runs-that-must-not-be"
    before = _listing(near) if Path(suite).is_file() else set()
    sentences = []
    for command in (["plan"], ["run", "--no-mirror"]):
        error = io.StringIO()
        with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
            code = main([command[0], str(suite), "--runs", str(runs), *command[1:], *arguments])
        assert code == 2, f"{command[0]} ended with {code}: {error.getvalue()}"
        sentences.append(error.getvalue())
    assert sentences[0] == sentences[1], f"plan said {sentences[0]!r}\nrun said {sentences[1]!r}"
    lines = sentences[0].strip("\n").split("\n")
    assert len(lines) == 1, sentences[0]
    assert lines[0].startswith("error: ")
    sentence = lines[0].removeprefix("error: ")
    assert len(sentence) < MOST, sentence
    assert not runs.exists()
    if Path(suite).is_file():
        assert _listing(near) == before
    for part in said:
        assert part in sentence, f"{part!r} is not in {sentence!r}"
    return sentence


def _listing(folder: Path) -> set[str]:
    """Return the files below a folder; caches of imported Python files aside."""
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if "__pycache__" not in p.parts}


def one_sentence(error: BaseException, *parts: str) -> None:
    """The error is one short sentence that holds these parts."""
    said = str(error)
    assert len(said) < 300, said
    assert said.isprintable()
    assert "allowed: " in said
    for part in parts:
        assert part in said
