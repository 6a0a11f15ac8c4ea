"""Two rows at T: paired by seed where both ran on the same kinds of hosts, as independent samples otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard import statistics as st
from leaderboard.grain import difference, grain
from leaderboard.power import Power, detectable_difference
from leaderboard.readings import Reading
from leaderboard.unpaired import prevented_unpaired, welch_interval, welch_p

UNPAIRED = "other kind of host than the controls: unpaired (Welch)"


def paired(one: Reading, other: Reading) -> bool:
    """Whether equal seeds of two rows are pairs: each ran on the same kind of host as its twin.

    Raises:
        ValueError: The rows have other seeds: then no test of this module is theirs.
    """
    if one.row.seeds != other.row.seeds:
        raise ValueError(f"rows of other seeds are not compared: {one.row.seeds} and {other.row.seeds}")
    return one.hosts_by_seed == other.hosts_by_seed


def gap(better: Reading, worse: Reading, direction: str) -> st.MeanInterval:
    """Return the interval of how much worse the second row is than the first at T; positive where it is worse."""
    a, b = better.at(-1), worse.at(-1)
    if paired(better, worse):
        gaps = st.worsening(a, b, direction)
        return st.t_interval(gaps, least=grain(gaps, worse.items))
    return welch_interval(*((b, a) if direction == "down" else (a, b)), items=worse.items)


def p_value(one: Reading, other: Reading) -> float:
    """Return the two-sided p value of no difference at T."""
    test = st.paired_p if paired(one, other) else welch_p
    return test(one.at(-1), other.at(-1), items=one.items)


def prevented(none: Reading, method: Reading, real: Reading) -> st.Ratio:
    """Return collapse prevented at T with Fieller's interval."""
    ends = none.at(-1), method.at(-1), real.at(-1)
    if paired(none, method) and paired(none, real):
        return st.collapse_prevented(*ends, items=none.items)
    return prevented_unpaired(*ends, controls_paired=paired(none, real), items=none.items)


def rank_ranges(readings: Sequence[Reading], direction: str) -> dict[str, tuple[int, int]]:
    """Return the rank range of each row at T by mitigation; the rank of the only one says nothing."""
    by_name = {reading.row.mitigation: reading for reading in readings}
    if len(by_name) < 2:
        return {}
    return st.rank_ranges(
        {name: reading.at(-1) for name, reading in by_name.items()},
        direction,
        test=lambda one, other: p_value(by_name[one], by_name[other]),
    )


def power(none: Reading, others: Sequence[Reading]) -> Power | None:
    """Return what paired comparisons with `none` can see, from the spread of those that were made."""
    gaps = [difference(none.at(-1), other.at(-1)) for other in others if paired(none, other)]
    return detectable_difference(gaps, none.items)
