"""SPICE of captions, where its models are present; nothing is downloaded."""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.metrics.captions.tokens import tokenise_pairs
from benchmarks.metrics.family import Family, MetricUnavailable
from benchmarks.metrics.java import runtime as java
from benchmarks.metrics.java.ptb import find_java
from benchmarks.metrics.view import View

JAR = "spice-1.0.jar"

_SECONDS = 4 * 3600.0
# The parser writes fields of Java's own classes, which Java 16 and later allow by name only.
_OPEN = tuple(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in ("lang", "util", "math", "net", "text"))


class Spice(Family):
    """Compares n captions with n tuples of references by their scene graphs, all PTB-tokenised."""

    name: ClassVar[str] = "spice"
    version: ClassVar[int] = 1
    side: ClassVar[str] = "captioner"
    needs: ClassVar[tuple[str, ...]] = ("captions", "references", "java", "spice")
    declares: ClassVar[dict[str, dict[str, Any]]] = {
        "spice": {
            "direction": "up",
            "range": [0, 1],
            "with_n": "stable (mean over items)",
            "source": "Anderson et al., arXiv 1607.08822, F-score of scene graph tuples, mean over items",
            "misses": "fluency, and whether every caption says the same",
            "healthy": "captions shrink to a list of the right nouns",
        }
    }

    def evaluate(self, view: View) -> dict[str, float]:
        """Compute the value that `declares` names."""
        reason = java.no_spice()
        if reason is not None:
            raise MetricUnavailable(reason)
        find_java()
        return {"spice": spice(*tokenise_pairs(view.captions, view.references))}


def spice(captions: Sequence[str], references: Sequence[tuple[str, ...]]) -> float:
    """Mean SPICE (Anderson et al. 2016, eq. 3-5) over items, as pycocoevalcap's `Spice` has it.

    In [0, 1], higher is better, a mean over items and hence stable in n.

    Args:
        captions: n tokenised sentences.
        references: n tuples of tokenised sentences.

    Raises:
        MetricUnavailable: if the scorer cannot run here, with what it says; or an item has no score.
    """
    items = [
        {"image_id": i, "test": caption, "refs": list(texts)}
        for i, (caption, texts) in enumerate(zip(captions, references, strict=True))
    ]
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "captions.json"), Path(folder, "scores.json")
        source.write_text(json.dumps(items), encoding="utf-8")
        command = [str(find_java()), "-Xmx8G", *_OPEN, "-jar", JAR, str(source), "-out", str(target)]
        command += ["-subset", "-silent"]
        try:
            done = subprocess.run(
                command, cwd=java.scorer_folder("spice"), capture_output=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MetricUnavailable(f"SPICE did not run: {error}") from error
        if done.returncode or not target.is_file():
            said = done.stderr.decode(errors="replace").strip()[-300:]
            raise MetricUnavailable(f"SPICE ended with {done.returncode}: {said}")
        results = json.loads(target.read_text(encoding="utf-8"))
    scores = {item["image_id"]: _number(item["scores"]["All"]["f"]) for item in results}
    left = [i for i in range(len(items)) if not math.isfinite(scores.get(i, math.nan))]
    if left:
        raise MetricUnavailable(f"SPICE gives no score to {len(left)} of {len(items)} captions")
    return math.fsum(scores[i] for i in range(len(items))) / len(items)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
