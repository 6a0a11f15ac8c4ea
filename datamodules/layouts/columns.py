"""Which column of a table is the picture, which the caption, which the id: as one is told, or by the usual names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from datamodules.reading import printable, several, shown
from records.errors import UsageError

#: What `--column KEY=NAME` may name.
KEYS = {
    "image": "the column, or in shards the ending, of the picture",
    "caption": "that of the caption; several with commas between; `json.NAME` is a field of a .json beside the picture",
    "id": "a column that is unique, or that lines of one picture share",
    "lines": "`captions` where each line of a text beside a picture is a caption of its own",
    "split": "one split of several that were saved together",
}
#: Names of columns as they are met, the most telling first; capitals do not count.
IMAGES = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "file_name", "filename", "image_path",
          "img_path", "image_file", "filepath", "file_path", "file", "path", "image_name")  # fmt: skip
CAPTIONS = ("caption", "captions", "text", "texts", "txt", "sentence", "sentences", "sentids_raw", "raw", "prompt",
            "prompts", "description", "alt_text", "title")  # fmt: skip
IDS = ("image_id", "id", "key", "__key__", "uid")
#: That of a picture, which several rows may share; the others are of a row.
SHARED = "image_id"
_NUMBERED = re.compile(r"(caption|text|sentence|raw)s?[_-]?[0-9]+", re.IGNORECASE)


@dataclass(frozen=True)
class Chosen:
    """Columns of a table.

    Attributes:
        image: Of the picture, None where there is none.
        captions: Of the captions; none where there are none.
        id: Of an id, None where places serve as ids.
    """

    image: str | None
    captions: tuple[str, ...]
    id: str | None

    @property
    def said(self) -> str:
        """Return what is taken for what, as a part of a sentence."""
        captions = f"captions from {', '.join(map(printable, self.captions))}" if self.captions else "no captions"
        image = "" if self.image is None else f"pictures from {printable(self.image)}, "
        return image + captions + ("" if self.id is None else f", ids from {printable(self.id)}")


def require_keys(columns: Mapping[str, str], where: str) -> None:
    """Refuse what `--column` cannot name."""
    for key, name in columns.items():
        if key not in KEYS or not isinstance(name, str) or not name:
            raise UsageError(
                f"{where}: --column: found {shown(f'{key}={name}')}; allowed: KEY=NAME with a KEY of {', '.join(KEYS)}"
            )
    if columns.get("lines", "captions") != "captions":
        raise UsageError(f"{where}: --column lines: found {shown(columns['lines'])}; allowed: captions")


def choose(
    names: Sequence[str],
    columns: Mapping[str, str],
    where: str,
    holds_pictures: Callable[[str], bool] = lambda name: True,
) -> Chosen:
    """Return the columns of a table.

    Args:
        names: Of all columns.
        columns: What was told, by `KEYS`.
        where: The file, for errors.
        holds_pictures: Whether a column can hold pictures or their paths.

    Raises:
        UsageError: A column that was told is not there, or cannot hold pictures.
    """
    image = _told(names, columns, "image", where) or None
    if image and not holds_pictures(image[0]):
        can = [name for name in names if holds_pictures(name)]
        raise UsageError(
            f"{where}: --column image: found {image[0]!r}, which holds neither bytes nor paths; allowed: "
            f"{several(can) if can else 'a column of those, and there is none'}"
        )
    captions = _told(names, columns, "caption", where)
    one = _told(names, columns, "id", where) or None
    return Chosen(
        image[0] if image else _first(filter(holds_pictures, names), IMAGES, set(captions)),
        captions or _captions(names),
        one[0] if one else _first(names, IDS, {*captions, *(image or ())}),
    )


def _told(names: Sequence[str], columns: Mapping[str, str], key: str, where: str) -> tuple[str, ...]:
    if key not in columns:
        return ()
    value = columns[key]
    told = (value,) if value in names else tuple(value.split(",")) if key == "caption" else (value,)
    for name in told:
        if name not in names:
            raise UsageError(f"{where}: --column {key}: found {shown(name)}; allowed: {several(names)}")
    return told


def _first(names: Iterable[str], usual: Sequence[str], taken: set[str]) -> str | None:
    small = {name.casefold(): name for name in names if name not in taken}
    return next((small[name] for name in usual if name in small), None)


def _captions(names: Sequence[str]) -> tuple[str, ...]:
    first = _first(names, CAPTIONS, set())
    return (first,) if first is not None else tuple(name for name in names if _NUMBERED.fullmatch(name))
