"""The domain of shapes: one or two coloured shapes on a plain ground.

Attributes of an item, as tuples with one value per slot:

- per object (one or two slots, the left or upper object first): `shape`, `colour`, `size`, `place`;
- of the scene (always one slot): `background`.

The place of a lone object is one of the five values; of two objects, one is at the left and the
other at the right, or one at the top and the other at the bottom. A caption states all of it.
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

SHAPES = zipf(("square", "circle", "triangle", "cross", "diamond", "ring"))
COLOURS = zipf(("blue", "red", "green", "yellow", "purple", "orange", "cyan", "pink"))
GROUNDS = zipf(("white", "grey", "black", "tan"))
EXTENTS = zipf(("large", "small"))
# A flatter law: only lone objects are in the middle, and 512 items must hold it twenty times.
PLACES = zipf(("left", "right", "top", "bottom", "middle"), 0.7)
COUNTS = Law(("one", "two"), (0.6, 0.4))
RELATIONS = Law(("beside", "above"), (0.6, 0.4))

PAPER = {"white": (242, 242, 242), "grey": (138, 138, 138), "black": (28, 28, 28), "tan": (214, 186, 140)}
RADIUS = {"large": 6.6, "small": 4.3}
ANCHOR = {"left": (8, 16), "right": (24, 16), "top": (16, 8), "bottom": (16, 24), "middle": (16, 16)}
_MARGIN = 0.75  # between an object and the border of the half it lives in

_PAIR_PLACES = np.array([["left", "right"], ["top", "bottom"]], dtype=object)


@dataclass(frozen=True)
class Layout:
    """Placed objects of n scenes, arrays (n, 2) over slots; the second slot may not be `present`."""

    present: np.ndarray
    shape: np.ndarray
    colour: np.ndarray
    size: np.ndarray
    place: np.ndarray  # names; the rest are indices into the laws
    ground: np.ndarray  # (n,)
    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray


def lay_out(draws: Draws) -> Layout:
    """Draw the attributes and the positions of the objects."""
    two = draws.choice("count", COUNTS) == 1
    place = _PAIR_PLACES[draws.choice("relation", RELATIONS)]
    alone = PLACES.names[draws.choice("place", PLACES)]
    place = np.where(two[:, None], place, np.stack([alone, np.full(len(draws), "", object)], 1))

    def per_slot(lane: str, law: Law) -> np.ndarray:
        return np.stack([draws.choice(f"{lane}/{slot}", law) for slot in range(2)], 1)

    def jitter(lane: str) -> np.ndarray:
        return np.stack([draws.uniform(f"{lane}/{slot}", -1, 1) for slot in range(2)], 1)

    size = per_slot("size", EXTENTS)
    radius = np.array([RADIUS[name] for name in EXTENTS.values])[size] * (1 + 0.04 * jitter("radius"))
    anchor = np.array([ANCHOR.get(name, (16, 16)) for name in place.ravel()], float).reshape(-1, 2, 2)
    # Off the centre an object stays inside its half of the image, so two never touch.
    room = np.minimum(1.5, 8 - _MARGIN - radius)
    spread = np.where(anchor != 16, room[:, :, None], 2.0)
    return Layout(
        present=np.stack([np.ones_like(two), two], 1),
        shape=per_slot("shape", SHAPES),
        colour=per_slot("colour", COLOURS),
        size=size,
        place=place,
        ground=draws.choice("background", GROUNDS),
        x=anchor[..., 0] + spread[..., 0] * jitter("x"),
        y=anchor[..., 1] + spread[..., 1] * jitter("y"),
        radius=radius,
    )


# Sentences. {o} an object, {p} its place, {g} the ground, {b} its bare colour word, {r} a relation.
ONE_FORMS = zipf(
    (
        "{o} {p} {g}",
        "there is {o} {p} {g}",
        "{g} , {o} {p}",
        "a {b} background with {o} {p}",
        "a picture of {o} {p} {g}",
        "{o} sits {p} {g}",
        "{p} of a {b} scene , {o}",
        "{p} there is {o} {g}",
    )
)
TWO_FORMS = zipf(
    (
        "{o} {r} {q} {g}",
        "there is {o} {r} {q} {g}",
        "{g} , {o} {r} {q}",
        "{o} {p} and {q} {s} {g}",
        "a {b} background with {o} {r} {q}",
        "a picture of {o} {r} {q} {g}",
        "{o} sits {r} {q} {g}",
        "{p} {o} , {s} {q} , {g}",
    )
)
GROUND_FORMS = zipf(("on a {b} background", "on {b}", "against a {b} background"))
SIZE_WORDS = {"large": zipf(("large", "big")), "small": zipf(("small", "little"))}
PLACE_WORDS = {
    "left": zipf(("on the left", "at the left")),
    "right": zipf(("on the right", "at the right")),
    "top": zipf(("at the top", "near the top")),
    "bottom": zipf(("at the bottom", "near the bottom")),
    "middle": zipf(("in the middle", "in the centre")),
}
RELATION_WORDS = {
    "left": zipf(("left of", "to the left of")),
    "right": zipf(("right of", "to the right of")),
    "top": zipf(("above", "over")),
    "bottom": zipf(("below", "under")),
}
_EITHER = Law(("first", "second"), (2 / 3, 1 / 3))
_LANES = {
    "one form": ONE_FORMS, "two form": TWO_FORMS, "ground form": GROUND_FORMS, "swap": _EITHER,
    "size word/0": _EITHER, "size word/1": _EITHER, "place word/0": _EITHER, "place word/1": _EITHER,
}  # fmt: skip


def write(
    item: Truth, one: int, two: int, ground: int, swap: int, size0: int, size1: int, place0: int, place1: int
) -> str:
    """Write one sentence about an item; the numbers choose among forms and synonyms."""
    (b,) = item["background"]
    g = GROUND_FORMS.values[ground].format(b=b)
    objects = [
        (f"a {SIZE_WORDS[size].values[word]} {colour} {shape}", place)
        for size, word, colour, shape, place in zip(
            item["size"], (size0, size1), item["colour"], item["shape"], item["place"], strict=False
        )
    ]
    if len(objects) == 1:
        ((o, place),) = objects
        return ONE_FORMS.values[one].format(o=o, p=PLACE_WORDS[place].values[place0], g=g, b=b)
    (o, place), (q, other) = objects[::-1] if swap else objects
    p, s = PLACE_WORDS[place].values[place0], PLACE_WORDS[other].values[place1]
    r = RELATION_WORDS[place].values[place0]
    return TWO_FORMS.values[two].format(o=o, q=q, p=p, s=s, r=r, g=g, b=b)


class ShapesWorld(DrawnWorld):
    """The world of shapes at one image size."""

    lanes, write = _LANES, staticmethod(write)

    def render(self, draws: Draws) -> np.ndarray:
        """Draw (n, size, size, 3) uint8 images."""
        layout = lay_out(draws)
        n, size = len(draws), self.image_size
        masks = np.zeros((n, 2, size, size), np.float32)
        for code, name in enumerate(SHAPES.values):
            rows, slots = np.nonzero(layout.present & (layout.shape == code))
            at = layout.x[rows, slots], layout.y[rows, slots], layout.radius[rows, slots]
            masks[rows, slots] = drawing.coverage(getattr(drawing, name), *at, size)
        ink = np.array([drawing.INK[name] for name in COLOURS.values])[layout.colour]
        paper = np.array([PAPER[name] for name in GROUNDS.values])[layout.ground]
        return drawing.blend(paper[:, None, None, :], [(masks[:, slot], ink[:, slot]) for slot in range(2)])

    def truth(self, draws: Draws) -> list[Truth]:
        """Return the attributes of each item."""
        layout = lay_out(draws)
        columns = {
            "shape": SHAPES.names[layout.shape],
            "colour": COLOURS.names[layout.colour],
            "size": EXTENTS.names[layout.size],
            "place": layout.place,
        }
        items: list[Truth] = []
        for row, slots in enumerate(layout.present.sum(1).tolist()):
            item = {name: tuple(values[row, :slots]) for name, values in columns.items()}
            items.append({**item, "background": (GROUNDS.values[layout.ground[row]],)})
        return items

    def vocabulary(self) -> tuple[str, ...]:
        """Return all words of the grammar, sorted."""
        laws = [SHAPES, COLOURS, GROUNDS, ONE_FORMS, TWO_FORMS, GROUND_FORMS]
        laws += [*SIZE_WORDS.values(), *PLACE_WORDS.values(), *RELATION_WORDS.values()]
        return tuple(sorted(words_of(*(value for law in laws for value in law.values))))

    def oracle(self) -> Oracle:
        """Return a reader of captions and images."""
        from datamodules.scenes.shapes_oracle import ShapesOracle  # which imports this module

        return ShapesOracle(self.image_size)


make_world = ShapesWorld
