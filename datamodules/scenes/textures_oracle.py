"""Reads the attributes of texture scenes off captions and images, without learned weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datamodules.scenes import palette
from datamodules.scenes.drawing import INK
from datamodules.scenes.laws import rarest_third
from datamodules.scenes.oracle import UNREADABLE, Readings, join_readings
from datamodules.scenes.parsing import Run, runs_of, single, words_in
from datamodules.scenes.templates import TemplateBank
from datamodules.scenes.textures import (
    COLOURS,
    COUNTS,
    DARK,
    LIGHT,
    MARK_WORDS,
    MARKS,
    OUTLINE,
    PERIOD,
    RADIUS,
    TEXTURES,
    TONES,
    pattern,
)

_LAWS = {"count": COUNTS, "mark": MARKS, "colour": COLOURS, "texture": TEXTURES, "background": TONES}
_SLOTS = dict.fromkeys(_LAWS, 1)
_CHUNK = 64

_LEXICON: dict[str, tuple[str, str]] = {
    **{word: ("colour", word) for word in COLOURS.values},
    **{word: ("texture", word) for word in TEXTURES.values},
    **{word: ("background", word) for word in TONES.values},
    **{word + end: ("mark", mark) for mark, law in MARK_WORDS.items() for word in law.values for end in ("", "s")},
}
_COUNT = {word: word for word in COUNTS.values} | {"single": "one", "pair": "two", "trio": "three"}

# Colours are in 0..255, distances Euclidean, lengths in world units.
_VISIBLE = 60.0  # a pixel this far from the ground belongs to a mark
_FEWEST_PIXELS = 16 / 32**2  # share of an image; fewer visible pixels are a blemish, not a mark
_DULL_RANGE = 45.0  # a pixel this far from both tones says nothing about the pattern
_INK_RANGE = 85.0
_TONE_SHARE = 0.6  # of the border has to be near the two tones
_MARK_UNEXPLAINED = 0.2  # residual thresholds: above them, a mark or a pattern is none of the known
_TEXTURE_UNEXPLAINED = 0.14
_PHASE_STEP = 0.5


class TexturesOracle:
    """Oracle of the domain of textures.

    Every attribute has one slot. The count of an image without marks, or with more than four, is "?";
    so are the mark and the colour where the marks are not all alike.

    Args:
        image_size: side of the images in pixels.
    """

    attributes: tuple[str, ...] = tuple(_LAWS)

    def __init__(self, image_size: int) -> None:
        self.image_size = image_size
        self._bank: TemplateBank | None = None
        self._patterns, self._pattern_texture = _pattern_bank(image_size)

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return, per attribute, the expected share of train items that hold each value."""
        return {attribute: law.frequencies for attribute, law in _LAWS.items()}

    def tail(self, attribute: str) -> tuple[str, ...]:
        """Return the rarest third of the attribute's values, the rarest first."""
        return rarest_third(self.frequencies()[attribute])

    def read_captions(self, captions: Sequence[str]) -> Readings:
        """Parse captions; what the grammar does not allow is "?" in its own attribute alone."""
        parsed = [_parse(caption) for caption in captions]
        return join_readings([{name: [item[name] for item in parsed] for name in _SLOTS}], _SLOTS)

    def read_images(self, images: np.ndarray) -> Readings:
        """Invert the renderer: first the ground, then mark after mark.

        Args:
            images: (n, size, size, 3) uint8.

        Raises:
            ValueError: if the images have another size than the oracle's.
        """
        images = np.asarray(images)
        if images.shape[1:] != (self.image_size, self.image_size, 3):
            raise ValueError(f"images must be (n, {self.image_size}, {self.image_size}, 3)")
        if self._bank is None:
            kinds = {mark: OUTLINE[mark] for mark in MARKS.values}
            self._bank = TemplateBank(kinds, {"mark": RADIUS}, self.image_size)
        parts = []
        for start in range(0, len(images), _CHUNK):
            pixels = np.moveaxis(images[start : start + _CHUNK], -1, 1).astype(np.float32)
            ground, background = self._read_ground(pixels)
            parts.append({**background, **_read_marks(pixels, ground, self._bank)})
        return join_readings(parts, _SLOTS)

    def _read_ground(self, pixels: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the ground (n, 3, S, S) without its marks, and its texture and tone."""
        light, dark = (np.array([table[tone] for tone in TONES.values], np.float32) for table in (LIGHT, DARK))
        border = palette.border_pixels(pixels)
        near = [((border - tone[None, :, None]) ** 2).sum(1) for tone in (*light, *dark)]
        closest = np.argmin(near, 0) % len(light)
        votes = np.stack([((closest == k) & (np.min(near, 0) <= _DULL_RANGE**2)).mean(1) for k in range(len(light))], 1)
        tone = votes.argmax(1)
        start, step = light[tone], dark[tone] - light[tone]

        # Where a pixel lies between the two tones, and whether it lies near that line at all.
        offset = pixels - start[:, :, None, None]
        share = (offset * step[:, :, None, None]).sum(1) / (step**2).sum(1)[:, None, None]
        share = np.clip(share, 0, 1)
        away = ((offset - share[:, None] * step[:, :, None, None]) ** 2).sum(1)
        dull = (away <= _DULL_RANGE**2).astype(np.float32).reshape(len(pixels), -1)
        share = share.reshape(len(pixels), -1) * dull
        loss = (share**2).sum(1)[:, None] - 2 * share @ self._patterns.T + dull @ (self._patterns**2).T
        best = loss.argmin(1)
        left = loss[np.arange(len(best)), best] / np.maximum(dull.sum(1), 1)

        drawn = self._patterns[best].reshape(len(pixels), 1, *pixels.shape[2:])
        ground = start[:, :, None, None] + drawn * step[:, :, None, None]
        texture = TEXTURES.names[self._pattern_texture[best]]
        return ground, {
            "texture": np.where(left <= _TEXTURE_UNEXPLAINED, texture, UNREADABLE),
            "background": np.where(votes.max(1) >= _TONE_SHARE, TONES.names[tone], UNREADABLE),
        }


def _pattern_bank(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all patterns at all phases (t, size * size), and the texture of each."""
    steps = np.arange(0, PERIOD, _PHASE_STEP)
    still = np.zeros_like(steps)
    x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
    phases = {
        "plain": np.zeros((1, 2)),
        "striped": np.stack([steps, still], 1),
        "banded": np.stack([still, steps], 1),
        "checkered": np.stack([x, y], 1),
    }
    masks = [pattern(texture, phases[texture], size).reshape(-1, size * size) for texture in TEXTURES.values]
    return np.concatenate(masks), np.repeat(np.arange(len(masks)), [len(mask) for mask in masks])


def _read_marks(pixels: np.ndarray, ground: np.ndarray, bank: TemplateBank) -> dict[str, np.ndarray]:
    residual = pixels - ground
    fewest = _FEWEST_PIXELS * bank.image_size**2
    paper = ground.mean((2, 3))
    inks = np.array([INK[name] for name in COLOURS.values], np.float32) - paper[:, None, :]
    n = len(pixels)
    seen: list[dict[str, list[str]]] = [{"mark": [], "colour": []} for _ in range(n)]
    rows = np.flatnonzero(palette.visible(residual, _VISIBLE) >= fewest)
    for _ in range(len(COUNTS)):
        fit = bank.fit(residual[rows], inks[rows])
        shaped = fit.unexplained <= _MARK_UNEXPLAINED
        marks = np.where(shaped, MARKS.names[fit.kind], UNREADABLE)
        colours = palette.nearest(paper[rows] + fit.offset, COLOURS, INK, _INK_RANGE)
        for row, mark, colour in zip(rows.tolist(), marks, colours, strict=True):
            seen[row]["mark"].append(mark)
            seen[row]["colour"].append(colour)
        residual[rows] = (residual[rows] - fit.drawn) * ~fit.near[:, None]
        rows = rows[palette.visible(residual[rows], _VISIBLE) >= fewest]
    count = np.array([COUNTS.values[len(item["mark"]) - 1] if item["mark"] else UNREADABLE for item in seen], object)
    count[rows] = UNREADABLE  # something is left after the last mark
    alike = {name: np.array([single(set(item[name])) for item in seen], object) for name in ("mark", "colour")}
    return {"count": count, **alike}


def _parse(caption: str) -> dict[str, str]:
    words = words_in(caption)
    marks: list[Run] = []
    grounds: list[Run] = []
    for run in runs_of(words, _LEXICON):
        on_ground = "texture" in run.values or "background" in run.values
        (marks if "mark" in run.values or not on_ground else grounds).append(run)
    counts = {_COUNT[word] for word in words if word in _COUNT}
    return {
        "count": single(counts),
        **{name: single([run.only(name) for run in marks]) for name in ("mark", "colour")},
        **{name: single([run.only(name) for run in grounds]) for name in ("texture", "background")},
    }
