"""From a template to one file that needs no other: styles, script, figures and data are inside it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.reporting.pages.colours import DARK

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
#: Characters that end a script or a line of it, in no text of JSON needed as they are.
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def embedded(data: Any) -> str:
    """Return JSON that can stand inside a script element whatever its texts hold."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character, escape in UNSAFE.items():
        text = text.replace(character, escape)
    return text


@cache
def environment() -> Environment:
    """Return the templates' environment: everything is escaped but what is marked as markup."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    made.filters["embedded"] = lambda data: Markup(embedded(data))  # noqa: S704 (what ends a script is escaped in it)
    made.filters["markup"] = Markup
    made.globals["dark"] = DARK
    made.globals["inlined"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 (ships with the code)
    return made


def rendered(template: str, **parts: Any) -> str:
    """Return a page."""
    return environment().get_template(template).render(**parts)
