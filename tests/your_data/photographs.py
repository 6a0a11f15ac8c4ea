"""Photographs as people have them: JPEG of many sizes, upright and lying, with five captions of people's length each."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

COLOURS = {"red": (200, 40, 40), "blue": (40, 70, 200), "green": (40, 150, 60), "yellow": (220, 200, 50),
           "white": (235, 235, 235), "black": (25, 25, 25), "orange": (230, 130, 30), "purple": (130, 50, 160)}  # fmt: skip
THINGS = ("ball", "box", "tree", "boat", "house")
PLACES = {"on a beach": ((120, 180, 230), (220, 200, 150)), "in a meadow": ((150, 200, 240), (90, 160, 70)),
          "in the snow": ((190, 200, 215), (240, 240, 245)), "on a street": ((160, 160, 170), (90, 90, 95)),
          "at sunset": ((240, 140, 80), (90, 60, 80))}  # fmt: skip
WAYS = (
    "A {colour} {thing} {place}.",
    "There is one {size} {colour} {thing} {place}, seen from the {side}.",
    "The picture shows a {thing}; it is {colour} and rather {size}",
    "Somebody has left a {size} {thing}, painted {colour} all over, {place} on the {side} of this slightly blurry picture "
    "that was taken with an old camera.",
    "{colour} {thing} {place}",
)


def photograph(number: int) -> tuple[bytes, list[str]]:
    """Return the bytes of a picture that is like no other, and its five captions; all by its number."""
    draw = np.random.default_rng(number)
    colour, thing = str(draw.choice(list(COLOURS))), str(draw.choice(THINGS))
    place, size = str(draw.choice(list(PLACES))), float(draw.uniform(0.15, 0.35))
    sides = draw.choice([240, 320, 427, 480], 2, replace=False).tolist()
    width, height = sides
    sky, ground = PLACES[place]
    image = Image.new("RGB", (width, height), sky)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, int(height * draw.uniform(0.5, 0.7)), width, height), fill=ground)
    x, y, half = draw.uniform(0.25, 0.75) * width, draw.uniform(0.4, 0.7) * height, size * min(width, height)
    _thing(pen, thing, x, y, half, COLOURS[colour])
    image = image.filter(ImageFilter.GaussianBlur(draw.uniform(0, 2)))
    noise = draw.normal(0, 6, (height, width, 3))
    image = Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(draw.integers(60, 95)))
    said = {"colour": colour, "thing": thing, "place": place}
    said |= {"size": "large" if size > 0.25 else "small", "side": "left" if x < width / 2 else "right"}
    return buffer.getvalue(), [way.format(**said) for way in WAYS]


def _thing(pen: ImageDraw.ImageDraw, thing: str, x: float, y: float, half: float, colour: tuple[int, ...]) -> None:
    if thing == "ball":
        pen.ellipse((x - half, y - half, x + half, y + half), fill=colour)
    elif thing == "box":
        pen.rectangle((x - half, y - half, x + half, y + half), fill=colour)
    elif thing == "tree":
        pen.rectangle((x - half / 6, y, x + half / 6, y + half), fill=(110, 70, 40))
        pen.polygon([(x, y - half), (x - half * 0.8, y + half / 3), (x + half * 0.8, y + half / 3)], fill=colour)
    elif thing == "boat":
        pen.polygon(
            [(x - half, y), (x + half, y), (x + half / 2, y + half / 2), (x - half / 2, y + half / 2)], fill=colour
        )
        pen.polygon([(x, y - half), (x, y), (x + half * 0.7, y)], fill=(245, 245, 245))
    else:
        pen.rectangle((x - half * 0.8, y - half / 4, x + half * 0.8, y + half), fill=colour)
        pen.polygon([(x - half, y - half / 4), (x + half, y - half / 4), (x, y - half)], fill=(120, 40, 30))


def write_photographs(folder: Path, count: int) -> dict[str, list[str]]:
    """Write so many pictures, some in folders of their own; return captions by name."""
    said = {}
    for number in range(count):
        content, captions = photograph(number)
        name = f"{'holiday/' if number % 3 else ''}IMG_{number:04d}.jpg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        said[name] = captions
    return said
