"""What a board says of learning: shares from another suite's entries, and which methods change no fit at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.methods.ready import make_method
from benchmarks.study.loading import SUITES
from leaderboard.learned import Learned
from records.names import CONTROLS

SHIPPED = SUITES / "mitigations"


def known_learning(
    named: Mapping[str, str], folder: Path, entered: Iterable[str], asked: Iterable[str] = (), near: Path = SHIPPED,
    knobs: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Learned]:  # fmt: skip
    """Return modality -> what is known of how methods let a model learn.

    Args:
        named: Modality -> the suite that says it (`learning:` of a suite).
        folder: Of all entries.
        entered: Names of methods in entries: of one that does not ship it is not known what it changes.
        asked: Methods of a plan, as a suite or a person names them.
        near: Folder that files among those are relative to.
        knobs: Method -> its knobs on the board; None = not compared.
    """
    from leaderboard.learning import read_learning

    if not named:
        return {}
    shipped = (name for name in entered if (SHIPPED / f"{name}.yaml").is_file())
    methods = [make_method(text, near) for text in dict.fromkeys([*asked, *shipped]) if text not in CONTROLS]
    return {
        side: replace(found, as_real=frozenset(m.spec.name for m in methods if m.fits_as_real(side)))
        for side, found in read_learning(named, folder, knobs).items()
    }
