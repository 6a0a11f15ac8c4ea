"""Names of metrics that a family declares; free of torch, since planning and tables read them too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def facts(declares: Mapping[str, dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Return what a family declares of a metric, or None.

    An entry that ends in `*` stands for every name with the same start: which attributes there are, the data say.
    """
    if name in declares:
        return declares[name]
    starts = [known for known in declares if known.endswith("*") and name.startswith(known[:-1]) and name != known[:-1]]
    return declares[max(starts, key=len)] if starts else None
