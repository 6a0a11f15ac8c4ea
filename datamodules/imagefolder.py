"""Any folder of images with a `metadata.jsonl`, the layout that Hugging Face `datasets` calls `imagefolder`."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterator
from typing import ClassVar

from datamodules.arguments import require_texts
from datamodules.entries import ListedItem
from datamodules.ids import below
from datamodules.layouts.on_disk import PICTURES
from datamodules.listed import Listed
from datamodules.pictures import MAX_PIXELS
from datamodules.places import found
from datamodules.reading import few, json_of, lines, several, shown, texts_of

_LIST = "**/metadata.jsonl"
#: How the names of pictures end.
_ROW = "a JSON object with file_name"


class ImageFolder(Listed):
    """Images that `metadata.jsonl` files name, one line each: `{"file_name": ..., "text": ...}`.

    An image's id is its path below the root. Lines of one image, such as one a caption, are put together. All splits
    are drawn from all images. See `Listed` for the other arguments.

    Args:
        caption: Name of the field with the caption, or with a list of captions.
    """

    name: ClassVar[str] = "image_folder"
    version: ClassVar[int] = 1
    needs = (_LIST,)
    merges: ClassVar[bool] = True

    def __init__(
        self,
        root: str,
        sizes: dict[str, int],
        caption: str = "text",
        resolution: int = 512,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        digest: str | None = None,
        excluded: str | None = None,
        original_sizes: bool = False,
    ) -> None:
        require_texts(caption=caption)
        self.caption = caption
        super().__init__(root, sizes, resolution, seed, max_pixels, digest, excluded, original_sizes)

    def entries(self) -> Iterator[ListedItem]:
        """Yield the lines of every list below the root; file names are relative to their list."""
        fields, lists, filled = set[str](), set[str](), set[str]()
        for file in found(self.root, _LIST, self.asides):
            lists.add(file)
            for where, line in lines(self.root / file):
                row = json_of(line, where, _ROW)
                if not isinstance(row, dict) or "file_name" not in row:
                    raise ValueError(f"{where}: found {shown(row)}; allowed: {_ROW}")
                name = below(row["file_name"], f"{where}: file_name", posixpath.dirname(file))
                fields.update(row)
                filled.add(file)
                yield ListedItem(name, texts_of(row.get(self.caption), f"{where}: {self.caption}"), name)
        if empty := sorted(lists - filled):
            self.asides.append(f"{self.root}: lists without a line: {len(empty)} ({few(empty)})")
        if fields and self.caption not in fields:
            raise ValueError(f"{self.root}: caption: found {self.caption!r}; allowed: {several(sorted(fields))}")

    def remarks(self) -> list[str]:
        """Return what `Listed` has to say of the list, and which pictures lie there that it does not name."""
        listed = {e.image for e in self.unchecked}.union(*self._read[1].values())
        files = (unicodedata.normalize("NFC", file) for file in found(self.root, "**/*"))
        others = [file for file in files if file.lower().endswith(PICTURES) and file not in listed]
        said = [f"{self.root}: {len(others)} pictures that no list names ({few(others)})"] if others else []
        return super().remarks() + said
