"""Words of Vega-Lite that every figure uses, so that a specification reads as what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Spec: TypeAlias = dict[str, Any]
#: A mark's description, by which a page finds the marks of a method.
DESCRIBED: Spec = {"description": {"field": "about", "type": "nominal"}}


def number_of(field: str, title: str | None = None, **more: Any) -> Spec:
    """Return a channel that shows a number."""
    return {"field": field, "type": "quantitative", "title": title, **more}


def name_of(field: str, **more: Any) -> Spec:
    """Return a channel that shows a name."""
    return {"field": field, "type": "nominal", **more}


def layer(
    kind: str,
    encoding: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]] | None = None,
    where: str = "",
    **mark: Any,
) -> Spec:
    """Return a layer of a figure.

    Args:
        kind: Of mark.
        encoding: Channel -> what it shows.
        rows: Its own records; default: those of the figure.
        where: Expression that records must fulfil; "" = all.
        mark: Further properties of the mark.
    """
    made: Spec = {"mark": {"type": kind, **mark}, "encoding": dict(encoding)}
    if rows is not None:
        made["data"] = {"values": list(rows)}
    if where:
        made["transform"] = [{"filter": where}]
    return made
