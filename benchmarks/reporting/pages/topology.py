"""A scenario as a small graph: who feeds whom, who trains, who is frozen; the same in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.planning.plan import Plan
from benchmarks.study.suite import Scenario
from leaderboard.text import counted

#: Places of the boxes, left and top; all are as large.
PLACES = {"real": (4, 66), "generator": (158, 6), "captioner": (312, 126), "pairs": (466, 66)}
WIDE, HIGH = 118, 44


@dataclass(frozen=True)
class Box:
    """One party of a loop: its place, its name, what it does, and whether it stays as it is."""

    key: str
    name: str
    about: str
    frozen: bool = False

    @property
    def at(self) -> tuple[int, int]:
        """Left and top."""
        return PLACES[self.key]


@dataclass(frozen=True)
class Arrow:
    """What flows from one box to another: a path, a word and its place, and whether it is training."""

    path: str
    word: str
    at: tuple[int, int]
    trains: bool = False


@dataclass(frozen=True)
class Topology:
    """One scenario variant, drawn and told."""

    name: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    told: tuple[str, ...]


def topologies(plan: Plan) -> tuple[Topology, ...]:
    """Return the scenario variants of a plan, in its order; those of one name and the same loop once."""
    found: dict[tuple[str, tuple[str, ...]], tuple[Scenario, list[str]]] = {}
    for row in plan.rows:
        scenario = plan.cells[row.keys[0]].cell.scenario
        _, variants = found.setdefault((row.scenario, _told(scenario)), (scenario, []))
        if row.variant not in variants:
            variants.append(row.variant)
    return tuple(topology(scenario, variants) for scenario, variants in found.values())


def topology(scenario: Scenario, variants: Iterable[str] = ()) -> Topology:
    """Return the graph of one scenario."""
    names = ", ".join(variants)
    title = f"{scenario.name}: {names}" if names not in ("", "default") else scenario.name
    boxes = [Box("real", "real data", "stays as it is", True)]
    boxes += [_model(scenario, side) for side in ("generator", "captioner") if side in scenario.makes]
    boxes.append(Box("pairs", "synthetic pairs", "anew in every iteration"))
    return Topology(title, tuple(boxes), tuple(_arrows(scenario)), _told(scenario))


def _model(scenario: Scenario, side: str) -> Box:
    many = scenario.members.count
    name = side if many == 1 else f"{many} {side}s"
    if side not in scenario.trains:
        return Box(side, name, "frozen", True)
    if side in scenario.frozen:
        return Box(side, name, "a frozen copy labels")
    return Box(side, name, "trains" if many == 1 else "all train" if scenario.members.live else "one trains")


def _arrows(scenario: Scenario) -> list[Arrow]:
    drawn, told = scenario.images == "generator", scenario.captions == "captioner"
    arrows = []
    if drawn:
        arrows += [
            Arrow("M122,76 C140,60 140,40 154,32", "prompts" if not scenario.closed else "first prompts", (84, 50)),
            Arrow("M280,32 C350,34 420,50 470,64", "images", (382, 36)),
        ]
    else:
        arrows.append(Arrow("M124,88 L462,88", "images", (262, 83)))
    if told:
        start = "M250,52 C262,90 290,120 310,138" if drawn else "M124,96 C190,110 250,130 308,144"
        arrows += [
            Arrow(start, "images", (236, 112) if drawn else (180, 140)),
            Arrow("M434,142 C460,136 480,126 500,114", "captions", (478, 142)),
        ]
    else:
        arrows.append(Arrow("M124,96 C220,124 380,124 466,100", "captions: the prompts", (236, 136)))
    if scenario.closed:
        arrows.append(Arrow("M525,62 C525,-8 300,-14 280,14", "the captions are the next prompts", (330, 8)))
    if "generator" in scenario.trains:
        arrows.append(Arrow("M464,82 C380,72 300,66 262,54", "trains", (340, 66), True))
    if "captioner" in scenario.trains:
        arrows.append(Arrow("M540,114 C540,176 470,184 434,158", "trains", (500, 178), True))
    return arrows


def _told(scenario: Scenario) -> tuple[str, ...]:
    """Return the loop in words."""
    parent = f"scored with the controls of {scenario.parent}" if scenario.parent else ""
    prompts = {
        "real": "prompts are real captions", "previous_captions": "prompts are the captions of the previous iteration",
        "new_captions": "prompts are the captions of the images before",
    }  # fmt: skip
    trains = " and ".join(scenario.trains)
    verb = "train" if len(scenario.trains) > 1 else "trains"
    frozen = " and the ".join(scenario.frozen)
    parts = (
        f"images are {'real' if scenario.images == 'real' else 'drawn by the generator'}",
        f"captions are {'the prompts' if scenario.captions == 'prompt' else 'written by the captioner'}",
        prompts[scenario.prompts] if scenario.images == "generator" else "",
        f"{trains} {verb}" if trains else "nothing trains",
        f"what labels is a frozen copy of the {frozen}" if frozen else "",
        _members(scenario),
        "every fit starts from the base" if scenario.start == "base" else "",
        parent,
    )
    return tuple(filter(None, parts))


def _members(scenario: Scenario) -> str:
    """Return who makes the pool of an ensemble, in words; "" where there is one model a side."""
    members = scenario.members
    if members.count == 1:
        return ""
    kind = "copies of one kind" if members.kind == "copies" else "of different kinds"
    others = "all train" if members.live else "the others stay frozen"
    parts = ", each on a part of the pool" if members.segments else ""
    return f"{counted(members.count, 'member')} a side, {kind}, {others}{parts}"
