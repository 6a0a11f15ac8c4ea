"""The colours of pages and figures: each has a twin for dark pages, so that one drawing serves both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

INK, GREY, FAINT, PAPER = "#1f2328", "#59636e", "#d9dee3", "#ffffff"
NONE, REAL, ON, OFF = "#b3261e", "#1f6f43", "#0059a3", "#6b7480"
#: Okabe-Ito without its red and green, which the controls own, darkened until thin lines can be read on white.
PALETTE = ("#0059a3", "#a85c00", "#6d4fa3", "#1d7f96", "#7a5c2e", "#a83a78", "#3d4a8a", "#5a6b1f")
DASHES: tuple[tuple[int, ...], ...] = ((), (6, 2), (2, 2), (8, 2, 2, 2))
CONTROLS = {"none": NONE, "real": REAL}
#: What a colour of a drawing becomes on a dark page.
DARK = {
    INK: "#e6e9ed", GREY: "#aab3bd", FAINT: "#3a424c", PAPER: "#14181d",
    NONE: "#ff8d82", REAL: "#6fcf97", ON: "#6cb6ff", OFF: "#98a2ae",
    "#a85c00": "#f0a94a", "#6d4fa3": "#bfa3f5", "#1d7f96": "#63c7dd", "#7a5c2e": "#cfae7c",
    "#a83a78": "#f08bc3", "#3d4a8a": "#9aa8f0", "#5a6b1f": "#b9cf6a",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How a method is drawn everywhere on a page: its place among the names, its colour, its dashes."""

    index: int
    colour: str
    dash: tuple[int, ...] = ()

    @property
    def dashes(self) -> str:
        """The dashes as SVG writes them; "" for a whole line."""
        return ",".join(map(str, self.dash))


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Give every name one colour and dash; another dash each time the palette is used up."""
    found: dict[str, Style] = {}
    others = 0
    for index, name in enumerate(dict.fromkeys(names)):
        if name in CONTROLS:
            found[name] = Style(index, CONTROLS[name])
            continue
        dash = DASHES[others // len(PALETTE) % len(DASHES)]
        found[name] = Style(index, PALETTE[others % len(PALETTE)], dash)
        others += 1
    return found
