"""Whether an entry says what its suite asks for: problems that exclude it, and notes that label it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy

from leaderboard.entries import Entry, EntryCell, EntryRow
from leaderboard.grain import above, grain, items_of
from leaderboard.statistics import LEVEL, SEEDS_FOR_RANKS
from records.canonical import canonical
from records.errors import brief
from records.names import MetricName
from records.place import NAME
from records.results import CellResult

SHOWN = 5  # numbers of a cell that differ, of which the others are counted
SPREADS = 3.0  # standard deviations over seeds: what is far on another kind of host
TIPPED = 0.01  # of a value: what rounding on another processor moves, with the few items that it tips


@dataclass
class Findings:
    """What a check found, in the order of the entry.

    Attributes:
        problems: Why the entry is not accepted; none = accepted.
        notes: What a reader should know of an accepted entry.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(
    entry: Entry,
    expected: Sequence[EntryRow],
    groups: Sequence[str],
    known: bool = True,
    keys: Mapping[tuple[str, int], str] | None = None,
    class_name: str = "",
    init_args: Mapping[str, Any] | None = None,
) -> Findings:
    """Compare an entry with what the current plan of its suite expects.

    Args:
        entry: As it was read: its types, sizes and alphabets are right already.
        expected: The rows of the method in the plan; of a method that the plan does not know, the rows of `none`.
        groups: Every "scenario/variant" of the suite.
        known: Whether the plan knows the method.
        keys: (row, seed) -> key of the cell in the plan, of a known method.
        class_name: What identifies the class of a known method.
        init_args: Its knobs; None = not compared.
    """
    found = Findings()
    by_name = {row.name: row for row in expected}
    have = {row.name: row for row in entry.rows}
    for name in [n for n in (*have, *entry.not_applicable) if n not in groups]:
        found.problems.append(f"{name}: not a scenario variant of suite {entry.suite}")
    for name in [n for n in groups if n not in have and n not in entry.not_applicable]:
        found.problems.append(f"{name}: the row is missing, and not among not_applicable")
    for name in [n for n in entry.not_applicable if n in by_name]:
        if known:
            found.problems.append(f"{name}: said to be not applicable, but the method has a row there")
        elif set(by_name[name].trains) & set(entry.applies_to):  # most methods say nothing of a chain
            found.notes.append(f"{name}: said to be not applicable, though it trains what the method applies to")
    if known and entry.class_name != class_name:
        theirs = class_name or "none"
        found.problems.append(f"class_name: {entry.class_name or 'none'}; the suite's {entry.method} is {theirs}")
    if known and init_args is not None and entry.init_args != init_args:
        mine, theirs = (canonical(dict(knobs)) for knobs in (entry.init_args, init_args))
        found.problems.append(f"init_args: {brief(mine)}; the suite's {entry.method} has {brief(theirs)}")
    for name, row in have.items():
        if name in by_name:
            _row(found, row, by_name[name])
        elif name in groups:
            found.problems.append(f"{name}: the method has no row there")
    _labels(found, entry, keys or {})
    return found


def _row(found: Findings, row: EntryRow, wanted: EntryRow) -> None:
    for what in ("n", "iterations", "seeds", "trains", "parent"):
        own, theirs = getattr(row, what), getattr(wanted, what)
        if own != theirs:
            found.problems.append(f"{row.name}: {what} {_text(own)}, the suite says {_text(theirs)}")
    missing = [seed for seed in row.seeds if seed not in {cell.seed for cell in row.cells}]
    if missing:
        found.problems.append(f"{row.name}: seed {_text(missing)} missing")
    other, gone = [], [m for m in wanted.info if m not in row.info]
    for metric, about in row.info.items():
        if metric not in wanted.info:
            other.append(metric)
            continue
        plan = wanted.info[metric]
        if (about.direction, about.primary) != (plan.direction, plan.primary):
            found.problems.append(f"{row.name}: {metric}: direction or headline is not the suite's")
        elif about.protocol != plan.protocol and plan.primary:
            mine, theirs = about.protocol[:12], plan.protocol[:12]
            found.problems.append(f"{row.name}: {metric}: other protocol, {mine} instead of {theirs}")
        elif about.protocol != plan.protocol:
            other.append(metric)
    if other:
        found.notes.append(f"{row.name}: of another protocol: {', '.join(other)}")
    for metric in wanted.primary:
        if metric in gone:
            found.problems.append(f"{row.name}: {metric} is missing")
        lost = [cell.seed for cell in row.cells if metric not in cell.curves]
        if lost and metric not in gone:
            found.problems.append(f"{row.name}: {metric} has no curve for seed {_text(lost)}")
    if extra := [m for m in gone if m not in wanted.primary]:
        found.notes.append(f"{row.name}: not in the entry: {', '.join(extra)}")


def _labels(found: Findings, entry: Entry, keys: Mapping[tuple[str, int], str]) -> None:
    """Note what is accepted and labelled."""
    if any(commit.endswith("+") for commit in entry.commits) or not entry.commits:
        found.notes.append("made by code that was not committed")
    if few := [row.name for row in entry.rows if len(row.seeds) < SEEDS_FOR_RANKS]:
        found.notes.append(f"fewer than {SEEDS_FOR_RANKS} seeds, so descriptive and unranked: {', '.join(few)}")
    hosts = {(cell.device, cell.machine) for row in entry.rows for cell in row.cells}
    if len(hosts) > 1:
        found.notes.append("its cells ran on several kinds of hosts")
    cells = [(row.name, cell) for row in entry.rows for cell in row.cells if (row.name, cell.seed) in keys]
    stale = sum(keys[name, cell.seed] != cell.key for name, cell in cells)
    if stale:
        found.notes.append(
            f"{stale} of {len(cells)} cells have another key now: method, fit or a step has changed since"
        )


def compare_rerun(row: EntryRow, cell: EntryCell, versions: Mapping[str, str], made: CellResult) -> Findings:
    """Compare a cell of an entry with the same cell run again.

    On equal execution (make of the processor, threads, versions of the packages that both name) every number must
    be equal to the last bit. Elsewhere, where an entry does not name its processor, and on accelerators, whose sums
    come in another order every time, training takes another course within the noise of a seed. There the headlines
    at T are held to that noise, as two draws of which one in twenty cells may differ by more (`_noise`), and what
    was not trained yet to three of the smallest steps that are believed; of all other numbers, which are many and
    go together, is only said how many moved far.

    Args:
        row: The row, whose seeds say what noise is.
        cell: The cell of the entry.
        versions: Of the packages, as the entry says.
        made: The cell run again.
    """
    found = Findings()
    packages = set(versions) & set(made.versions) - {NAME}  # older files name fewer, and a release moves no number
    same = all(versions[name] == made.versions[name] for name in packages) and _same_host(cell, made)
    checked, moved, far = 0, 0, 0
    for metric, values in (*cell.curves.items(), *cell.ends.items()):
        first = MetricName.parse(metric).first
        times = range(row.iterations + 1) if metric in cell.curves else (first, row.iterations)
        far_off, noise = _noise(row, metric)
        for place, (time, value) in enumerate(zip(times, values, strict=True)):
            again = made.value(metric, time)
            checked += 1
            moved += again != value
            held = time == 0 or (time == row.iterations and metric in row.primary)
            allowed = 0.0 if same else (far_off if time == 0 or not held else noise)[place]
            if again is not None and not above(abs(again - value), allowed):
                continue
            if same or held or again is None:
                tolerance = "" if same else f", {allowed:.3g} allowed"
                found.problems.append(f"{metric} at {time}: {value!r} in the entry, {again!r} now{tolerance}")
            else:
                far += 1
    if same and found.problems:
        found.problems[SHOWN:] = [
            f"run again: {len(found.problems)} of {checked} numbers differ on an equal host; allowed: none (all random "
            "numbers from ctx.seed, nothing kept between steps)"
        ]
    if not checked:
        found.problems.append("the cell holds no number to compare")
    elif not found.problems and (same or not moved):
        found.notes.append(f"run again: {checked} numbers are equal to the last bit")
    elif not found.problems:
        others = f"{far} of {checked} numbers moved by more than {SPREADS:g} standard deviations over seeds"
        found.notes.append(f"run again: its headlines agree within the noise of a seed; {others}")
    return found


def _same_host(cell: EntryCell, made: CellResult) -> bool:
    """Whether sums come in the same order: on processors of one make, as many threads, and no accelerator."""
    here = [made.execution.get(name) for name in ("device", "machine", "processor", "threads")]
    there = [cell.device, cell.machine, cell.processor, cell.threads]
    return cell.device in ("", "cpu") and cell.processor != "" and here == there


def _noise(row: EntryRow, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return per place of a curve what is far on another host, and how far one headline of a row may be off.

    Two draws differ by sqrt(2) standard deviations, which a few seeds hardly know: hence Student's t, shared by the
    headlines of the row (Bonferroni). Before any training seeds agree, and processors do but for rounding (`TIPPED`).
    """
    values = [{**cell.curves, **cell.ends}.get(metric) for cell in row.cells]
    curves = np.array([v for v in values if v is not None], dtype=np.float64)
    minimum = row.floors[metric].minimum_effect if metric in row.floors else 0.0
    freedom = len(curves) - 1
    sd = curves.std(axis=0, ddof=1) if freedom else np.zeros(curves.shape[1])
    sd = np.maximum(sd, [grain(place, items_of(metric)) for place in curves.T])  # a share moves by one item at least
    tail = 1 - (1 - LEVEL) / 2 / max(len(row.primary), 1)
    wide = float(scipy.special.stdtrit(freedom, tail)) * np.sqrt(2) if freedom else SPREADS
    least = np.maximum(minimum, TIPPED * np.abs(curves).max(axis=0))
    return np.maximum(SPREADS * sd, least), np.maximum(wide * sd, minimum)


def _text(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)
