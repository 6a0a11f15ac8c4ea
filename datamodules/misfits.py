"""What of a testbed's sizes does not fit the pictures that are there: told before a run, refused nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO

from datamodules import pictures
from datamodules.entries import ListedItem

#: Images whose headers are read to say that a resolution is above theirs.
LOOKED_AT = 64


def unused(sizes: Mapping[str, int], have: int) -> list[str]:
    """Say how many of the images that there are stand in no split."""
    asked = sum(sizes.values())
    return (
        [f"{have - asked} of {have} images are in no split: sizes add up to {asked}"] if sizes and asked < have else []
    )


def enlarged(
    entries: Sequence[ListedItem], resolution: int, opened: Callable[[ListedItem], IO[bytes]], max_pixels: int
) -> list[str]:
    """Say how many pictures are smaller than they are used, by the headers of `LOOKED_AT` of them, evenly spread.

    One whose header cannot be read is left to the check.
    """
    every = max(1, len(entries) // LOOKED_AT)
    sides = []
    for entry in entries[::every][:LOOKED_AT]:
        try:
            with opened(entry) as file, pictures.header(file, max_pixels) as picture:
                sides.append(min(picture.size))
        except pictures.BrokenImage:
            continue
    small = [side for side in sides if side < resolution]
    which = f"{len(small)} of {len(sides)} images" + (" looked at" if every > 1 else "")
    return [f"{which} are enlarged: resolution {resolution}, a short side of {min(small)}"] if small else []
