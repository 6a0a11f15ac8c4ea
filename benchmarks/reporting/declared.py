"""What metrics and methods say of themselves, as rows of the tables that pages show; free of torch.

A page asks with a block that `leaderboard.pages` fills in:

    <!-- metrics captioner -->
    <!-- methods merging -->
    <!-- transfer captioner scenes_board_captioner scenes_second_base -->
    <!-- end -->

The first has every metric of a side, as the families in `benchmarks.metrics` declare them; the second every shipped
method of a group; the third, from committed entries, how alike boards rank that side's methods.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks import metrics
from benchmarks.methods.ready import Ready, make_method
from benchmarks.study.loading import SUITES
from records.errors import UsageError
from records.names import MODALITIES
from records.sources import class_names, read_class

Rows = list[Sequence[str]]

SIDES = ("captioner", "generator", "set")
METRIC_HEAD = ("metric", "direction", "range", "with n", "misses", "can look healthy during collapse when", "source")
METHOD_HEAD = ("name", "source", "what it does", "constants", "ranked on", "takes beyond `none`")
#: Groups of methods by what they change, each with the hooks that say so; the first that fits holds.
HOOKS_OF = {
    "merging": ("merge",),
    "sampling": ("sampling", "auxiliary"),
    "training": ("objective",),
    "data": ("prompts", "relabel", "curate", "draw_count"),
}
GROUPS = ("controls", "data", "choosing", "scenario", *(g for g in HOOKS_OF if g != "data"), "composed")
CONTROLS = ("none", "real")
#: Where the kinds of sources lie.
LINKS = {
    re.compile(r"(?:arXiv )?(\d{4}\.\d{4,5})"): r"[\1](https://arxiv.org/abs/\1)",
    re.compile(r"OpenReview ([\w-]{10})"): r"[OpenReview \1](https://openreview.net/forum?id=\1)",
}


def metric_rows(words: Sequence[str]) -> Rows:
    """Return the table of a side's metrics: one row for what a family says in the same words.

    Raises:
        UsageError: The words are not one side.
    """
    if len(words) != 1 or words[0] not in SIDES:
        raise UsageError(f"metrics: found {' '.join(words)!r}; allowed: {', '.join(SIDES)}")
    rows: Rows = [METRIC_HEAD]
    for declares in sorted(_declared(words[0]), key=lambda declares: next(iter(declares))):
        for _, alike in groupby(declares.items(), key=lambda item: item[1]):
            told = list(alike)
            rows.append([", ".join(f"`{name}`" for name, _ in told), *_metric_cells(told[0][1])])
    return rows


def _metric_cells(about: dict[str, Any]) -> list[str]:
    texts = [about.get("with_n", ""), about["misses"], about.get("healthy", "")]
    return [about["direction"], _range(*about["range"]), *texts, linked(about["source"])]


def _declared(side: str) -> Iterator[dict[str, dict[str, Any]]]:
    folder = Path(metrics.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        module = ".".join((metrics.__name__, *file.relative_to(folder).with_suffix("").parts))
        for name in class_names(file):
            literals = read_class(f"{module}.{name}").literals
            if literals.get("side") == side and literals.get("declares"):
                yield literals["declares"]


def _range(low: float | None, high: float | None) -> str:
    least, most = ("" if end is None else f"{round(end, 2):,g}" for end in (low, high))
    if not least:
        return f"up to {most}" if most else "any number"
    return f"{least} to {most}" if most else f"{least} up"


def method_rows(words: Sequence[str]) -> Rows:
    """Return the table of a group of shipped methods.

    Raises:
        UsageError: The words are not one group.
    """
    if len(words) != 1 or words[0] not in GROUPS:
        raise UsageError(f"methods: found {' '.join(words)!r}; allowed: {', '.join(GROUPS)}")
    return [METHOD_HEAD, *(_method_cells(ready) for ready in _shipped() if group(ready) == words[0])]


def group(ready: Ready) -> str:
    """Return the group of a method, one of `GROUPS`."""
    spec, hooks = ready.spec, ready.method.hooks
    if spec.name in CONTROLS:
        return "controls"
    if spec.compose or any(isinstance(knob, dict) and "class_path" in knob for knob in spec.init_args.values()):
        return "composed"
    if spec.scenario_patch:
        return "scenario"
    found = next((g for g, names in HOOKS_OF.items() if any(map(hooks.overrides, names))), "training")
    return "choosing" if found == "data" and hooks.oversample > 1 else found


def _method_cells(ready: Ready) -> list[str]:
    spec = ready.spec
    ranked = "both" if len(spec.applies_to) > 1 else spec.applies_to[0]
    return [f"`{spec.name}`", linked(spec.source), spec.summary, spec.constants, ranked, spec.consumes]


@cache
def _shipped() -> tuple[Ready, ...]:
    folder = SUITES / "mitigations"
    return tuple(make_method(file.stem, folder) for file in sorted(folder.glob("*.yaml")))


def linked(source: str) -> str:
    """Return a source with every number of arXiv and of OpenReview as a link."""
    for number, link in LINKS.items():
        source = number.sub(link, source)
    return source


def transfer_rows(words: Sequence[str]) -> Rows:
    """Return the table of how a ranking carries over: the board of the first suite beside that of each other.

    Raises:
        UsageError: The words are not a side and two or more suites.
    """
    from leaderboard.entries import FOLDER
    from leaderboard.text import markdown_escape
    from leaderboard.transfer import HEAD, transfers

    if len(words) < 3 or words[0] not in MODALITIES:
        raise UsageError(f"transfer: found {' '.join(words)!r}; allowed: {' or '.join(MODALITIES)}, then suites")
    rows = [found.row for found in transfers(words[1:], FOLDER, words[0])]
    return [HEAD, *([f"`{row[0]}`", f"`{row[1]}`", *map(markdown_escape, row[2:])] for row in rows)]


#: Kind of block -> what makes its rows from the words behind it.
MAKERS: dict[str, Callable[[Sequence[str]], Rows]] = {
    "metrics": metric_rows,
    "methods": method_rows,
    "transfer": transfer_rows,
}
