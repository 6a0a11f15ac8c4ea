"""The claims table as Markdown and JSON; equal verdicts give equal bytes."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import asdict
from typing import Any

from leaderboard.claims.family import ClaimFamily, Verdict
from leaderboard.claims.finding import Part
from leaderboard.text import json_number
from leaderboard.text import markdown_escape as escape

HEAD = "| claim | statement | verdict | effect [95 %] | p (Holm) | family | rests on | remark |"
RULE = "|---|---|---|---|---:|---|---|---|"


def table(family: ClaimFamily) -> str:
    """Return the Markdown table alone."""
    return "\n".join([HEAD, RULE, *(_line(verdict) for verdict in family.verdicts)])


def notes(family: ClaimFamily) -> str:
    """Return what the words of the table mean."""
    sizes = Counter(verdict.claim.family for verdict in family.verdicts)
    named = ", ".join(f"{name} ({size})" for name, size in sizes.items())
    return (
        f"Families and their claims: {escape(named)}. The chance of any false *supported* or *contradicted* within a "
        f"family is at most {family.level:.0%} (two-sided tests, Holm; claims that cannot be tested yet count as "
        "p = 1), and so is that of any false *negligible*: every part is smaller than its margin (two one-sided tests, "
        "Holm), whether or not a sign is clear. A claim with several parts holds only where each part does. "
        "*Undecided* never means that there is no effect. Differences are paired over seeds, and all seeds share one "
        "base model. Positive numbers are worse, but for changes and correlations."
    )


def section(family: ClaimFamily) -> str:
    """Return a section for the board's page."""
    return f"## Claims\n\n{table(family)}\n\n{notes(family)}\n"


def markdown(family: ClaimFamily) -> str:
    """Return a page of its own."""
    return f"# Claims tested on {escape(family.suite)}\n\n{table(family)}\n\n{notes(family)}\n"


def document(family: ClaimFamily) -> dict[str, Any]:
    """Return the table as plain JSON data."""
    return {"suite": family.suite, "level": family.level, "claims": [_record(v) for v in family.verdicts]}


def json_text(family: ClaimFamily) -> str:
    """Return the table as JSON."""
    return json.dumps(document(family), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def _line(verdict: Verdict) -> str:
    parts = verdict.finding.parts
    effects = "<br>".join(f"{escape(part.label)}: {_effect(part)}" for part in parts)
    rests = ", ".join(dict.fromkeys(f"{part.n} {part.unit}" for part in parts))
    p = f"{verdict.p_value:.2g}" if parts and not verdict.finding.reason else ""
    statement = verdict.claim.statement + (f" ({verdict.claim.source})" if verdict.claim.source else "")
    told = [escape(verdict.claim.name), escape(statement), f"**{verdict.word}**", effects, p]
    return f"| {' | '.join([*told, escape(verdict.claim.family), rests, escape(verdict.reason)])} |"


def _effect(part: Part) -> str:
    if not math.isfinite(part.low):
        return f"{part.effect + 0.0:.3g}"
    margin = "" if part.margin is None else f", margin {part.margin:.3g}"
    return f"{part.effect + 0.0:.3g} [{part.low + 0.0:.3g}, {part.high + 0.0:.3g}]{margin}"


def _record(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.claim.name,
        "family": verdict.claim.family,
        "statement": verdict.claim.statement,
        "source": verdict.claim.source,
        "kind": verdict.claim.class_path,
        "verdict": verdict.word,
        "p_holm": json_number(verdict.p_value),
        "reason": verdict.reason,
        "parts": [{k: json_number(v) for k, v in asdict(part).items()} for part in verdict.finding.parts],
    }
