"""Vega-Lite specifications drawn without a browser: SVG for a page, SVG, PNG and PDF for a paper.

`vl-convert` holds Vega and a font of its own and asks no network. The SVG of a page is made smaller and told apart by
method: what Vega says of its own scaffolding goes, and a mark whose description begins with `#7|` gets `data-m="7"`,
by which a page shows and hides it, and its text as a title.
"""

from __future__ import annotations

import hashlib
import io
import re

from benchmarks.reporting.pages.colours import FAINT, GREY, INK
from benchmarks.reporting.pages.grammar import Spec

VERSION = "5.21"
SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
FONT = "Liberation Sans"  # vl-convert brings it along, so texts are as wide on every machine
#: What every figure has in common.
CONFIG: Spec = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "domainColor": FAINT, "gridColor": FAINT, "tickColor": FAINT, "labelColor": INK, "titleColor": GREY,
        "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "tickSize": 3, "labelOverlap": True,
    },
    "title": {"color": INK, "subtitleColor": GREY, "fontSize": 13, "subtitleFontSize": 11, "anchor": "start"},
    "legend": {"labelColor": INK, "titleColor": GREY, "labelFontSize": 11, "orient": "bottom", "columns": 4},
    "text": {"color": INK, "fontSize": 11},
}  # fmt: skip

SCAFFOLD = re.compile(
    r'<path class="(?:background|foreground)" aria-hidden="true" d="[^"]*"(?: pointer-events="none")?'
    r'(?: (?:display|stroke)="[^"]*")*/>'
)
OF_METHOD = re.compile(r'<(path|line)([^>]*?) aria-label="#(\d+)\|([^"]*)"([^>]*?)/>')
#: What a picture with one text for all of it has no use for, and what a page says once.
IDLE = re.compile(
    r" (?:aria-label|aria-roledescription|role|aria-hidden|class|pointer-events|xmlns:xlink|version|font-family"
    r'|stroke-dasharray=""|opacity="1")(?:="[^"]*")?(?=[ />])'
)
PLACES, LONG = re.compile(r' (?:d|transform|x2|y2)="[^"]*"'), re.compile(r"\d+\.\d\d+")
EMPTY = re.compile(r"<g[^>]*></g>")
CLIP = re.compile(r'<clipPath id="(clip\d+)">(.*?)</clipPath>')


def complete(spec: Spec) -> Spec:
    """Return a specification with its schema and what all figures share."""
    return {"$schema": SCHEMA, "background": None, "padding": 4, "config": CONFIG, **spec}


def page_svg(spec: Spec, about: str) -> str:
    """Draw a specification for a page: an SVG element with a text that says what it shows.

    Args:
        spec: The specification.
        about: What a reader hears who cannot see it.
    """
    import vl_convert
    from markupsafe import escape

    # In two steps: the same drawing in two thirds of the time of one.
    text = vl_convert.vega_to_svg(vl_convert.vegalite_to_vega(complete(spec), vl_version=VERSION))
    text = OF_METHOD.sub(r'<\1\2 data-m="\3"\5><title>\4</title></\1>', SCAFFOLD.sub("", text))
    text = re.sub(r' aria-label="#(\d+)\|[^"]*"', r' data-m="\1"', text)
    text = IDLE.sub("", text)
    text = re.sub(r'font-size="(\d+)px"', r'font-size="\1"', text)
    text = PLACES.sub(lambda found: LONG.sub(lambda n: f"{float(n[0]):.1f}", found[0]), text)
    while (less := EMPTY.sub("", text)) != text:
        text = less
    text = _clipped(text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(about)}" ', 1)


def _clipped(text: str) -> str:
    """Name clips by what they leave, and write each once: Vega numbers all that a process has drawn."""
    named = {
        name: (f"clip-{hashlib.sha256(shape.encode()).hexdigest()[:8]}", shape) for name, shape in CLIP.findall(text)
    }
    for name, (told, _) in named.items():
        text = text.replace(f"url(#{name})", f"url(#{told})")
    once = "".join(f'<clipPath id="{told}">{shape}</clipPath>' for told, shape in sorted(set(named.values())))
    text = CLIP.sub("", text).replace("<defs></defs>", "")
    return text.replace("</svg>", f"<defs>{once}</defs></svg>") if once else text


def drawn(spec: Spec, ending: str) -> bytes:
    """Draw a specification as a file: "svg", "png" at twice its size, or "pdf"."""
    import vl_convert

    whole = {**complete(spec), "background": "white"}
    if ending == "png":
        return _smaller(vl_convert.vegalite_to_png(whole, vl_version=VERSION, scale=2))
    if ending == "pdf":
        return vl_convert.vegalite_to_pdf(whole, vl_version=VERSION)
    return re.sub(r'aria-label="#\d+\|', 'aria-label="', vl_convert.vegalite_to_svg(whole, vl_version=VERSION)).encode()


def _smaller(png: bytes) -> bytes:
    """Write a picture again without its alpha channel, which is opaque: the same pixels in a quarter of the bytes."""
    from PIL import Image

    stream = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(stream, "png")
    return stream.getvalue()
