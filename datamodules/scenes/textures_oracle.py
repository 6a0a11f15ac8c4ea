"""Reads the attributes of texture scenes off captions and images, without learned weights."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from datamodules.scenes import palette, textures
from datamodules.scenes.drawing import INK
from datamodules.scenes.oracle import UNREADABLE
from datamodules.scenes.parsing import Run, runs_of, single, words_in
from datamodules.scenes.templates import TemplateOracle

_LAWS = {
    "count": textures.COUNTS,
    "mark": textures.MARKS,
    "colour": textures.COLOURS,
    "texture": textures.TEXTURES,
    "background": textures.TONES,
}

_LEXICON: dict[str, tuple[str, str]] = {
    **{word: ("colour", word) for word in textures.COLOURS.values},
    **{word: ("texture", word) for word in textures.TEXTURES.values},
    **{word: ("background", word) for word in textures.TONES.values},
    **{
        word + end: ("mark", mark)
        for mark, law in textures.MARK_WORDS.items()
        for word in law.values
        for end in ("", "s")
    },
}
_COUNT = {word: word for word in textures.COUNTS.values} | {"single": "one", "pair": "two", "trio": "three"}

# Colours are in 0..255, distances Euclidean, lengths in world units.
_VISIBLE = 60.0  # a pixel this far from the ground belongs to a mark
_FEWEST_PIXELS = 16 / 32**2  # share of an image; fewer visible pixels are a blemish, not a mark
_DULL_RANGE = 45.0  # a pixel this far from both tones says nothing about the textures.pattern
_INK_RANGE = 85.0
_TONE_SHARE = 0.6  # of the border has to be near the two tones
_MARK_UNEXPLAINED = 0.2  # residual thresholds: above them, a mark or a textures.pattern is none of the known
_TEXTURE_UNEXPLAINED = 0.14
_PHASE_STEP = 0.5


class TexturesOracle(TemplateOracle):
    """Oracle of the domain of textures.

    Every attribute has one slot. The count of an image without marks, or with more than four, is "?";
    so are the mark and the colour where the marks are not all alike.
    """

    slots: ClassVar = dict.fromkeys(_LAWS, 1)
    kinds: ClassVar = textures.OUTLINE
    radii: ClassVar = {"mark": textures.RADIUS}

    def frequencies(self) -> dict[str, dict[str, float]]:
        """Return, per attribute, the expected share of train items that hold each value."""
        return {attribute: law.frequencies for attribute, law in _LAWS.items()}

    def parse(self, caption: str) -> dict[str, str]:
        """Return the value of every attribute; of the ground are words around a texture or a tone."""
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

    def invert(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Read images (n, 3, S, S) float32, first the ground, then mark after mark: attribute -> (n,) values."""
        ground, background = self._read_ground(pixels)
        return {**background, **self._read_marks(pixels, ground)}

    @cached_property
    def _patterns(self) -> tuple[np.ndarray, np.ndarray]:
        """All patterns at all phases (t, size * size), and the texture of each."""
        steps = np.arange(0, textures.PERIOD, _PHASE_STEP)
        still = np.zeros_like(steps)
        x, y = (axis.ravel() for axis in np.meshgrid(steps, steps))
        phases = {"striped": np.stack([steps, still], 1), "banded": np.stack([still, steps], 1)}
        phases |= {"plain": np.zeros((1, 2)), "checkered": np.stack([x, y], 1)}
        size = self.image_size
        masks = [
            textures.pattern(texture, phases[texture], size).reshape(-1, size * size)
            for texture in textures.TEXTURES.values
        ]
        return np.concatenate(masks), np.repeat(np.arange(len(masks)), [len(mask) for mask in masks])

    def _read_marks(self, pixels: np.ndarray, ground: np.ndarray) -> dict[str, np.ndarray]:
        residual = pixels - ground
        fewest = _FEWEST_PIXELS * self.image_size**2
        paper = ground.mean((2, 3))
        inks = np.array([INK[name] for name in textures.COLOURS.values], np.float32) - paper[:, None, :]
        seen: list[dict[str, list[str]]] = [{"mark": [], "colour": []} for _ in pixels]
        rows = np.flatnonzero(palette.visible(residual, _VISIBLE) >= fewest)
        for _ in range(len(textures.COUNTS)):
            fit = self.bank.fit(residual[rows], inks[rows])
            shaped = fit.unexplained <= _MARK_UNEXPLAINED
            marks = np.where(shaped, textures.MARKS.names[fit.kind], UNREADABLE)
            colours = palette.nearest(paper[rows] + fit.offset, textures.COLOURS, INK, _INK_RANGE)
            for row, mark, colour in zip(rows.tolist(), marks, colours, strict=True):
                seen[row]["mark"].append(mark)
                seen[row]["colour"].append(colour)
            residual[rows] = (residual[rows] - fit.drawn) * ~fit.near[:, None]
            rows = rows[palette.visible(residual[rows], _VISIBLE) >= fewest]
        counted = (len(item["mark"]) for item in seen)
        count = np.array([textures.COUNTS.values[number - 1] if number else UNREADABLE for number in counted], object)
        count[rows] = UNREADABLE  # something is left after the last mark
        alike = {name: np.array([single(set(item[name])) for item in seen], object) for name in ("mark", "colour")}
        return {"count": count, **alike}

    def _read_ground(self, pixels: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return the ground (n, 3, S, S) without its marks, and its texture and tone."""
        patterns, kinds = self._patterns
        light, dark = (
            np.array([table[tone] for tone in textures.TONES.values], np.float32)
            for table in (textures.LIGHT, textures.DARK)
        )
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
        loss = (share**2).sum(1)[:, None] - 2 * share @ patterns.T + dull @ (patterns**2).T
        best = loss.argmin(1)
        left = loss[np.arange(len(best)), best] / np.maximum(dull.sum(1), 1)

        drawn = patterns[best].reshape(len(pixels), 1, *pixels.shape[2:])
        ground = start[:, :, None, None] + drawn * step[:, :, None, None]
        texture = textures.TEXTURES.names[kinds[best]]
        return ground, {
            "texture": np.where(left <= _TEXTURE_UNEXPLAINED, texture, UNREADABLE),
            "background": np.where(votes.max(1) >= _TONE_SHARE, textures.TONES.names[tone], UNREADABLE),
        }
