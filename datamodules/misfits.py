"""What of a testbed's sizes does not fit the pictures that are there: told before a run, refused nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from datamodules import pictures

if TYPE_CHECKING:
    from datamodules.entries import ListedItem
    from datamodules.listed import Listed

#: Images whose headers are read to say that a resolution is above theirs.
LOOKED_AT = 64


def unused(data: Listed) -> list[str]:
    """Say how many images are in no split."""
    asked, have = sum(data.sizes.values()), len(data.listing)
    said = f"{have - asked} of {have} images are in no split: sizes add up to {asked}"
    return [f"{data.root}: {said}"] if data.sizes and asked < have else []


def enlarged(data: Listed) -> list[str]:
    """Say how many pictures are smaller than they are used, by the headers of `LOOKED_AT` of them, evenly spread."""
    every = max(1, len(data.listing) // LOOKED_AT)
    sides = [side for e in data.listing[::every][:LOOKED_AT] if (side := short_side(data, e)) is not None]
    small = [side for side in sides if side < data.resolution]
    which = f"{len(small)} of {len(sides)} images" + (" looked at" if every > 1 else "")
    said = f"{which} are enlarged: resolution {data.resolution}, a short side of {min(small, default=0)}"
    return [f"{data.root}: {said}"] if small else []


def short_side(data: Listed, entry: ListedItem) -> int | None:
    """Return a picture's short side in pixels by its header; None where that cannot be read, which a check tells."""
    try:
        with data.opened(entry) as file, pictures.header(file, data.max_pixels) as picture:
            return min(picture.size)
    except pictures.BrokenImage:
        return None
