"""A plan on one screen: how much, how long, how large, what is missing, and which rows there will be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.study.about import About
from leaderboard.fitting import LINES, cut, fitted, wrap
from leaderboard.text import aligned, counted

HEAD = ("loop", "seeds", "N", "T")
NOTES = 9  # most lines about data and models


def screen(facts: Mapping[str, Any], said: About, command: str) -> str:
    """Return the screen, at most `LINES` lines of `WIDTH` columns.

    Args:
        facts: What `benchmarks.reporting.outputs.describe` says of the plan.
        said: What the suite's file says of itself.
        command: What runs the plan.
    """
    cost = facts["estimate"]
    head = [*wrap(_answer(facts, said)), *fitted(_needs(cost, facts["suite"]), NOTES, "note", "plan --format json"), ""]
    apart = f", and what is made with {', '.join(cost['unsized'])} (not here)" if cost["unsized"] else ""
    kinds = ", ".join(f"{kind} {count}" for kind, count in facts["kinds"].items())
    about = [
        f"work   {cost['network_evaluations']:,} network evaluations, {cost['training_samples']:,} samples trained on",
        f"disk   at most {cost['peak_gigabytes']:,} GB at once, {cost['kept_gigabytes']:,} GB kept{apart}",
        f"steps  {kinds}; {facts['steps_total']:,} if no two cells shared any",
    ]
    about = [line for text in about for line in wrap(text)]
    names, rule, *rows = table(facts["rows"])
    tail = ["", f"run it: {command}", f"digest {facts['digest'][:16]}"]
    room = LINES - len(head) - len(about) - len(tail) - 3
    body = fitted(rows, room, "line", "plan --format json")
    return "\n".join([*head, *about, "", names, rule, *body, *tail]) + "\n"


def _answer(facts: Mapping[str, Any], said: About) -> str:
    """Return what a run would take, in one sentence."""
    left = facts["steps_unique"] - facts["steps_done"]
    done = f"{facts['steps_done']:,} done" if facts["steps_done"] else "none done yet"
    size = f"{facts['suite']}: {counted(len(facts['cells']), 'cell')}, {counted(facts['steps_unique'], 'step')}"
    if not left:
        return f"{size}: all are done, a run only writes the board."
    hours, unknown = facts["estimate"]["hours"], facts["estimate"]["unknown"]
    if hours is not None:
        return f"{size} ({done}); what is left takes about {duration(hours)} on one worker."
    if said.cost:  # of the suite as it is written
        return f"{size} ({done}). Its file says: {said.cost}"
    return (
        f"{size} ({done}). How long is unknown, since no {', '.join(unknown)} has run here: run a part of it, such as "
        "--seeds [0] --iterations 1, and plan again."
    )


def duration(hours: float) -> str:
    """Return a time in words that promise no more than an estimate can."""
    minutes = hours * 60
    if minutes < 1:
        return "a minute"
    if minutes < 100:
        return f"{minutes:.0f} minutes"
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.0f} days"


def _needs(cost: Mapping[str, Any], suite: str) -> list[str]:
    """Return what must be there before anything runs: what is missing first, each with its remedy."""
    data = cost["data"]
    lines, missing = list(data["notes"]), False
    here, trained = [f"data {data['name']}"], []
    if data["missing"]:
        here, lines = [], [f"MISSING: data {data['name']}: {data['missing']}", *lines]
    for model in cost["models"]:
        name = f"{model['role'][:-1]} {model['name']}"
        if model["trained_first"]:
            trained.append(name)
        elif model["present"]:
            here.append(name)
        else:
            lines.append(f"MISSING: {name} ({model['source']})")
            missing = missing or "fetch" in model
    lines += [f"trained first: {', '.join(trained)}"] if trained else []
    lines += [f"fetch what is missing: mmcollapse plan {suite} --fetch prints the commands"] if missing else []
    lines += [f"there: {', '.join(here)}"] if here else []
    return [line for text in lines for line in wrap(text)]


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a plan's rows, those of one loop and size in one line: head, rule, one line each."""
    alike: dict[tuple[str, ...], dict[str, None]] = {}
    for row in rows:
        loop = row["scenario"] if row["variant"] == "default" else f"{row['scenario']}/{row['variant']}"
        key = (cut(loop, 44), ranges(row["seeds"]), f"{row['n']:,}", str(row["iterations"]))
        alike.setdefault(key, {})[row["mitigation"]] = None
    head, rule, *lines = aligned([list(key) for key in alike], HEAD)
    body = (f"{line}  {_listed(list(names))}" for line, names in zip(lines, alike.values(), strict=True))
    return [cut(line) for line in (f"{head}  methods", f"{rule}  {'-' * len('methods')}", *body)]


def _listed(names: Sequence[str]) -> str:
    return f"{len(names):,}: {', '.join(names)}" if len(names) > 1 else names[0]


def ranges(numbers: Sequence[int]) -> str:
    """Return whole numbers in few characters, such as 0-4, 100."""
    parts: list[list[int]] = []
    for n in sorted(numbers):
        if parts and n == parts[-1][-1] + 1:
            parts[-1][1:] = [n]
        else:
            parts.append([n])
    return ", ".join("-".join(map(str, part)) for part in parts)
