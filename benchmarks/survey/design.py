"""Which pairs people are asked about, and the checks among them.

Every pair of contestants of a side is asked about equally often, on different items as far as there are any. A check
has a known answer: what people made of an item beside noise, or beside words of another picture.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import scipy

from benchmarks.survey.entrants import PEOPLE, Material
from leaderboard.text import counted
from records.errors import UsageError
from records.names import Modality

#: Chance that somebody who presses at random is taken for attentive.
FALSE_PASS = 0.05
#: Checks of fewer could all be right by chance.
FEWEST_CHECKS = 5
#: Seconds: nobody looks at two pictures, or reads two captions, and decides in less.
FASTEST = 0.5
#: Items that are tried for a pair of contestants before it counts as having made the same of all.
TRIES = 50


@dataclass(frozen=True)
class Pair:
    """A question before it has a name.

    Attributes:
        side: Whose outputs are compared.
        item: Of the split.
        text: What pictures are compared on; "" for captions.
        image: What captions are compared on, (H, W, 3) uint8; None for pictures.
        whose: The two contestants, in an order that says nothing; of a check, "right" and "wrong".
        outputs: What they made, in that order: captions, or pictures (H, W, 3) uint8.
    """

    side: Modality
    item: int
    text: str
    image: Any
    whose: tuple[str, str]
    outputs: tuple[Any, Any]

    @property
    def check(self) -> bool:
        """Whether the answer is known."""
        return set(self.whose) == {"right", "wrong"}


@dataclass
class Design:
    """What is asked: the questions of every sheet, checks that stand on all, and pairs that were the same."""

    sheets: list[list[Pair]]
    checks: list[Pair]
    same: dict[str, set[int]] = field(default_factory=dict)  # "one / other" -> items of which both made the same


def needed(checks: int) -> int:
    """Return how many checks an attentive rater has right: as many as a coin has with a chance below `FALSE_PASS`.

    More than there are where even all of them would not tell.
    """
    return int(scipy.stats.binom.isf(FALSE_PASS, checks, 0.5)) + 1 if checks else 1


def design(materials: Sequence[Material], questions: int, sheets: int, checks: int, seed: int) -> Design:
    """Choose what is asked.

    Args:
        materials: One a side.
        questions: Pairs that a rater is asked about, beside the checks.
        sheets: Different sets of so many questions; a rater gets one of them.
        checks: Questions with a known answer on every sheet.
        seed: Of every choice.

    Raises:
        UsageError: Too few questions to connect the contestants of a side, or all outputs are the same.
    """
    rng = np.random.default_rng(seed)
    made = Design([[] for _ in range(sheets)], [])
    shares = np.diff(np.linspace(0, questions * sheets, len(materials) + 1).round().astype(int))
    for material, count in zip(materials, shares.tolist(), strict=True):
        names = [*material.seeds, PEOPLE[material.side]]
        if count < len(names):
            raise UsageError(
                f"--questions: found {questions} on {counted(sheets, 'sheet')}; {len(names)} are compared as "
                f"{material.side}; allowed: {len(names) * len(materials)} or more in all, or fewer --rows"
            )
        found = _pairs(material, names, count, rng, made.same)
        if not found:
            raise UsageError(f"the {material.side}s made the same of all items; allowed: outputs that differ")
        for k, pair in enumerate(found):
            made.sheets[k * sheets // len(found)].append(pair)  # whole rounds over all pairs of contestants
    for k in range(checks):
        made.checks.append(_check(materials[k % len(materials)], rng))
    return made


def _pairs(
    material: Material, names: Sequence[str], count: int, rng: np.random.Generator, same: dict[str, set[int]]
) -> list[Pair]:
    """Return questions, every pair of contestants about equally often; a ring through all of them comes first."""
    order = [names[i] for i in rng.permutation(len(names))]
    ring = [tuple(sorted(pair)) for pair in zip(order, [*order[1:], order[0]], strict=True)]
    others = [pair for pair in combinations(sorted(names), 2) if pair not in ring]
    turns = deque(dict.fromkeys([*ring, *(others[i] for i in rng.permutation(len(others)))]))
    used: Counter[int] = Counter()
    found: list[Pair] = []
    while turns and len(found) < count:
        one, two = turns.popleft()
        pair = _pair(material, one, two, used, rng, same.setdefault(f"{one} / {two}", set()))
        if pair is not None:  # else both made the same of all items, and there is nothing to ask
            turns.append((one, two))
            used[pair.item] += 1
            found.append(pair)
    return found


def _pair(
    material: Material, one: str, two: str, used: Counter[int], rng: np.random.Generator, same: set[int]
) -> Pair | None:
    """Return a question on an item that was asked about least; what both made the same is noted, not asked."""
    seeds = [s for s in (material.seeds.get(one), material.seeds.get(two)) if s is not None]
    shared = sorted(set(seeds[0]).intersection(*seeds) or seeds[0])
    ids = material.ids.tolist()
    items = sorted((i for i in range(len(ids)) if ids[i] not in same), key=lambda i: (used[ids[i]], rng.random()))
    for item in items[:TRIES]:
        seed = shared[int(rng.integers(len(shared)))]
        whose = (one, two) if rng.random() < 0.5 else (two, one)
        outputs = tuple(material.output(name, seed, item) for name in whose)
        if not np.array_equal(outputs[0], outputs[1]):
            return _on(material, item, whose, (outputs[0], outputs[1]))
        same.add(ids[item])
    return None


def _on(material: Material, item: int, whose: tuple[str, str], outputs: tuple[Any, Any]) -> Pair:
    drawn = material.side == "generator"
    image = None if drawn else np.asarray(material.images[item])
    return Pair(material.side, int(material.ids[item]), material.texts[item] if drawn else "", image, whose, outputs)


def _check(material: Material, rng: np.random.Generator) -> Pair:
    """Return a question whose answer is known, on an item at random."""
    item = int(rng.integers(len(material.ids)))
    right = material.output(PEOPLE[material.side], None, item)
    wrong: Any
    if material.side == "generator":
        wrong = _noise(right.shape, rng)
    else:
        mine = set(right.lower().split())
        wrong = min(material.texts, key=lambda text: (len(mine & set(text.lower().split())) / max(len(mine), 1), text))
    swapped = rng.random() < 0.5
    outputs = (wrong, right) if swapped else (right, wrong)
    return _on(material, item, ("wrong", "right") if swapped else ("right", "wrong"), outputs)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return noise (H, W, 3) uint8 in at most 32 x 32 fields: single pixels of it would take most of a page."""
    height, width, _ = shape
    block = -(-max(height, width) // 32)
    fields = rng.integers(0, 256, (-(-height // block), -(-width // block), 3)).astype(np.uint8)
    return fields.repeat(block, axis=0).repeat(block, axis=1)[:height, :width]
