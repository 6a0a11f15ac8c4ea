"""The page of a survey: one file that asks, keeps and saves, and reaches for nothing outside itself.

Ids are drawn at random and say nothing. Pictures are data within the page, small ones as they are, large ones as small
as the page's budget asks.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.reporting.pictures import shrunk
from benchmarks.survey.design import Design, Pair
from benchmarks.survey.documents import Question
from records.canonical import digest
from records.errors import UsageError

#: Bytes that a page takes at most: it is sent by mail and opened on phones.
BUDGET = 12_000_000
#: Longest side of a picture in pixels; the first one is taken with which all fit.
SIDES = (768, 512, 384, 256, 192, 128)
#: Pictures up to this size are kept pixel for pixel, and enlarged by the browser.
EXACT = 128
TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """A page, and what stays with who asks.

    Attributes:
        text: Of the file.
        survey: Digest of its questions.
        questions: Id -> question, for the key.
        side: Longest side that pictures have at most, in pixels.
    """

    text: str
    survey: str
    questions: dict[str, Question]
    side: int


def make_page(made: Design, seed: int, budget: int = BUDGET) -> Page:
    """Return the page of a design; the same one for the same seed.

    Raises:
        UsageError: It would be larger than its budget.
    """
    size = 0
    for side in SIDES:
        shown, questions = _questions(made, seed, side)
        survey = digest(shown)
        text = _rendered({**shown, "survey": survey})
        size = len(text.encode())
        if size <= budget:
            return Page(text, survey, questions, side)
    raise UsageError(
        f"--questions: found {sum(map(len, made.sheets))}, a page of {size / 1e6:.0f} MB; "
        f"allowed: so many that it has at most {budget / 1e6:.0f} MB"
    )


def _questions(made: Design, seed: int, side: int) -> tuple[dict[str, Any], dict[str, Question]]:
    """Return what the page holds, in an order that says nothing, and what the key holds."""
    rng = np.random.default_rng([seed, 1])
    pairs = [*made.checks, *(pair for sheet in made.sheets for pair in sheet)]
    names = [_name(rng) for _ in pairs]
    options = [(_name(rng), _name(rng)) for _ in pairs]
    number = {id(pair): k for k, pair in enumerate(pairs)}
    sheets = []
    for sheet in made.sheets:
        own = [number[id(pair)] for pair in (*made.checks, *sheet)]
        sheets.append([names[own[i]] for i in rng.permutation(len(own))])
    questions = {
        names[k]: Question(
            pair.side, pair.item, dict(zip(options[k], pair.whose, strict=True)),
            options[k][pair.whose.index("right")] if pair.check else "",
        )
        for k, pair in enumerate(pairs)
    }  # fmt: skip
    order = rng.permutation(len(pairs))
    shown = [_shown(pairs[k], names[k], options[k], side) for k in order]
    return {"questions": shown, "sheets": sheets}, questions


def _name(rng: np.random.Generator) -> str:
    return rng.bytes(6).hex()


def _shown(pair: Pair, name: str, options: tuple[str, str], side: int) -> dict[str, Any]:
    pictures = pair.side == "generator"
    outputs = [picture_uri(out, side) if pictures else out for out in pair.outputs]
    context = {"text": pair.text} if pictures else {"image": picture_uri(pair.image, side)}
    made = [{"id": o, "image" if pictures else "text": out} for o, out in zip(options, outputs, strict=True)]
    return {"id": name, "kind": "images" if pictures else "captions", **context, "options": made}


def picture_uri(pixels: np.ndarray, side: int) -> str:
    """Return a picture (H, W, 3) uint8 as an address that holds it: PNG of small ones, WebP of those made smaller."""
    exact = max(pixels.shape[:2]) <= EXACT
    buffer = io.BytesIO()
    image = Image.fromarray(pixels if exact else shrunk(pixels, side))
    image.save(buffer, "PNG", optimize=True) if exact else image.save(buffer, "WEBP", quality=88)
    return f"data:image/{'png' if exact else 'webp'};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _rendered(data: dict[str, Any]) -> str:
    """Return the page. Data are JSON in which `<`, `>`, `&` and line separators are escaped (Jinja's `tojson`)."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    longest = max(map(len, data["sheets"]))
    return environment.get_template("survey.html.jinja").render(
        data=data, count=longest, minutes=max(1, round(longest / 7))
    )
