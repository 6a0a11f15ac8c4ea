"""Caption scores, ours beside `COCOEvalCap`'s parts in one run: `python -m benchmarks.speed.captions --help`."""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.meteor.meteor import Meteor
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from tabulate import tabulate

from benchmarks.metrics.captions import meteor
from benchmarks.metrics.captions.overlap import bleu, document_frequencies, rouge_l
from benchmarks.metrics.captions.tokens import tokenise_pairs
from benchmarks.metrics.java.ptb import find_java, plain

REFERENCES = 5
TARGETS = {"tokens, BLEU, CIDEr, ROUGE": 3.0, "METEOR": 2.0}

_PHRASES = {
    "article": "A|The|Two|An|Some|There is a|3",
    "who": "man|woman|boy|girl|dog|cat|horse|bird|surfer|skier|tennis player|chef|child|cyclist|bear|zebra|giraffe|"
    "elephant|cow|sheep|bus|train|truck|boat|motorcycle|plane|clock|laptop|pizza|sandwich|couch|bench|kite|umbrella",
    "how": "young|old|small|large|brown|white|black|striped|red|yellow|wooden|empty|well-lit|snow-covered|two-story|"
    "half-eaten|smiling|sleeping|wet|rusty|colorful|tall|busy",
    "does": "sitting|standing|riding|holding|looking|walking|lying|jumping|eating|waiting|resting|playing|leaning",
    "place": "on|next to|in front of|under|beside|near|behind|on top of|across from|with",
    "whose": "a|the|his|someone's",
    "thing": "table|street|beach|field|kitchen|mirror|fence|tree|window|train-track|mountain|lake|sidewalk|bridge|"
    "counter|bowl|suitcase|tennis court|baseball field|living room|parking lot",
    "odd": "near a \"stop\" sign|in the U.S|at 5 o'clock|(blurred)|that isn't moving",
}
_WORDS = {name: phrases.split("|") for name, phrases in _PHRASES.items()}


def caption(rng: random.Random) -> str:
    """Write one caption as people write them: a capital, mostly a full stop, now and then what needs the tokeniser."""

    def pick(*names: str) -> list[str]:
        return [rng.choice(_WORDS[name]) for name in names]

    words = [*pick("article", "how", "who", "does", "place", "whose", "how", "thing")]
    if rng.random() < 0.2:
        words[-1] += ","
        words += ["and", *pick("whose", "who", "does")]
    if rng.random() < 0.05:
        words += pick("odd")
    return " ".join(words) + rng.choice([".", ".", ".", ".", "", " ."])


def captions(n: int, seed: int) -> list[str]:
    """Write n captions."""
    rng = random.Random(seed)  # noqa: S311 (made-up captions)
    return [caption(rng) for _ in range(n)]


def references(n: int, seed: int) -> list[tuple[str, ...]]:
    """Write n tuples of references."""
    rng = random.Random(seed)  # noqa: S311 (made-up captions)
    return [tuple(caption(rng) for _ in range(REFERENCES)) for _ in range(n)]


def theirs(said: Sequence[str], real: Sequence[tuple[str, ...]]) -> tuple[dict[str, float], dict[str, float]]:
    """Do what `COCOEvalCap.evaluate` does, without SPICE: seconds and scores."""
    clock = _Clock()
    gts: dict[int, Any] = {i: [{"caption": text} for text in texts] for i, texts in enumerate(real)}
    res: dict[int, Any] = {i: [{"caption": text}] for i, text in enumerate(said)}
    gts, res = clock("tokens", lambda: (PTBTokenizer().tokenize(gts), PTBTokenizer().tokenize(res)))
    scores = {"BLEU": clock("BLEU", lambda: Bleu(4).compute_score(gts, res, verbose=0)[0][3])}
    scores["METEOR"] = clock("METEOR", lambda: Meteor().compute_score(gts, res)[0])
    scores["ROUGE"] = clock("ROUGE", lambda: Rouge().compute_score(gts, res)[0])
    scores["CIDEr"] = clock("CIDEr", lambda: Cider().compute_score(gts, res)[0])
    return clock.seconds, scores


def ours(said: Sequence[str], real: Sequence[tuple[str, ...]]) -> tuple[dict[str, float], dict[str, float]]:
    """Do the same with this project's functions, frequencies pinned to the same references: seconds and scores."""
    clock = _Clock()
    tokens = clock("tokens", lambda: tokenise_pairs(said, real))
    scores = {"BLEU": clock("BLEU", lambda: bleu(*tokens)[3])}
    scores["METEOR"] = clock("METEOR", lambda: meteor.meteor(*tokens))
    scores["ROUGE"] = clock("ROUGE", lambda: rouge_l(*tokens))
    scores["CIDEr"] = clock("CIDEr", lambda: document_frequencies(real).score(*tokens))
    return clock.seconds, scores


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        made = work()
        self.seconds[name] = time.perf_counter() - start
        return made


def table(n: int, repeats: int) -> tuple[str, dict[str, float]]:
    """Measure: the table as text, and how many times faster each targeted row is.

    Raises:
        AssertionError: if a score is not the same on both sides to 1e-9.
    """
    os.environ["PATH"] = f"{find_java().parent}{os.pathsep}{os.environ['PATH']}"
    real = references(n, seed=0)
    first, _ = ours(captions(n, seed=1), real)
    rounds = []
    for repeat in range(repeats):
        said = captions(n, seed=2 + repeat)
        rounds.append((theirs(said, real), ours(said, real)))
        for name, score in rounds[-1][0][1].items():
            assert abs(score - rounds[-1][1][1][name]) <= 1e-9 * max(1, abs(score)), name
    sides = [{name: statistics.median(r[side][0][name] for r in rounds) for name in first} for side in (0, 1)]
    for seconds in (*sides, first):
        seconds["tokens, BLEU, CIDEr, ROUGE"] = sum(seconds[name] for name in ("tokens", "BLEU", "CIDEr", "ROUGE"))
    faster = {name: sides[0][name] / sides[1][name] for name in first}
    rows = [
        [name, sides[0][name], sides[1][name], first[name], f"{faster[name]:.1f}", _target(name, faster[name])]
        for name in ("tokens", "BLEU", "CIDEr", "ROUGE", *TARGETS)
    ]
    head = ["", "COCOEvalCap, s", "ours, s", "ours, first time, s", "times faster", "target"]
    share = sum(plain(text) is not None for text in captions(n, seed=2)) / n
    text = tabulate(rows, head, tablefmt="pipe", floatfmt=".2f", disable_numparse=[4])
    return (
        f"{n:,} captions x {REFERENCES} references, median of {repeats} evaluations with new captions against the same "
        f"references; {share:.0%} of the captions need no Java. Scores agree to 1e-9.\n\n{text}"
    ), {name: faster[name] for name in TARGETS}


def _target(name: str, faster: float) -> str:
    if name not in TARGETS:
        return ""
    return f"{TARGETS[name]:g}: {'met' if faster >= TARGETS[name] else 'missed'}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.captions", description=__doc__)
    parser.add_argument("--captions", type=int, default=5000, help="captions of one evaluation (default 5000)")
    parser.add_argument("--repeats", type=int, default=3, help="evaluations that are measured (default 3)")
    parsed, _ = parser.parse_known_args(arguments)  # other tables have arguments of their own
    print(table(parsed.captions, parsed.repeats)[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
