"""Any set of pictures and captions as the data of a testbed, in whatever layout it lies."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, ClassVar

from datamodules.arguments import require_texts
from datamodules.entries import ListedItem
from datamodules.excluded import EXCLUDED
from datamodules.layouts.opening import OpenSet, open_set
from datamodules.listed import Listed
from datamodules.pictures import MAX_PIXELS, BrokenImage
from datamodules.places import endings
from datamodules.reading import few, shown
from records.errors import UsageError


class AnySet(Listed):
    """Pictures with captions in any layout that `open_set` reads. All splits are drawn from all of them.

    What is wrong with entries is said before a run. See `Listed` for the other arguments.

    Args:
        root: A folder, a file of a set, or shards as `name-{000..012}.tar`.
        layout: One of `datamodules.layouts.finding.LAYOUTS`, or `auto`.
        columns: By `datamodules.layouts.columns.KEYS`, such as `{caption: text}`.

    Raises:
        ValueError: There are no pictures, or they lie in a compressed archive, of which none can be read by itself.
    """

    name: ClassVar[str] = "any_set"
    version: ClassVar[int] = 1
    needs = ("**/*",)
    in_rows: ClassVar[bool] = True  # what is hidden was left out already

    def __init__(
        self,
        root: str,
        sizes: dict[str, int],
        layout: str = "auto",
        columns: dict[str, str] | None = None,
        resolution: int = 512,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
        digest: str | None = None,
        excluded: str | None = None,
        original_sizes: bool = False,
    ) -> None:
        require_texts(root=root, layout=layout)
        if not isinstance(columns, Mapping | None):
            raise ValueError(f"columns: found {shown(columns)}; allowed: a mapping, such as {{caption: text}}")
        self.layout, self.columns = layout, dict(columns or {})
        if excluded is None and not Path(root).expanduser().is_dir():
            excluded = f"{root}.{EXCLUDED}"  # beside a file, below a folder
        super().__init__(root, sizes, resolution, seed, max_pixels, digest, excluded, original_sizes)

    @cached_property
    def _set(self) -> OpenSet:
        try:
            return open_set(self.root, self.layout, self.columns)
        except UsageError as error:
            raise ValueError(str(error)) from error

    def missing(self) -> str | None:
        """Say that there is nothing at `root`, or None."""
        if self.root.exists() or ("{" in str(self.root) and self.root.parent.exists()):
            return None
        return f"{self.root} is missing, {endings(self.root)}; allowed: a folder with pictures and captions"

    def entries(self) -> Iterator[ListedItem]:
        """Yield the items of the set; what was counted of others is said."""
        if not self._set.has_pictures:
            raise ValueError(f"{self._set.told}; allowed: a set with pictures")
        try:
            for item in self._set.items():
                place = "" if item.picture is None else item.picture.place
                if item.picture is not None and not item.picture.lasting:
                    raise ValueError(f"{self.root}: found compressed shards; allowed: plain .tar, unpacked by gunzip")
                yield ListedItem(item.id, item.captions, place)
        except UsageError as error:
            raise ValueError(str(error)) from error
        self.asides.append(self._set.told)
        for kind, count in self._set.counts.items():
            if kind != "no caption":  # which `Listed` counts itself
                self.asides.append(f"{self.root}: {kind}: {count} ({few(self._set.problems[kind])})")

    def open(self, entry: ListedItem) -> IO[bytes]:
        """Open the picture of an entry."""
        if not entry.image:
            raise BrokenImage("missing_file", "no picture of it in the set")
        return io.BytesIO(self._set.read(entry.image))
