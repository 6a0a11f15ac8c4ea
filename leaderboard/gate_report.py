"""A check as text, JSON, JUnit XML and GitHub annotations; equal checks give equal bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

from leaderboard.fitting import LINES, cut, fitted, wrap
from leaderboard.gate import BAD, GateOutcome, Report
from leaderboard.text import aligned, counted, number

HEAD = ("gate", "then", "now", "change", "p (Holm)", "power", "result")


def text(report: Report) -> str:
    """Return the check for a terminal, the answer first: one screen for as many gates as a suite has."""
    rows = []
    for outcome in report.outcomes:
        change = outcome.change
        then = f"{number(outcome.trend.mean)} ± {number(outcome.trend.spread, 2)}"
        rows.append(
            [cut(outcome.trend.gate.name, 30), then, number(outcome.mean), number(change.change if change else None),
             number(change.p_value if change else None, 2), f"{change.power:.0%}" if change else "",
             outcome.status.upper()]
        )  # fmt: skip
    about = (
        f"check of {report.suite} against the baseline of commit {report.commit or 'unknown'}: "
        f"{report.steps} steps computed, {counted(len(report.outcomes), 'trend')} compared"
    )
    said = [line for outcome in report.outcomes for line in _said(outcome)]
    lines = [*wrap(verdict(report)), *wrap(about), "", *map(cut, aligned(rows, HEAD)), ""]
    tail = ["", *wrap(explanation(report))]
    return "\n".join([*lines, *fitted(said, LINES - len(lines) - len(tail), "line", "--format json"), *tail]) + "\n"


def _said(outcome: GateOutcome) -> list[str]:
    """Return what was compared and what is to be said of it, in at most three lines."""
    gate = outcome.trend.gate
    what = f"{gate.name}: {gate.statistic} of {outcome.trend.metric} in {gate.row}"
    return wrap(f"{what}: {outcome.message}{_seeds(outcome)}")[:3]


def verdict(report: Report) -> str:
    """Return what the check comes to."""
    if report.bad:
        names = ", ".join(f"{o.trend.gate.name} ({o.status})" for o in report.bad)
        return f"FAILED: {names}"
    better = [o.trend.gate.name for o in report.outcomes if o.status == "improved"]
    return "passed" + (f"; improved: {', '.join(better)}" if better else "")


def explanation(report: Report) -> str:
    """Return what the numbers mean, with level and power."""
    powers = [o.change.power for o in report.outcomes if o.change]
    lowest = f"at least {min(powers):.0%}" if powers else "unknown"
    return (
        "A regression is larger than what matters and significant (two-sample t, unpaired, variance pooled over both "
        f"runs and each spread group, Holm; false alarms of all gates together at most {report.level:.0%}). "
        f"A change of three seed spreads is seen with a chance of {lowest} (column power). Passing means that no "
        "regression was seen, not that nothing changed."
    )


def document(report: Report) -> dict[str, Any]:
    """Return the check as plain JSON data."""
    return {
        "suite": report.suite,
        "baseline_commit": report.commit,
        "steps_computed": report.steps,
        "level": report.level,
        "passed": not report.bad,
        "gates": [_record(outcome) for outcome in report.outcomes],
    }


def json_text(report: Report) -> str:
    """Return the check as JSON."""
    return json.dumps(document(report), indent=1, sort_keys=True) + "\n"


def junit(report: Report) -> str:
    """Return the check as JUnit XML: one test case a gate."""
    root, suite = _junit_suite(report.suite, len(report.outcomes), failures=len(report.bad))
    for outcome in report.outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", {"classname": f"gate.{report.suite}", "name": outcome.trend.gate.name}
        )
        if outcome.status in BAD:
            failure = ElementTree.SubElement(case, "failure", {"type": outcome.status, "message": outcome.message})
            failure.text = _where(outcome)
        else:
            ElementTree.SubElement(case, "system-out").text = f"{outcome.status}: {outcome.message}"
    return junit_text(root)


def junit_error(suite: str, message: str) -> str:
    """Return JUnit XML of a check that could not be made."""
    root, home = _junit_suite(suite, 1, errors=1)
    case = ElementTree.SubElement(home, "testcase", {"classname": f"gate.{suite}", "name": "check"})
    ElementTree.SubElement(case, "error", {"type": "error", "message": message})
    return junit_text(root)


def _junit_suite(
    suite: str, tests: int, failures: int = 0, errors: int = 0
) -> tuple[ElementTree.Element, ElementTree.Element]:
    counts = {"tests": str(tests), "failures": str(failures), "errors": str(errors), "skipped": "0"}
    root = ElementTree.Element("testsuites", counts)
    return root, ElementTree.SubElement(root, "testsuite", {"name": f"mmcollapse {suite}", **counts})


def junit_text(root: ElementTree.Element) -> str:
    """Return an XML document; characters that XML cannot hold are replaced."""
    for element in root.iter():
        element.text = _printable(element.text) if element.text else element.text
        for key, value in element.attrib.items():
            element.set(key, _printable(value))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def github(report: Report) -> str:
    """Return workflow commands that GitHub shows beside the run, and what the check comes to."""
    levels = {"improved": "notice", **dict.fromkeys(BAD, "error")}
    lines = [
        annotation(levels[o.status], f"{report.suite}: {o.trend.gate.name}", f"{o.status}: {o.message} ({_where(o)})")
        for o in report.outcomes if o.status in levels
    ]  # fmt: skip
    lines.append(f"{report.suite}: {report.steps} steps computed, {len(report.outcomes)} trends compared: ")
    return "\n".join(lines) + verdict(report) + "\n"


def annotation(level: str, title: str, message: str) -> str:
    """Return one workflow command, escaped as GitHub asks for."""
    head = _escaped(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={head}::{_escaped(message)}"


RENDERERS: dict[str, Callable[[Report], str]] = {"text": text, "json": json_text, "github": github}


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _printable(value: str) -> str:
    return "".join(c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else "?" for c in value)


def _where(outcome: GateOutcome) -> str:
    gate = outcome.trend.gate
    now = f", now {number(outcome.mean)} over {len(outcome.seeds)} seeds" if outcome.mean is not None else ""
    return f"{gate.statistic} of {outcome.trend.metric} in {gate.row}: {number(outcome.trend.mean)}{now}"


def _seeds(outcome: GateOutcome) -> str:
    if not outcome.seeds:
        return ""
    if not outcome.shared:
        return f" [{len(outcome.seeds)} seeds, none of the baseline's {len(outcome.trend.values)}]"
    same = "identical" if outcome.identical else "not identical"
    return f" [{len(outcome.seeds)} seeds, {outcome.shared} of them in the baseline and {same} there]"


def _record(outcome: GateOutcome) -> dict[str, Any]:
    trend, change = outcome.trend, outcome.change
    return {
        "name": trend.gate.name,
        "row": trend.gate.row,
        "metric": trend.metric,
        "statistic": trend.gate.statistic,
        "watch": trend.gate.watch,
        "relevant": trend.gate.relevant,
        "status": outcome.status,
        "message": outcome.message,
        "baseline": {"mean": trend.mean, "spread": trend.spread, "seeds": len(trend.values)},
        "mean": outcome.mean,
        "seeds": list(outcome.seeds),
        "seeds_shared": outcome.shared,
        "identical": outcome.identical,
        "change": change.change if change else None,
        "spread_pooled": change.sd if change else None,
        "p_holm": change.p_value if change else None,
        "power_three_spreads": change.power if change else None,
        "visible_change": change.visible if change else None,
    }
