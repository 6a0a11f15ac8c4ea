"""Any folder of images with a `metadata.jsonl`, the layout that Hugging Face `datasets` calls `imagefolder`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, ClassVar

from datamodules.listed import Listed, ListedItem
from datamodules.pictures import MAX_PIXELS

_LIST = "**/metadata.jsonl"


def texts_of(value: Any, where: str) -> tuple[str, ...]:
    """Return the captions in one cell: a text, a list of texts, or nothing; else a ValueError names the place."""
    if value is None:
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(text is None or isinstance(text, str) for text in texts):
        raise ValueError(f"{where}: found {value!r}; allowed: a text, or a list of texts")
    return tuple(text for text in texts if text is not None)


class ImageFolder(Listed):
    """Images that `metadata.jsonl` files name, one line each: `{"file_name": ..., "text": ...}`.

    An image's id is its path below the root. All splits are drawn from all images. See `Listed` for the other
    arguments.

    Args:
        caption: Name of the field with the caption, or with a list of captions.
    """

    name: ClassVar[str] = "image_folder"
    version: ClassVar[int] = 1
    needs = (_LIST,)

    def __init__(
        self,
        root: str,
        sizes: dict[str, int],
        caption: str = "text",
        resolution: int = 512,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        digest: str | None = None,
    ) -> None:
        self.caption = caption
        super().__init__(root, sizes, resolution, seed, max_pixels, digest)

    def entries(self) -> Iterator[ListedItem]:
        """Yield the lines of every list below the root; file names are relative to their list."""
        fields: set[str] = set()
        for file in sorted(self.root.glob(_LIST)):
            folder = file.parent.relative_to(self.root)
            for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
                if not line.strip():
                    continue
                where = f"{file}: line {number}"
                try:
                    row = json.loads(line)
                    name = (folder / row["file_name"]).as_posix()
                except (ValueError, TypeError, KeyError) as error:
                    raise ValueError(f"{where}: found {line[:60]!r}; allowed: a JSON object with file_name") from error
                fields.update(row)
                yield ListedItem(name, texts_of(row.get(self.caption), f"{where}: {self.caption}"), name)
        if fields and self.caption not in fields:
            raise ValueError(f"{self.root}: caption: found {self.caption!r}; allowed: {', '.join(sorted(fields))}")
