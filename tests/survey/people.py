"""A small survey of drawn pictures and captions, and people who vote on it: attentive ones, and others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.survey.design import FASTEST, design, needed
from benchmarks.survey.documents import SCHEMA, Contestant, Key
from benchmarks.survey.entrants import PEOPLE, Material, Shown
from benchmarks.survey.page import Page, make_page
from records.names import Modality

#: Log-odds by which people like the contestants of a side.
TRUTH = {"people": 1.2, "base": 0.6, "accumulate": 0.0, "none": -1.4}
HOSTILE = "</script><img src=x onerror=alert(1)>\u2028\u2029 a red ring"


def material(
    side: Modality, names: tuple[str, ...] = ("base", "accumulate", "none"), n: int = 30, pixels: int = 16
) -> Material:
    """Return made-up outputs of some contestants; the first caption is hostile."""
    rng = np.random.default_rng(len(side))
    words = ("red", "blue", "ring", "cross", "left", "right", "small", "large")

    def shown() -> Shown:
        texts = [" ".join(rng.choice(words, 4)) + f" {i}" for i in range(n)]
        return Shown((HOSTILE, *texts[1:]), rng.integers(0, 256, (n, pixels, pixels, 3)).astype(np.uint8))

    people = shown()
    made: dict[tuple[str, int | None], Shown] = {(name, seed): shown() for name in names for seed in (0, 1)}
    made[PEOPLE[side], None] = people
    seeds = dict.fromkeys(names, (0, 1))
    return Material(side, np.arange(n), people.texts, people.images, made, seeds)


def small_survey(
    questions: int = 24, sheets: int = 1, checks: int = 8, seed: int = 0, sides: tuple[Modality, ...] = ("captioner", "generator"),
    pixels: int = 16,
) -> tuple[Page, Key]:  # fmt: skip
    """Return a page and its key."""
    materials = [material(side, pixels=pixels) for side in sides]
    page = make_page(design(materials, questions, sheets, checks, seed), seed)
    contestants = [
        Contestant(name, m.side, "" if name == PEOPLE[m.side] else f"joint/default/{name}", int(name != "base"), ())
        for m in materials for name in (PEOPLE[m.side], *m.seeds)
    ]  # fmt: skip
    key = Key("small", "samples", page.survey, tuple(contestants), page.questions, {}, needed(checks), FASTEST, {})
    return page, key


def strength(name: str, truth: Mapping[str, float] = TRUTH) -> float:
    return truth["people" if name in PEOPLE.values() else name]


def voted(
    key: Key, rng: np.random.Generator, how: str = "attentive", truth: Mapping[str, float] = TRUTH, tie: float = 0.1
) -> dict[str, Any]:
    """Return a votes file of one rater: `attentive`, `random`, or one who always presses `left`."""
    votes = []
    for name in rng.permutation(list(key.questions)):
        question = key.questions[name]
        left, right = rng.permutation(list(question.options)).tolist()
        if how == "attentive":
            if question.right:
                chance = float(left == question.right)
            else:
                gap = strength(question.options[left], truth) - strength(question.options[right], truth)
                chance = 1 / (1 + np.exp(-gap))
            # ties are likelier the closer two are, and take from both sides alike: half a win each leaves the odds alone
            tied = 4 * chance * (1 - chance) * tie * (not question.right)
            answer = str(rng.choice(["left", "tie", "right"], p=[chance - tied / 2, tied, 1 - chance - tied / 2]))
        else:
            answer = "left" if how == "left" else str(rng.choice(["left", "right"]))
        votes.append(
            {
                "question": str(name),
                "left": left,
                "right": right,
                "answer": answer,
                "seconds": round(1 + rng.exponential(3), 3),
            }
        )
    return {"schema": SCHEMA, "survey": key.survey, "rater": rng.bytes(16).hex(), "votes": votes}


def cast(folder: Path, key: Key, raters: Mapping[str, int], seed: int = 0) -> Path:
    """Write a survey's key, and beside it a folder of votes files of so many raters of every kind."""
    rng = np.random.default_rng(seed)
    (folder / "votes").mkdir(parents=True)
    (folder / "key.json").write_text(key.to_json())
    for how, count in raters.items():
        for i in range(count):
            (folder / "votes" / f"{how}-{i:03d}.json").write_text(json.dumps(voted(key, rng, how)))
    return folder / "votes"
