"""What is left of generation 0 in a chain, in which nothing trains: curves over alternations, and the answer in words.

Generation 0 is real, so that a chain needs no control: an attribute is there or not. What a similarity means is said by
two numbers beside it: that of an unrelated pair, and that of a real image and its caption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leaderboard.board import Board
from leaderboard.readings import BoardRow, Reading, stacked
from leaderboard.statistics import mean_sd
from leaderboard.text import counted, markdown_escape, number
from records.names import MetricName
from records.results import CellResult

ATTRIBUTES = ("attributes_left", "attributes_left_cross", "attributes_unrelated")
SIMILARITY = ("similarity_same", "similarity_cross", "unrelated_same")
EACH, CHANCE = "attribute_left_", "attribute_unrelated_"
ROUNDING = 1e-9  # of sums of floats: no loss


@dataclass(frozen=True)
class Chain:
    """One row of a scenario that trains nothing, complete over its seeds.

    Attributes:
        row: The row.
        cells: One a seed.
        sides: What "same" and "cross" stand for: captions and images, or images and captions.
    """

    row: BoardRow
    cells: tuple[CellResult, ...]
    sides: tuple[str, str]

    @property
    def alternations(self) -> int:
        """T."""
        return self.cells[0].iterations

    def full(self, metric: str) -> str | None:
        """Return the full name of a metric, the first judge's; None where it is not measured."""
        names = (name for name in self.cells[0].info if MetricName.parse(name).metric == metric)
        return next((name for name in names if self.cells[0].value(name, self.alternations) is not None), None)

    def curves(self, metric: str) -> np.ndarray | None:
        """Return (seeds, T) values over alternations 1 to T; None where one is missing."""
        name = self.full(metric)
        return None if name is None else stacked(self.cells, name)

    def end(self, metric: str) -> tuple[float, float | None] | None:
        """Return mean and standard deviation over seeds at T (None for one seed); None where one is missing."""
        name = self.full(metric)
        values = [cell.value(name, self.alternations) for cell in self.cells] if name else []
        known = np.array([value for value in values if value is not None])
        if not values or len(known) < len(values):
            return None
        return mean_sd(known) if len(known) > 1 else (float(known[0]), None)

    def attributes(self) -> dict[str, tuple[float, float]]:
        """Return what is left of each attribute at T, and what of an unrelated scene; most beyond chance first.

        How often unrelated scenes agree depends on how many values an attribute has, and how evenly: what is left
        beyond chance is (left - chance) / (1 - chance), by which attributes can be compared. Empty without an oracle.
        """
        found = {MetricName.parse(name).metric for name in self.cells[0].info}
        names = [name.removeprefix(EACH) for name in sorted(found) if name.startswith(EACH)]
        ends = {name: (self.end(EACH + name), self.end(CHANCE + name)) for name in names}
        left = {name: (end[0], chance[0]) for name, (end, chance) in ends.items() if end and chance}
        return dict(sorted(left.items(), key=lambda item: -beyond(*item[1])))


def beyond(left: float, chance: float) -> float:
    """Return the share that is left of what chance does not give; 0 where chance gives all."""
    return (left - chance) / (1 - chance) if chance < 1 else 0.0


def chains(board: Board) -> list[Chain]:
    """Return the complete rows of scenarios that train nothing, in the order of the board."""
    readings = [line.reading for group in board.groups for line in group.lines]
    return [chain for reading in readings if (chain := chain_of(reading)) is not None]


def chain_of(reading: Reading) -> Chain | None:
    """Return the chain of a reading; None where something trains, or a seed is not complete."""
    cells = reading.cells
    whole = len(cells) == len(reading.row.keys) and all(cell.status == "complete" for cell in cells)
    if not whole or not cells or any(cell.trains for cell in cells):
        return None
    return Chain(reading.row, cells, ("images", "captions") if _from_image(cells[0]) else ("captions", "images"))


def _from_image(cell: CellResult) -> bool:
    """Whether a chain began with images; an entry keeps no configuration, and is of a shipped variant."""
    scenario = cell.configuration.get("scenario")
    return scenario["prompts"] == "new_captions" if scenario else cell.rows[0].variant == "from_image"


def half_of_the_loss(course: np.ndarray) -> int | None:
    """Return the first alternation by which half of what is lost at T is lost; None where nothing is.

    Args:
        course: (T,) values over alternations 1 to T, of a quantity that is 1 in generation 0.
    """
    lost = 1 - course
    return int(np.argmax(lost >= lost[-1] / 2 - ROUNDING)) + 1 if lost[-1] > ROUNDING else None


def headline(chain: Chain) -> str:
    """Return the answer in a sentence that may stand behind a colon: no capital, no full stop."""
    same = chain.sides[0]
    after = f"after {counted(chain.alternations, 'alternation')}"
    left, found, drift = (chain.end(name) for name in ("attributes_left", "similarity_same", "mcd"))
    parts = []
    if left is not None:
        parts.append(f"{after} {_with_sd(left)} of the attributes are left in {same}")
        if chance := chain.end("attributes_unrelated"):
            parts[-1] += f" (of an unrelated scene: {number(chance[0])})"
        parts += _half(chain, "attributes_left")
    elif found is not None:
        parts.append(f"{after} {same} have a similarity of {_with_sd(found)} to the {same[:-1]} that they began with")
        if other := chain.end("unrelated_same"):
            parts[-1] += f" (of an unrelated one: {number(other[0])})"
        parts += _half(chain, "similarity_same")
    if drift is not None:
        parts.append(f"mean cumulative drift {_with_sd(drift)}")
    return "; ".join(parts) if parts else f"{after} nothing is measured of what is left"


def words(chain: Chain) -> list[str]:
    """Return the answer in sentences."""
    same, cross = chain.sides
    said = headline(chain)
    told = [f"{said[0].upper()}{said[1:]}."]
    if len(each := chain.attributes()) > 1:
        left = ", ".join(f"{name} {number(value)} ({number(chance)})" for name, (value, chance) in each.items())
        told.append(f"Left of each (of an unrelated scene), most beyond chance first: {left}.")
    for word, side in (("same", same), ("cross", cross)):
        found = chain.end(f"similarity_{word}")
        if found is None:
            continue
        known = [("an unrelated pair", chain.end(f"unrelated_{word}"))]
        known += [("a real pair", chain.end("real_cross"))] if word == "cross" else []
        beside = ", ".join(f"{name} has {number(value[0])}" for name, value in known if value)
        told.append(
            f"Similarity of {side} to the {same[:-1]} that it began with: {_with_sd(found)}"
            f"{f' ({beside})' if beside else ''}."
        )
    return told


def section(board: Board) -> str:
    """Return the answer as a part of the board's page; "" where no row is a chain."""
    found = chains(board)
    parts = ["\n## What is left of generation 0"] if found else []
    for chain in found:
        parts.append(f"### {markdown_escape(str(chain.row.name))}")
        parts.append("\n".join(f"- {markdown_escape(sentence)}" for sentence in words(chain)))
    return "\n\n".join(parts) + ("\n" if parts else "")


def terminal(board: Board) -> str:
    """Return the answer in lines for a terminal; "" where no row is a chain."""
    return "".join(f"{chain.row.name}\n" + "".join(f"  {told}\n" for told in words(chain)) for chain in chains(board))


def _half(chain: Chain, metric: str) -> list[str]:
    curves = chain.curves(metric)
    half = None if curves is None else half_of_the_loss(curves.mean(axis=0))
    return [] if half is None else [f"half of the loss falls in {'the first' if half == 1 else f'the first {half}'}"]


def _with_sd(value: tuple[float, float | None]) -> str:
    mean, sd = value
    return number(mean) + ("" if sd is None else f" ± {number(sd, 2)}")
