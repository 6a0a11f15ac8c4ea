"""What a board says of learning: shares from another suite's entries, and which methods change no fit at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from benchmarks.methods.ready import make_method
from benchmarks.study.loading import SUITES
from leaderboard.learned import Learned
from records.names import CONTROLS

SHIPPED = SUITES / "mitigations"


def known_learning(
    named: Mapping[str, str],
    folder: Path,
    methods: Iterable[str],
    typed: Mapping[str, str] = MappingProxyType({}),
    near: Path = SHIPPED,
) -> dict[str, Learned]:
    """Return modality -> what is known of how methods let a model learn.

    Args:
        named: Modality -> the suite that says it (`learning:` of a suite).
        folder: Of all entries.
        methods: Of the board; one that neither ships nor is in `typed` is not asked.
        typed: Method -> what was typed for it, where that is not its name.
        near: Folder that typed files are relative to.
    """
    from leaderboard.learning import read_learning

    if not named:
        return {}
    asked = {name: typed.get(name, name) for name in methods if name not in CONTROLS}
    there = {n: text for n, text in asked.items() if n in typed or (SHIPPED / f"{n}.yaml").is_file()}
    same = frozenset(name for name, text in there.items() if make_method(text, near).fits_as_real)
    return {side: replace(found, as_real=same) for side, found in read_learning(named, folder).items()}
