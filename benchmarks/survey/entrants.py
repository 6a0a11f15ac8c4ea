"""Who enters a survey: what a run kept of each row at some iterations, and what people made of the same items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.steps import Fit
from benchmarks.steps.items import PROMPT_SPLIT
from benchmarks.storage.store import Store
from benchmarks.survey.documents import Contestant, Of
from records.errors import StepError, UsageError
from records.names import MODALITIES, Modality, RowName

#: What people made, as a contestant.
PEOPLE: dict[Modality, str] = {"captioner": "people's captions", "generator": "real pictures"}


@dataclass(frozen=True)
class Entrant:
    """One contestant and where its outputs lie.

    Attributes:
        about: Who it is.
        made: Seed -> key of what it made; empty for what people made.
    """

    about: Contestant
    made: dict[int, str] = field(default_factory=dict)


def entrants(plan: Plan, of: Of, iterations: Sequence[int], patterns: Sequence[str] = ()) -> list[Entrant]:
    """Return who is compared: rows at some iterations, each model once, and people beside them.

    Args:
        plan: The suite's.
        of: Outputs on the evaluation split, or the sets that were trained on.
        iterations: Of the loop; those beyond a row's last one are its last one. None given = the usual ones.
        patterns: Of rows, such as `joint_finetune/*/none`; none = all rows.

    Raises:
        UsageError: No row is left, or nothing is made in any.
    """
    rows = [row for row in plan.rows if not patterns or any(fnmatchcase(str(RowName.of(row)), p) for p in patterns)]
    if not rows:
        some = ", ".join(str(RowName.of(row)) for row in plan.rows[:3])
        raise UsageError(f"--rows: found {' '.join(patterns)}; allowed: patterns of rows such as {some}")
    if any(plan.cells[row.keys[0]].cell.scenario.trains for row in rows):  # chains were asked for other items
        rows = [row for row in rows if plan.cells[row.keys[0]].cell.scenario.trains]
    rows = [row for row in rows if of == "samples" or row.mitigation != "real"]  # whose sets people made
    found: dict[tuple[Any, ...], Entrant] = {}
    for side in MODALITIES:
        for row in rows:
            cells = {seed: plan.cells[key] for seed, key in zip(row.seeds, row.keys, strict=True)}
            last = next(iter(cells.values())).cell.iterations
            for t in sorted({min(t, last) for t in (iterations or _usual(of, last))}):
                made = {seed: key for seed, cell in cells.items() if (key := _made(plan, cell, of, side, t))}
                if len(made) < len(cells):
                    continue
                # a model that several rows share, such as a base, is one contestant
                who = (side, *sorted(made.items())) if t else (side, *sorted(set(made.values())))
                about = Contestant("", side, str(RowName.of(row)), t, row.keys)
                found.setdefault(who, Entrant(about, made))
    kept = list(found.values())
    people = [Entrant(Contestant(PEOPLE[s], s, "", 0, ())) for s in MODALITIES if any(e.about.side == s for e in kept)]
    if not people:
        raise UsageError(
            f"{plan.file}: found no {of} of a captioner or a generator in its rows; allowed: rows with some"
        )
    named = (replace(entrant, about=replace(entrant.about, name=_name(entrant.about, kept))) for entrant in kept)
    return [*people, *named]


def _usual(of: Of, last: int) -> tuple[int, ...]:
    """Before and after the loop; of sets the first one, which every model was trained on from the same base."""
    return (0, last) if of == "samples" else (1,)


def _name(about: Contestant, entered: Sequence[Entrant]) -> str:
    """Return what tells a contestant from others: the parts of its row that differ, and its iteration if need be."""
    mine = [e.about for e in entered if e.about.side == about.side]
    if about.iteration == 0 and sum(other.iteration == 0 for other in mine) == 1:
        return "base model"
    scenario, variant, mitigation = zip(*(other.row.split("/") for other in mine), strict=True)
    own = about.row.split("/")
    differ = [part for part, all_of in zip(own, (scenario, variant, mitigation), strict=True) if len(set(all_of)) > 1]
    times = {other.iteration for other in mine if other.iteration} | {about.iteration}
    return "/".join(differ or own[2:]) + (f", t = {about.iteration}" if len(times) > 1 else "")


def _made(plan: Plan, cell: PlannedCell, of: Of, side: Modality, t: int) -> str:
    """Return the key of what a cell made on one side by an iteration; "" where it made nothing there."""
    if of == "samples":
        if not cell.cell.scenario.trains and t == 0:
            return ""  # generation 0 of a chain is what people made
        return cell.trace.samples.get((side, t), "")
    scenario = cell.cell.scenario
    drawn = scenario.images == "generator"
    asked = drawn if side == "generator" else scenario.captions == "captioner" and not drawn
    fits = [s for key in cell.trace.work.get(t, ()) if isinstance(s := plan.steps.get(key), Fit)]
    return str(fits[0].pool) if asked and fits else ""


@dataclass(frozen=True)
class Shown:
    """What one contestant made of the items that all of its side have.

    Attributes:
        texts: One an item.
        images: (n, H, W, 3) uint8, or pictures in files that read like one.
    """

    texts: tuple[str, ...]
    images: Any


@dataclass(frozen=True)
class Material:
    """All that questions of one side are made of.

    Attributes:
        side: Whose outputs are compared.
        ids: (n,) items that every contestant has, int64.
        texts: n texts that pictures are compared on; what people said of the items.
        images: n pictures that captions are compared on; those of people.
        made: (contestant, seed) -> what it made of the items.
        seeds: Contestant -> its seeds; people have none and are not here.
    """

    side: Modality
    ids: np.ndarray
    texts: tuple[str, ...]
    images: Any
    made: dict[tuple[str, int | None], Shown]
    seeds: dict[str, tuple[int, ...]]

    def output(self, name: str, seed: int | None, item: int) -> Any:
        """Return a caption or a picture (H, W, 3) uint8 of one item, of the first seed where there is no such one."""
        own = self.seeds.get(name)
        shown = self.made[name, None if own is None else seed if seed in own else own[0]]
        return shown.texts[item] if self.side == "captioner" else np.asarray(shown.images[item])


def gather(plan: Plan, store: Store, side: Modality, entered: Sequence[Entrant], of: Of) -> Material:
    """Read what the contestants of a side made, and what people have of the same items.

    Raises:
        UsageError: Samples are not in the store, are no pictures, or share no item.
    """
    mine = [e for e in entered if e.about.side == side]
    chain = any(not plan.cells[key].cell.scenario.trains for e in mine for key in e.about.cells)
    split = "evaluation" if of == "samples" and not chain else PROMPT_SPLIT
    pools = {(e.about.name, seed): _read(plan, store, e.about, key) for e in mine for seed, key in e.made.items()}
    if any(pool.images.ndim != 4 for pool in pools.values()):
        raise UsageError(f"{plan.file}: its data are numbers, not pictures; allowed: a suite of pictures to vote on")
    places = {who: _places(pool, side == "generator" and not chain) for who, pool in pools.items()}
    order = sorted(set.intersection(*map(set, places.values())))
    if not order:
        raise UsageError(f"{plan.file}: its {side}s were asked for different items; allowed: --rows that share some")
    ids = np.array([i for i, _ in order], dtype=np.int64)
    made: dict[tuple[str, int | None], Shown] = {}
    for who, pool in pools.items():
        taken = pool.take([places[who][pair] for pair in order])
        made[who] = Shown(tuple(taken.captions), taken.images)
    data = plan.world.data
    if chain:  # what it began with
        start = mine[-1].about.cells[0]
        began = _read(plan, store, mine[-1].about, plan.cells[start].trace.samples[side, 0])
        known = dict(zip(began.ids.tolist(), began.captions, strict=True))
        said = [known[i] for i in ids.tolist()]
    else:
        said = [texts[0] for texts in data.captions(split, ids)]
    texts = tuple(asked or own for (_, asked), own in zip(order, said, strict=True))
    people = Shown(texts, data.images(split, ids))
    made[PEOPLE[side], None] = people
    seeds = {e.about.name: tuple(e.made) for e in mine if e.made}
    return Material(side, ids, people.texts, people.images, made, seeds)


def _places(pool: Any, drawn: bool) -> dict[tuple[int, str], int]:
    """Return (item, what it was drawn from, "" if not drawn) -> its first place among pairs that models made."""
    asked = pool.prompts if drawn else ("",) * len(pool)
    found = enumerate(zip(pool.ids.tolist(), asked, pool.origin.tolist(), strict=True))
    return {(item, prompt): k for k, (item, prompt, origin) in reversed(list(found)) if origin != 0}


def _read(plan: Plan, store: Store, about: Contestant, key: str) -> Any:
    if not store.has(key):
        run = plan.request.command("run")
        raise UsageError(
            f"{about.row}: what was made at t = {about.iteration} is not in the store; allowed: rows that ran and were "
            f"kept ({run}; retain: {{samples: true, pools: true}})"
        )
    try:
        return store.get(key)
    except StepError as error:
        raise UsageError(f"{about.row}: {error}; allowed: whole files, which the same run makes again") from None
