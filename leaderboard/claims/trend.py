"""A claim about the course of one loop: a metric rises or falls, or several do so at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from leaderboard.claims.finding import SEEDS_TO_DECIDE, Finding, Part, mean_part, seeds_reason
from leaderboard.claims.margin import check_margin, declared, with_margin
from leaderboard.claims.terms import Collapse, beyond, named, reaches, read
from leaderboard.grain import grain
from leaderboard.series import Evidence
from records.findings import Statistic
from records.names import MetricName, RowName


@dataclass(frozen=True)
class Course:
    """What one metric does.

    Attributes:
        metric: `side/metric`.
        expect: `rises` and `falls` are about the number, `worsens` and `improves` about its direction.
        margin: A change inside +-margin is negligible, in units of the statistic; None = no change is.
    """

    metric: str
    expect: Literal["rises", "falls", "worsens", "improves"]
    margin: float | None = None

    def __post_init__(self) -> None:
        """Check the metric's name."""
        MetricName.parse(self.metric, "courses: metric")
        check_margin(self.margin)


@dataclass(frozen=True)
class Trend:
    """All courses hold in one row, over seeds.

    Attributes:
        row: The loop.
        courses: What its metrics do; the claim holds only where every one does.
        control: A row whose course is subtracted seed by seed, such as `real`: what the loop does beyond the fits.
        statistic: `worsening` = change from the first iteration to T; `slope` and `area` weigh the whole course.
        iterations: Smallest T that the statement is about.
        seeds: Fewest seeds that decide.
        collapse: Rows of which a metric must have collapsed first, which it names; None = nothing is asked.
    """

    row: str
    courses: tuple[Course, ...]
    control: str = ""
    statistic: Statistic = "worsening"
    iterations: int = 1
    seeds: int = SEEDS_TO_DECIDE
    collapse: Collapse | None = None

    def __post_init__(self) -> None:
        """Check names and that there is something to test."""
        RowName.parse(self.row, "row")
        if self.control:
            RowName.parse(self.control, "control")
        if not self.courses:
            raise ValueError("courses: found none; allowed: one or more")
        if self.statistic == "end":
            raise ValueError("statistic: found 'end', which is no course; allowed: worsening, slope, area")
        if self.collapse is not None and not self.collapse.metric:
            raise ValueError("collapse: metric: found nothing; allowed: side/metric, since a course need be no damage")

    def judge(self, evidence: Evidence) -> Finding:
        """Test every course.

        Raises:
            Undecided: A row or metric cannot be read or compared, or nothing collapsed.
        """
        evidence = evidence.paired(self.row, self.control, *named(self.collapse))
        if self.collapse is not None:
            self.collapse.demand(evidence, self.collapse.metric)
        parts: list[Part] = []
        for course in self.courses:
            series = read(evidence, self.row, course.metric)
            reaches(series, self.iterations)
            values = beyond(evidence, series, self.control, self.statistic)
            if course.expect in ("rises", "falls"):  # about the number itself, whichever way is worse
                values = values if series.signed == "down" else -values
                sign = 1 if course.expect == "rises" else -1
                label = f"{series.metric}, change" if self.statistic == "worsening" else f"{series.metric}"
            else:
                if series.direction == "none":
                    return Finding((), f"{series.metric} has no direction, so it neither worsens nor improves")
                sign = 1 if course.expect == "worsens" else -1
                label = f"{series.metric}, worsening"
            name = "" if self.statistic == "worsening" else f" ({self.statistic})"
            control = f" beyond {self.control}" if self.control else ""
            least = grain(values, series.items(self.statistic))
            part = mean_part(f"{label}{name}{control}", values, sign, least)
            parts.append(with_margin(part, values, declared(course.margin, len(values)), least))
        return Finding(tuple(parts), seeds_reason(parts, self.seeds))
