"""Names of metrics and rows as values: the one place where their texts are put together and taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from records.errors import brief

#: What may name a file, a folder, a row, a tag or a cell of a table, on every system; see `plain_name`.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
#: What may be part of the name of a metric.
WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
#: Devices of Windows, whatever follows a dot behind them.
DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

Modality = Literal["captioner", "generator"]
MODALITIES: tuple[Modality, ...] = ("captioner", "generator")
#: What a metric is of: the outputs of a model, or a synthetic set.
SIDES = (*MODALITIES, "set")
#: The rows that the others are measured against.
CONTROLS = ("none", "real")


def judged_sides(trains: Iterable[str]) -> tuple[str, ...]:
    """Return the sides that a row is judged on: what it trains, or the sets of a chain, in which nothing trains."""
    return tuple(sorted(trains)) or ("set",)


def plain_name(text: str, key: str, most: int = 64) -> None:
    """Refuse a name that could not be that of a file on some system, or that no entry could hold.

    Raises:
        ValueError: One sentence that starts with ``key``.
    """
    if not NAME.fullmatch(text) or len(text) > most or text.endswith(".") or DEVICES.fullmatch(text):
        device = ", and no device of Windows" if DEVICES.fullmatch(text) else ""
        allowed = f"1 to {most} letters (a to z), digits, and . _ - between them{device}"
        raise ValueError(f"{key}: found {brief(text)!r}; allowed: {allowed}")


def no_twins(names: Iterable[str], key: str) -> None:
    """Refuse names that differ in capitals alone: one file on a disk that does not tell them apart.

    Raises:
        ValueError: One sentence that starts with ``key``.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise ValueError(f"{key}: found {other!r} and {name!r}; allowed: names that differ in more than capitals")


@dataclass(frozen=True)
class MetricName:
    """A metric as it was measured, such as `generator/frechet@clip,n=512`.

    Attributes:
        side: One of `SIDES`.
        metric: What a metric family calls it.
        judge: In whose space, or another condition; None = none.
        n: How many items; None = not said.
    """

    side: str
    metric: str
    judge: str | None = None
    n: int | None = None

    @classmethod
    def parse(cls, text: str, where: str = "metric") -> MetricName:
        """Return the name that a text stands for; `str` gives the same text again.

        Raises:
            ValueError: It names no metric with its side; one sentence that starts with ``where``.
        """
        head, _, setting = text.partition("@")
        side, _, metric = head.partition("/")
        size = re.fullmatch(r"(?:(?P<judge>.+),)?n=(?P<n>[0-9]+)", setting)
        judge, n = (size["judge"], int(size["n"])) if size else (setting or None, None)
        found = cls(side, metric, judge, n)
        if side not in SIDES or not metric or str(found) != text:
            raise ValueError(f"{where}: found {text!r}; allowed: side/metric, with a side of {', '.join(SIDES)}")
        return found

    def __str__(self) -> str:
        return f"{self.side}/{self.beside}"

    @property
    def beside(self) -> str:
        """The name without its side, for a place that says the side already."""
        setting = [*([self.judge] if self.judge else []), *([] if self.n is None else [f"n={self.n}"])]
        return self.metric + ("@" if setting else "") + ",".join(setting)

    @property
    def first(self) -> int:
        """The first iteration that it is measured at: there is no synthetic set before iteration 1."""
        return int(self.side == "set")

    def fits(self, wanted: MetricName) -> bool:
        """Say whether this is what a name asks for that may leave judge and n open."""
        same = (self.side, self.metric) == (wanted.side, wanted.metric)
        return same and wanted.judge in (None, self.judge) and wanted.n in (None, self.n)


class GroupName(NamedTuple):
    """A scenario variant; rows of one group may be compared with each other."""

    scenario: str
    variant: str

    @classmethod
    def parse(cls, text: str) -> GroupName:
        """Return the group that a text stands for; of a scenario alone the variant is ""."""
        scenario, _, variant = text.partition("/")
        return cls(scenario, variant)

    def __str__(self) -> str:
        return f"{self.scenario}/{self.variant}"


@dataclass(frozen=True)
class RowName:
    """A row of a plan: a scenario variant under a mitigation."""

    scenario: str
    variant: str
    mitigation: str

    @classmethod
    def parse(cls, text: str, where: str = "row") -> RowName:
        """Return the name that a text stands for; `str` gives the same text again.

        Raises:
            ValueError: It names no row; one sentence that starts with ``where``.
        """
        parts = text.split("/")
        if len(parts) != 3 or not all(parts):
            raise ValueError(f"{where}: found {text!r}; allowed: scenario/variant/mitigation")
        return cls(*parts)

    @classmethod
    def of(cls, row: Any) -> RowName:
        """Return the name of anything that has a scenario, a variant and a mitigation."""
        return cls(row.scenario, row.variant, row.mitigation)

    def __str__(self) -> str:
        return f"{self.group}/{self.mitigation}"

    @property
    def group(self) -> GroupName:
        """Scenario and variant."""
        return GroupName(self.scenario, self.variant)
