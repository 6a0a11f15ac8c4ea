"""What a film is made of, written beside a cell's pictures while its samples are there: a sprite and a document.

The sprite is one WebP picture, a row an iteration and a column an item; the document says what its rows and columns
are, what was said of each item, and how often each attribute value was drawn or said.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.reporting.pictures import shrunk
from datamodules.scenes.oracle import ABSENT, UNREADABLE
from records.files import write_text

SCHEMA = 1
#: Longest side of a tile, and bytes of a sprite at most: what is larger is drawn smaller.
TILE, BYTES = 128, 300_000
#: Items whose attributes are read, the first ones of the sample.
READ = 256
#: Words that are followed where no oracle knows attributes: those whose share changes most.
WORDS = 12
#: What stands for a value that an oracle cannot tell.
NAMES = {UNREADABLE: "not readable"}
Frequencies = dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class FilmData:
    """A film as it lies on the disk.

    Attributes:
        of: Key of the cell.
        name: Of the row and seed.
        side: "generator" or "captioner".
        labels: Of the steps: "real" where there is such a row, then "t = 0" and so on.
        heads: Of the items: prompts, or what people say of the images.
        rare: Items that were chosen for their rare attributes.
        tile: Width and height in the sprite.
        rows: Rows of the sprite: one a step, or one of real images beneath captions.
        captions: Per item what was said at each step; empty for a generator.
        frequencies: Attribute -> value -> share of its slots at each of `steps`.
        steps: What the columns of `frequencies` are: "real", then iterations.
        read: Items that those shares are of.
    """

    of: str
    name: str
    side: str
    labels: list[str]
    heads: list[str]
    rare: list[int]
    tile: list[int]
    rows: int
    captions: list[list[str]] = field(default_factory=list)
    frequencies: Frequencies = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    read: int = 0


def files(folder: Path, side: str) -> tuple[Path, Path]:
    """Return where the document and the sprite of a side lie in the folder of a cell's pictures."""
    return folder / f"film_{side}.json", folder / f"film_{side}.webp"


def write_film(folder: Path, film: FilmData, tiles: Sequence[np.ndarray]) -> None:
    """Write a film; the document last, so that one that is there is whole.

    Args:
        folder: Of the cell's pictures.
        film: What it shows.
        tiles: One array (items, H, W, 3) uint8 a row, all of one shape.
    """
    document, sprite = files(folder, film.side)
    encoded, size = encode(tiles)
    sprite.write_bytes(encoded)
    whole = {"schema": SCHEMA, **asdict(film), "tile": list(size), "rows": len(tiles)}
    write_text(document, json.dumps(whole, ensure_ascii=False, indent=1) + "\n")


def read_film(folder: Path, side: str) -> tuple[FilmData, bytes] | None:
    """Return a film and its sprite; None where none lies there whole, or one of another version."""
    document, sprite = files(folder, side)
    try:
        data = json.loads(document.read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA:
            return None
        return FilmData(**data), sprite.read_bytes()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def made_for(folder: Path, side: str) -> str:
    """Return the key of the cell that a film is of; "" where there is none."""
    found = read_film(folder, side)
    return found[0].of if found else ""


def encode(tiles: Sequence[np.ndarray]) -> tuple[bytes, tuple[int, int]]:
    """Return a sprite of at most `BYTES` and the width and height of its tiles; small pictures lose nothing."""
    side = TILE
    while True:
        small = [np.stack([shrunk(image, side) for image in row]) for row in tiles]
        whole = np.concatenate([np.concatenate(list(row), axis=1) for row in small])
        for options in ({"lossless": True}, {"quality": 82}):
            buffer = io.BytesIO()
            Image.fromarray(whole).save(buffer, "WEBP", **options)
            if buffer.tell() <= BYTES or (side <= TILE // 4 and "quality" in options):
                height, width = small[0].shape[1:3]
                return buffer.getvalue(), (width, height)
        side = side * 3 // 4


def attribute_frequencies(parts: Mapping[str, Mapping[str, Any]]) -> Frequencies:
    """Return attribute -> value -> share at each step, from what an oracle read: attribute -> (n, slots) values."""
    counts = {
        step: {name: Counter(NAMES.get(v, v) for v in np.ravel(values) if v != ABSENT) for name, values in read.items()}
        for step, read in parts.items()
    }
    found: Frequencies = {}
    for name in next(iter(counts.values())):
        known = Counter[str]()
        for step in counts:
            known.update(counts[step][name])
        order = sorted(known, key=lambda value: (-counts[next(iter(counts))][name][value], value))
        found[name] = {
            value: [_share(counts[step][name], value) for step in counts] for value in order
        }  # fmt: skip
    return found


def _share(counts: Counter[str], value: str) -> float:
    total = sum(counts.values())
    return round(counts[value] / total, 4) if total else 0.0


def word_frequencies(captions: Mapping[str, Sequence[str]]) -> Frequencies:
    """Return the words whose share of captions changes most from the first step to the last, as one "attribute"."""
    shares = {
        step: Counter(word for text in texts for word in set(text.lower().split())) for step, texts in captions.items()
    }
    sizes = {step: max(len(texts), 1) for step, texts in captions.items()}
    first, last = next(iter(shares)), list(shares)[-1]
    moved = {
        word: shares[last][word] / sizes[last] - shares[first][word] / sizes[first]
        for word in shares[first] | shares[last]
    }
    chosen = sorted(moved, key=lambda word: (-abs(moved[word]), word))[:WORDS]
    order = sorted(chosen, key=lambda word: moved[word])
    return {"words": {word: [round(shares[step][word] / sizes[step], 4) for step in shares] for word in order}}
