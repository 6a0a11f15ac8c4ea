"""Whether a method still lets a model learn, read from the entries of a suite whose world has changed.

What prevents collapse may be that nothing is learned at all. So a suite may name, per modality, another one
(`learning: {captioner: scenes_renamed}`) whose data the base models get wrong. There the row `real_X` trains on real
pairs as method X trains, and *learns* is its improvement as a share of that of `real`: 1 = learns what real pairs
teach, 0 = learns nothing, as a model that is never trained. A method that changes data and no fit would be `real`
itself in such a row; what a model learns from its pairs says its own row there, as a share of the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leaderboard import statistics as st
from leaderboard.board import Group
from leaderboard.committed import entry_board
from leaderboard.comparing import paired
from leaderboard.controls import mismatch
from leaderboard.entries import Entry, read_entries
from leaderboard.learned import PREFIX, Learned, reference_of
from records.canonical import canonical

#: Real pairs in the place of a pool, as `real_X` has them beside the method.
REAL = "benchmarks.mitigations.real.Real"
Knobs = Mapping[str, Any]


def read_learning(
    named: Mapping[str, str], folder: Path, knobs: Mapping[str, Knobs] | None = None
) -> dict[str, Learned]:
    """Return modality -> what the entries of the suite that it names say.

    Args:
        named: Modality -> name of a suite.
        folder: Of all entries.
        knobs: Method -> its knobs on the board that asks: what ran with others there is another method of that name.
    """
    found = {modality: _learned(suite, modality, folder) for modality, suite in named.items()}
    for modality, suite in named.items():
        _drop_others(found[modality], {entry.method: entry for entry in read_entries(suite, folder)}, knobs or {})
    return found


def _drop_others(found: Learned, entries: Mapping[str, Entry], knobs: Mapping[str, Knobs]) -> None:
    """Take away the shares of rows whose method had other knobs than on the board, and say so."""
    for name, shares in ((PREFIX, found.shares), ("", found.own)):
        for method in [method for method in shares if method in knobs and f"{name}{method}" in entries]:
            if _turned(knobs[method]) != _turned(entries[f"{name}{method}"].init_args):
                del shares[method]
                found.dropped[f"{name}{method}"] = "other knobs than here"


def _turned(knobs: Knobs) -> list[str]:
    """Return the knobs of a method, part by part where it is composed, without real pairs and parts that have none."""
    parts = knobs.get("parts")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) and "class_path" in part for part in parts):
        return [canonical(dict(knobs))] if knobs else []
    mine = [part.get("init_args") or {} for part in parts if part["class_path"] != REAL]
    return [canonical(dict(turned)) for turned in mine if turned]


def _learned(suite: str, modality: str, folder: Path) -> Learned:
    entries = read_entries(suite, folder)
    if not entries:
        return Learned(suite, reason=f"no entries of {suite}")
    group = next((g for g in entry_board(entries).groups if g.modality == modality), None)
    if group is None:
        return Learned(suite, reason=f"{suite} trains no {modality}")
    real = next((line for line in group.lines if line.mitigation == "real"), None)
    if real is None or real.worsening is None:
        return Learned(suite, reason=f"no complete row real in {suite}")
    if not real.worsening.high < 0:
        return Learned(suite, reason=f"real pairs teach nothing in {suite}")
    return shares(suite, group)


def shares(suite: str, group: Group) -> Learned:
    """Return what each row improved from 0 to T as a share of `real`, paired by seed: of `real_X` under the name X.

    Rows that are incomplete, of another setting, or ran on another kind of host than `real` have a reason instead.
    """
    real = next(line.reading for line in group.lines if line.mitigation == "real")
    taught = st.worsening(real.at(-1), real.at(0), group.direction)
    found = Learned(suite, {"real": st.fieller(taught, taught, items=real.items)})
    for line in group.lines:
        reading = line.reading
        if line.role == "control":
            continue
        why = reading.problem or mismatch(reading, group.controls)
        if not why and reading.setting != real.setting:
            why = "N, T or seeds are not those of real"
        if not why and not paired(reading, real):
            why = "ran on another kind of host than real"
        if why:
            found.dropped[line.mitigation] = why
            continue
        gain = st.worsening(reading.at(-1), reading.at(0), group.direction)
        taken = reference_of(reading)
        kind = found.shares if taken else found.own
        kind[taken or line.mitigation] = st.fieller(gain, taught, items=real.items)
    return found
