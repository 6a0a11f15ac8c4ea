"""Reads the attributes of shape scenes off captions and images, without learned weights."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from datamodules.scenes import drawing, palette, shapes
from datamodules.scenes.drawing import INK
from datamodules.scenes.laws import Law
from datamodules.scenes.oracle import ABSENT, UNREADABLE
from datamodules.scenes.parsing import padded, runs_of, single, words_in
from datamodules.scenes.templates import Fit, TemplateOracle

_OBJECT = ("shape", "colour", "size", "place")
_MOST = 2  # objects
_SLOTS = {**dict.fromkeys(_OBJECT, _MOST), "background": 1}

# Captions.
_LEXICON: dict[str, tuple[str, str]] = {
    **{word: ("shape", word) for word in shapes.SHAPES.values},
    **{word: ("colour", word) for word in shapes.COLOURS.values},
    **{word: ("size", size) for size, law in shapes.SIZE_WORDS.items() for word in law.values},
    **{word: ("background", word) for word in shapes.GROUNDS.values},
}
_SURFACES = ("background", "scene", "picture")
_RELATION = {"above": "top", "over": "top", "below": "bottom", "under": "bottom"}
_PLACE = {**{word: word for word in shapes.PLACES.values}, "centre": "middle"}
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}

# Images; colours are in 0..255, distances Euclidean, lengths in world units.
_VISIBLE = 60.0  # a pixel this far from the ground belongs to an object
_FEWEST_PIXELS = 8 / 32**2  # share of an image; fewer visible pixels are a blemish, not an object
_PAPER_RANGE = 45.0
_EVEN_SHARE = 0.6  # of the border has to be near its median: less is no plain ground
_INK_RANGE = 85.0
_UNEXPLAINED = 0.14  # the residual threshold: rendered shapes stay below 0.07 even blurred, most blobs do not
_ANCHOR_RANGE = 5.0
_DIAGONAL = 0.7  # of the shorter to the longer distance: neither beside nor above


class ShapesOracle(TemplateOracle):
    """Oracle of the domain of shapes.

    A scene has an object, so slot 0 is never absent: it is "?" where none is found. The slots of an
    image go left to right or top to bottom, those of a caption in the order of the words. Where a
    caption or an image holds more than two objects, both slots are "?" throughout.
    """

    slots: ClassVar = _SLOTS
    kinds: ClassVar = {name: getattr(drawing, name) for name in shapes.SHAPES.values}
    radii: ClassVar = shapes.RADIUS

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return, per attribute, the expected share of train slots that hold each value."""
        one, two = shapes.COUNTS.probabilities
        place = {value: one * share for value, share in shapes.PLACES.frequencies.items()}
        for (first, second), share in zip(
            (("left", "right"), ("top", "bottom")), shapes.RELATIONS.probabilities, strict=True
        ):
            place[first] += two * share
            place[second] += two * share
        laws: dict[str, Law] = {"shape": shapes.SHAPES, "colour": shapes.COLOURS, "size": shapes.EXTENTS}
        return {
            **{attribute: law.frequencies for attribute, law in laws.items()},
            "place": {value: share / (one + 2 * two) for value, share in place.items()},
            "background": shapes.GROUNDS.frequencies,
        }

    def parse(self, caption: str) -> dict[str, list[str]]:
        """Return the values of every slot; objects are runs of words with a shape, a size or a colour of no ground."""
        words = words_in(caption)
        objects, grounds = [], []
        for run in runs_of(words, _LEXICON):
            if "shape" in run.values or "size" in run.values:
                objects.append(run)
            elif run.after in _SURFACES or "colour" not in run.values:
                grounds.append(run)
            elif run.before not in ("on", "against"):
                objects.append(run)
        item = {"background": [single([ground.only("background") for ground in grounds])]}
        if not 1 <= len(objects) <= _MOST:
            slots = [UNREADABLE] * (_MOST if objects else 1)
            return {**item, **{attribute: padded(slots, _MOST) for attribute in _OBJECT}}
        for attribute in ("shape", "colour", "size"):
            item[attribute] = padded([run.only(attribute) for run in objects], _MOST)
        item["place"] = padded(_parse_places(words, len(objects)), _MOST)
        return item

    def invert(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Read images (n, 3, S, S) float32: attribute -> (n, slots) values."""
        bank = self.bank
        paper = palette.border_colour(pixels)
        residual = pixels - paper[:, :, None, None]
        inks = np.array([INK[name] for name in shapes.COLOURS.values], np.float32) - paper[:, None, :]
        fewest = _FEWEST_PIXELS * bank.image_size**2

        alone = bank.fit(residual, inks)
        rest = residual - alone.drawn
        found = palette.visible(residual, _VISIBLE) >= fewest
        two = found & (palette.visible(rest * ~alone.near[:, None], _VISIBLE) >= fewest)
        rows = np.flatnonzero(two)
        other = bank.fit(rest[rows], inks[rows])
        # The first was fitted in the presence of the other: both again, each without the other.
        one = bank.refine(residual[rows] - other.drawn, inks[rows], alone.centre[rows])
        other = bank.refine(residual[rows] - one.drawn, inks[rows], other.centre)
        stray = (residual[rows] - one.drawn - other.drawn) * ~(one.near | other.near)[:, None]
        surplus = palette.visible(stray, _VISIBLE) >= fewest

        places, swap = _pair_places(one.centre, other.centre)
        slots = {"place": _two_slots(_lone_places(alone.centre), rows, *places)}
        first, second = _describe(one, paper[rows]), _describe(other, paper[rows])
        for attribute, lone in _describe(alone, paper).items():
            a, b = first[attribute], second[attribute]
            slots[attribute] = _two_slots(lone, rows, np.where(swap, b, a), np.where(swap, a, b))
        for values in slots.values():
            values[~found, 0] = UNREADABLE
            values[rows[surplus]] = UNREADABLE
        ground = palette.nearest(paper, shapes.GROUNDS, shapes.PAPER, _PAPER_RANGE)
        ground[palette.border_share(pixels, paper, _VISIBLE) < _EVEN_SHARE] = UNREADABLE
        return {**slots, "background": ground[:, None]}


def _parse_places(words: list[str], objects: int) -> list[str]:
    places = [_PLACE[word] for word in words if word in _PLACE]
    relations = [_RELATION[word] for word in words if word in _RELATION]
    if objects == 1:
        return [UNREADABLE if relations else single(places)]
    said = places + relations
    if len(said) == 1 and said[0] in _OPPOSITE:  # "... left of ...": the second is opposite
        return [said[0], _OPPOSITE[said[0]]]
    if len(places) == 2 and not relations and _OPPOSITE.get(places[0]) == places[1]:
        return places
    return [UNREADABLE, UNREADABLE]


def _describe(fit: Fit, paper: np.ndarray) -> dict[str, np.ndarray]:
    """Name the shape, size and colour of fitted objects, "?" above the residual threshold."""
    shaped = fit.unexplained <= _UNEXPLAINED
    return {
        "shape": np.where(shaped, shapes.SHAPES.names[fit.kind], UNREADABLE),
        "size": np.where(shaped, shapes.EXTENTS.names[fit.size], UNREADABLE),
        "colour": palette.nearest(paper + fit.offset, shapes.COLOURS, INK, _INK_RANGE),
    }


def _lone_places(centre: np.ndarray) -> np.ndarray:
    anchors = np.array([shapes.ANCHOR[name] for name in shapes.PLACES.values])
    return palette.named(centre, shapes.PLACES.values, anchors, _ANCHOR_RANGE)


def _pair_places(one: np.ndarray, other: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Return the places of the slots, and where the other object comes first."""
    step = other - one
    size = np.abs(step)
    beside = size[:, 0] >= size[:, 1]
    swap = np.where(beside, step[:, 0], step[:, 1]) < 0
    clear = size.min(1) <= _DIAGONAL * size.max(1)
    first = np.where(clear, np.where(beside, "left", "top"), UNREADABLE)
    second = np.where(clear, np.where(beside, "right", "bottom"), UNREADABLE)
    return (first, second), swap


def _two_slots(lone: np.ndarray, rows: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    values = np.full((len(lone), _MOST), ABSENT, dtype=object)
    values[:, 0] = lone
    values[rows, 0], values[rows, 1] = first, second
    return values
