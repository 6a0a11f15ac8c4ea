"""METEOR of captions, by the scorer of the COCO caption evaluation in one Java process that is kept."""

from __future__ import annotations

import atexit
import hashlib
import math
import os
import queue
import re
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.metrics.captions.tokens import tokenise_pairs
from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.java import runtime as java
from benchmarks.metrics.java.ptb import find_java
from benchmarks.metrics.view import View

JAR = "meteor-1.5.jar"

_SECONDS = 600.0  # for one part of the work
_PART = 500  # captions a part
_STATISTICS: dict[bytes, str] = {}
_MOST_STATISTICS = 200_000
_LINE_BREAKS = re.compile(r"[\r\n]+")


class Meteor(Family):
    """Scores n captions against n tuples of references, all PTB-tokenised.

    The first evaluation of a process waits some seconds until Java has read its table of paraphrases; the
    process stays for all that follow. Alignments are remembered, so captions that did not change cost nothing.
    """

    name: ClassVar[str] = "meteor"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "references", "java")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "meteor": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (corpus counts)",
            "source": "Denkowski and Lavie, WMT 2014 (METEOR 1.5, English), aggregated over the corpus",
            "misses": "whether every caption says the same; stems, synonyms and paraphrases hide a drift in style",
            "healthy": "captions converge on the most common form: it and its synonyms match",
        }
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the value that `declares` names."""
        find_java()
        return {"meteor": meteor(*tokenise_pairs(view.captions, view.references))}


def meteor(captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> float:
    """METEOR 1.5 of a corpus (Denkowski and Lavie 2014), as pycocoevalcap's `Meteor` has it.

    In [0, 1], higher is better; aggregated over the corpus, hence stable in n. `|||` separates sentences on the
    wire and is dropped on both sides; pycocoevalcap drops it from captions only.

    Args:
        captions: n tokenised sentences, any may be empty.
        references: n tuples of tokenised sentences.

    Raises:
        MetricUnavailable: if there is no Java, or the scorer does not start.
        RuntimeError: if the scorer dies twice at the same work, or answers something else than statistics.
    """
    lines = [_request(caption, texts) for caption, texts in zip(captions, references, strict=True)]
    keys = [hashlib.blake2b(line.encode("utf-8", errors="replace"), digest_size=16).digest() for line in lines]
    known = {key: _STATISTICS[key] for key in keys if key in _STATISTICS}
    new = {key: line for key, line in zip(keys, lines, strict=True) if key not in known}
    for start in range(0, len(new), _PART):
        part = list(new)[start : start + _PART]
        known.update(zip(part, _ask([new[key] for key in part], len(part)), strict=True))
    if len(_STATISTICS) > _MOST_STATISTICS:
        _STATISTICS.clear()
    _STATISTICS.update(known)
    answers = _ask([" ||| ".join(["EVAL", *(known[key] for key in keys)])], len(keys) + 1)
    score = float(answers[-1])
    if not math.isfinite(score):
        raise RuntimeError(f"METEOR is not a number: {answers[-1]}")
    return score


def _request(caption: str, references: Sequence[str]) -> str:
    said = _LINE_BREAKS.sub(" ", caption).replace("|||", "").replace("  ", " ")
    texts = (_LINE_BREAKS.sub(" ", text).replace("|||", "") for text in references)
    return " ||| ".join(["SCORE", *texts, said])


class MeteorProcess:
    """METEOR in a Java process that is fed line by line.

    A thread reads its answers as they come, so that no pipe fills up on either side; a process that takes too
    long is killed, which ends the waiting.

    Raises:
        MetricUnavailable: if there is no Java, or the process does not answer a first line.
    """

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        command = [str(find_java()), "-Xmx2G", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8"]
        command += ["-jar", JAR, "-", "-", "-stdio", "-l", "en", "-norm"]
        try:
            self._process = subprocess.Popen(
                command, cwd=java.scorer_folder("meteor"), bufsize=-1,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            )  # fmt: skip
        except OSError as error:
            raise MetricUnavailable(f"METEOR does not start: {error}") from error
        self._answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.ask([_request("a", ["a"])], 1)
        except RuntimeError as error:
            self.close()
            raise MetricUnavailable(f"METEOR does not start: {error}") from error

    @property
    def alive(self) -> bool:
        """Whether the process runs, and was started by this one: a fork must not speak into its parent's pipe."""
        return self.owner == os.getpid() and self._process.poll() is None

    def ask(self, lines: Sequence[str], answers: int) -> list[str]:
        """Send lines and return as many answers.

        Raises:
            RuntimeError: if the process ends, or takes longer than ten minutes and is ended.
        """
        assert self._process.stdin is not None
        late = threading.Timer(_SECONDS, self._process.kill)
        late.daemon = True
        late.start()
        try:
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode("utf-8", errors="replace"))
            self._process.stdin.flush()
            got = []
            for _ in range(answers):
                answer = self._answers.get()
                if answer is None:
                    raise RuntimeError(self._end())
                got.append(answer)
        except OSError as error:
            raise RuntimeError(self._end()) from error
        finally:
            late.cancel()
        return got

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line.decode("utf-8", errors="replace").strip())
        self._answers.put(None)

    def _end(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()[-300:]
        return f"METEOR's Java process ended with {code}{': ' if said else ''}{said}"


_KEPT: list[MeteorProcess] = []


def _process() -> MeteorProcess:
    """Return the Java process of this process, started where there is none that lives."""
    if _KEPT and not _KEPT[0].alive:
        gone = _KEPT.pop()
        if gone.owner == os.getpid():
            gone.close()
    if not _KEPT:
        _KEPT.append(MeteorProcess())
    return _KEPT[0]


def _ask(lines: Sequence[str], answers: int) -> list[str]:
    """Asks the process that is kept; one that dies at it is replaced once."""
    try:
        got = _process().ask(lines, answers)
    except RuntimeError:
        got = _process().ask(lines, answers)
    for answer in got:
        if not all(_is_number(word) for word in answer.split() or [""]):
            close()  # what else it may still answer belongs to nobody
            raise RuntimeError(f"METEOR answered {answer!r}")
    return got


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@atexit.register
def close() -> None:
    """End the Java process, where one is kept; the next evaluation starts another."""
    while _KEPT:
        process = _KEPT.pop()
        if process.owner == os.getpid():
            process.close()
