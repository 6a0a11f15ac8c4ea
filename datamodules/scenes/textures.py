"""The domain of textures: one to four equal marks on a patterned ground.

Attributes of an item, each a tuple of one value: `count`, `mark`, `colour`, `texture`, `background`
(the tone of the ground). A caption states all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datamodules.scenes import drawing
from datamodules.scenes.grammar import words_of
from datamodules.scenes.hashing import Draws
from datamodules.scenes.laws import Law, zipf
from datamodules.scenes.oracle import Oracle, Truth
from datamodules.scenes.world import DrawnWorld

COUNTS = zipf(("one", "two", "three", "four"))
MARKS = zipf(("dot", "tile", "gem"))
COLOURS = zipf(("red", "blue", "yellow", "green", "cyan", "purple", "pink", "orange"), 0.8)
TEXTURES = zipf(("plain", "striped", "checkered", "banded"))
TONES = zipf(("grey", "white", "tan", "black"))

OUTLINE = {"dot": drawing.circle, "tile": drawing.square, "gem": drawing.diamond}
LIGHT = {"grey": (138, 138, 138), "white": (242, 242, 242), "tan": (214, 186, 140), "black": (28, 28, 28)}
DARK = {"grey": (100, 100, 100), "white": (198, 198, 198), "tan": (174, 146, 100), "black": (68, 68, 68)}
RADIUS = 5.2
PERIOD = 8.0  # of the patterns, in world units
_CELLS = np.array([(8, 8), (24, 8), (8, 24), (24, 24)], dtype=float)  # homes of the marks


@dataclass(frozen=True)
class Layout:
    """Codes (n,) into the laws, and placed marks (n, 4), of which some are `present`."""

    count: np.ndarray
    mark: np.ndarray
    colour: np.ndarray
    texture: np.ndarray
    tone: np.ndarray
    present: np.ndarray
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    phase: np.ndarray  # (n, 2), where the pattern starts


def lay_out(draws: Draws) -> Layout:
    """Draw the attributes, and where the marks and the pattern lie."""

    def cells(lane: str, low: float, high: float) -> np.ndarray:
        return np.stack([draws.uniform(f"{lane}/{cell}", low, high) for cell in range(len(_CELLS))], 1)

    count = draws.choice("count", COUNTS)
    # The marks live in the cells with the smallest numbers of a random order.
    order = cells("cell", 0, 1).argsort(1, kind="stable").argsort(1, kind="stable")
    return Layout(
        count=count,
        mark=draws.choice("mark", MARKS),
        colour=draws.choice("colour", COLOURS),
        texture=draws.choice("texture", TEXTURES),
        tone=draws.choice("background", TONES),
        present=order <= count[:, None],
        x=_CELLS[:, 0] + cells("x", -1.75, 1.75),
        y=_CELLS[:, 1] + cells("y", -1.75, 1.75),
        radius=RADIUS * cells("radius", 0.96, 1.04),
        phase=np.stack([draws.uniform(f"phase/{axis}", 0, PERIOD) for axis in "xy"], 1),
    )


def pattern(texture: str, phase: np.ndarray, size: int) -> np.ndarray:
    """Draw one of `TEXTURES`: (n, size, size) float32 in [0, 1], the share of the dark tone.

    Patterns start at `phase` (n, 2), x and y in world units; `size` is the side of the image in pixels.
    """
    at = drawing.pixel_grid(size) - phase.astype(np.float32)[:, :, None]
    turn = at * np.float32(1 / PERIOD)
    turn -= np.floor(turn)
    inside = np.float32(0.25) - np.abs(turn - np.float32(0.5))
    wave = np.clip(np.float32(0.5) + inside * np.float32(PERIOD * size / drawing.WORLD), 0, 1)
    across, down = wave[:, 0, None, :], wave[:, 1, :, None]
    if texture == "plain":
        mask = np.zeros((len(phase), 1, 1), np.float32)
    elif texture == "striped":
        mask = across
    elif texture == "banded":
        mask = down
    else:
        mask = across + down - 2 * across * down
    return np.broadcast_to(mask, (len(phase), size, size))


# Sentences. {m} the marks, {g} the ground with its preposition, {b} the bare ground.
FORMS = zipf(
    ("{m} {g}", "there {v} {m} {g}", "{g} , {m}", "a {b} background with {m}", "a picture of {m} {g}", "{m} lying {g}")
)
GROUND_FORMS = zipf(("on a {b} background", "on {b}", "over a {b} background"))
COUNT_WORDS = {
    "one": zipf(("one", "a single")),
    "two": zipf(("two", "a pair of")),
    "three": zipf(("three", "a trio of")),
    "four": zipf(("four", "a group of four")),
}
MARK_WORDS = {"dot": zipf(("dot", "disc")), "tile": zipf(("tile", "square")), "gem": zipf(("gem", "diamond"))}
_EITHER = Law(("first", "second"), (2 / 3, 1 / 3))
_LANES = {"form": FORMS, "ground form": GROUND_FORMS, "count word": _EITHER, "mark word": _EITHER}


def write(item: Truth, form: int, ground: int, count_word: int, mark_word: int) -> str:
    """Write one sentence about an item; the numbers choose among forms and synonyms."""
    (count,), (mark,), (colour,) = item["count"], item["mark"], item["colour"]
    one = count == "one"
    b = f"{item['texture'][0]} {item['background'][0]}"
    name = MARK_WORDS[mark].values[mark_word] + ("" if one else "s")
    m = f"{COUNT_WORDS[count].values[count_word]} {colour} {name}"
    g = GROUND_FORMS.values[ground].format(b=b)
    return FORMS.values[form].format(m=m, g=g, b=b, v="is" if one else "are")


class TexturesWorld(DrawnWorld):
    """The world of textures at one image size."""

    lanes, write = _LANES, staticmethod(write)

    def render(self, draws: Draws) -> np.ndarray:
        """Draw (n, size, size, 3) uint8 images."""
        layout, size = lay_out(draws), self.image_size
        dark = np.empty((len(draws), size, size), np.float32)
        for code, texture in enumerate(TEXTURES.values):
            rows = layout.texture == code
            dark[rows] = pattern(texture, layout.phase[rows], size)
        marks = np.zeros_like(dark)
        for code, mark in enumerate(MARKS.values):
            for cell in range(len(_CELLS)):
                rows = (layout.mark == code) & layout.present[:, cell]
                at = layout.x[rows, cell], layout.y[rows, cell], layout.radius[rows, cell]
                marks[rows] += drawing.coverage(OUTLINE[mark], *at, size)  # apart, so the sum is at most 1
        light, shade, ink = (
            np.array([table[name] for name in law.values])[codes]
            for table, law, codes in (
                (LIGHT, TONES, layout.tone),
                (DARK, TONES, layout.tone),
                (drawing.INK, COLOURS, layout.colour),
            )
        )
        return drawing.blend(light[:, None, None, :], [(dark, shade), (marks, ink)])

    def truth(self, draws: Draws) -> list[Truth]:
        """Return the attributes of each item."""
        layout = lay_out(draws)
        columns = {
            "count": COUNTS.names[layout.count],
            "mark": MARKS.names[layout.mark],
            "colour": COLOURS.names[layout.colour],
            "texture": TEXTURES.names[layout.texture],
            "background": TONES.names[layout.tone],
        }
        return [{name: (column[row],) for name, column in columns.items()} for row in range(len(draws))]

    def vocabulary(self) -> tuple[str, ...]:
        """Return all words of the grammar, sorted."""
        laws = [COLOURS, TEXTURES, TONES, FORMS, GROUND_FORMS, *COUNT_WORDS.values()]
        marks = [word + end for law in MARK_WORDS.values() for word in law.values for end in ("", "s")]
        return tuple(sorted(words_of("is are", *marks, *(value for law in laws for value in law.values))))

    def oracle(self) -> Oracle:
        """Return a reader of captions and images."""
        from datamodules.scenes.textures_oracle import TexturesOracle  # which imports this module

        return TexturesOracle(self.image_size)


make_world = TexturesWorld
