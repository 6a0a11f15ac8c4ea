"""Pictures for people: grids of images and tables of captions, the same prompts down the iterations."""

from __future__ import annotations

import io
from collections.abc import Container, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from leaderboard.text import markdown_escape

BACKGROUND, INK, FAINT, MARKED = (255, 255, 255), (40, 40, 40), (225, 225, 225), (180, 60, 0)
GAP, MARGIN = 4, 8
SMALLEST_FONT, LARGEST_FONT = 11, 18

#: Side of a tile in pixels: small pictures are enlarged to about the first, large ones made smaller than the second.
TILE, LARGEST_TILE = 96, 256
#: Under which a file says what it was made of.
OF = "cell"
#: Bytes that a grid takes at most: it is looked at in a browser, and MLflow has a copy.
LARGEST = 2_000_000


def thumbnails(images: Iterable[np.ndarray]) -> np.ndarray:
    """Return pictures (k, H, W, 3) uint8 no larger than tiles ever are, looked at one by one."""
    return np.stack([shrunk(image, LARGEST_TILE) for image in images])


def write_grid(
    file: Path, rows: Sequence[np.ndarray], row_labels: Sequence[str], column_labels: Sequence[str] = (),
    title: str = "", marked: Container[int] = (), of: str = "",
) -> None:  # fmt: skip
    """Write an `image_grid` as PNG of at most `LARGEST` bytes; large pictures become as small as that asks.

    `of` is kept in the file: what it is a picture of (`made_of`).
    """
    side = max(rows[0].shape[1:3])
    about = PngInfo()
    about.add_text(OF, of)
    while True:
        made = [np.stack([shrunk(image, side) for image in row]) for row in rows]
        buffer = io.BytesIO()
        grid = image_grid(made, row_labels, column_labels, max(1, TILE // made[0].shape[1]), title, marked)
        grid.save(buffer, "PNG", pnginfo=about)
        if buffer.tell() <= LARGEST or side <= TILE // 2:
            file.write_bytes(buffer.getvalue())
            return
        side = side * 4 // 5


def made_of(file: Path) -> str:
    """Return what a picture or a page was made of; "" where there is none, or it does not say."""
    try:
        if file.suffix == ".png":
            with Image.open(file) as image:
                return str(image.info.get(OF, ""))
        last = file.read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
    except (OSError, ValueError):
        return ""
    return last.removeprefix(f"<!-- {OF} ").removesuffix(" -->") if last.startswith(f"<!-- {OF} ") else ""


def shrunk(image: np.ndarray, side: int) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 whose longer side is at most so many pixels."""
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    share = side / max(height, width)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def image_grid(
    rows: Sequence[np.ndarray], row_labels: Sequence[str], column_labels: Sequence[str] = (), scale: int = 3,
    title: str = "", marked: Container[int] = (),
) -> Image.Image:  # fmt: skip
    """Draw rows of images with labels: one row per iteration, one column per prompt.

    Args:
        rows: Arrays (k, H, W, 3) uint8, all of one image size; rows may differ in k.
        row_labels: One per row, written to its left.
        column_labels: One per column or none, wrapped above it.
        scale: Whole-number enlargement without smoothing, so that pixels stay what the model drew.
        title: Stands above all.
        marked: Columns whose labels are coloured.
    """
    if not rows or len(rows) != len(row_labels):
        raise ValueError(f"image_grid needs rows and one label each, got {len(rows)} and {len(row_labels)}")
    shapes = {row.shape[1:] for row in rows}
    if len(shapes) > 1 or any(row.ndim != 4 or row.dtype != np.uint8 for row in rows):
        raise ValueError("image_grid needs (k, H, W, 3) uint8 rows of one image size")
    height, width = rows[0].shape[1] * scale, rows[0].shape[2] * scale
    columns = max(len(row) for row in rows)
    font = ImageFont.load_default(int(np.clip(height // 6, SMALLEST_FONT, LARGEST_FONT)))
    heads = [_wrap(text, font, width) for text in column_labels[:columns]]
    line = _line_height(font)
    above = MARGIN + (line + 2 * GAP if title else 0)
    top = above + max((len(head) for head in heads), default=0) * line + (GAP if heads else 0)
    left = MARGIN + round(max(font.getlength(label) for label in row_labels)) + 2 * GAP
    wide = max(left + columns * (width + GAP) - GAP, MARGIN + round(font.getlength(title)))
    size = (wide + MARGIN, top + len(rows) * (height + GAP) - GAP + MARGIN)
    grid = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(grid)
    draw.text((MARGIN, MARGIN), title, fill=INK, font=font)
    for j, head in enumerate(heads):
        base = top - GAP - len(head) * line  # short labels stand on the image, not under the edge
        for i, text in enumerate(head):
            draw.text((left + j * (width + GAP), base + i * line), text, fill=MARKED if j in marked else INK, font=font)
    for i, (row, label) in enumerate(zip(rows, row_labels, strict=True)):
        y = top + i * (height + GAP)
        draw.text((left - 2 * GAP, y + height / 2), label, fill=INK, font=font, anchor="rm")
        for j, pixels in enumerate(row):
            x = left + j * (width + GAP)
            tile = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
            grid.paste(tile, (x, y))
            draw.rectangle((x - 1, y - 1, x + width, y + height), outline=FAINT)
    return grid


def caption_table(
    iterations: Mapping[int, Sequence[str]], inputs: Sequence[str] = (), input_label: str = "reference",
    marked: Container[int] = (),
) -> str:  # fmt: skip
    """Return a Markdown table: one row per input, one column per iteration; words show how they differ from the first.

    Args:
        iterations: Iteration -> one caption per input, in the same order.
        inputs: What was described, such as a reference caption; may be empty.
        input_label: Head of that column.
        marked: Rows whose number has a star.
    """
    steps = sorted(iterations)
    count = max((len(iterations[step]) for step in steps), default=len(inputs))
    if any(len(iterations[step]) != count for step in steps) or len(inputs) not in (0, count):
        raise ValueError("caption_table needs as many captions in every iteration, and as many inputs or none")
    head = [input_label] * bool(inputs) + [f"iteration {step}" for step in steps]
    lines = [_markdown_row(["#", *head]), _markdown_row(["---:", *[":---"] * len(head)])]
    for i in range(count):
        first, *later = [iterations[step][i] for step in steps] or [""]
        cells = [*map(_cell, [*inputs[i : i + 1], *([first] if steps else [])]), *(_changes(first, x) for x in later)]
        lines.append(_markdown_row([f"{i}{'*' * (i in marked)}".replace("*", "\\*"), *cells]))
    return "\n".join(lines) + "\n"


def frequency_table(
    shares: Mapping[str, Mapping[str, Sequence[float]]], steps: Sequence[str], items: int, most: int = 12
) -> str:
    """Return a section of a page: the attribute values, or words, whose share changes most; "" where none is known.

    Args:
        shares: Attribute -> value -> share at each step.
        steps: What the shares are of: "real", then iterations.
        items: How many items they are of.
        most: Values that are shown at most.
    """
    rows = [(name, value, found) for name, values in shares.items() for value, found in values.items()]
    if not rows:
        return ""
    rows.sort(key=lambda row: -abs(row[2][-1] - row[2][0]))
    lines = [_markdown_row(["attribute", "value", *steps]), _markdown_row(["---", "---", *["---:"] * len(steps)])]
    lines += [
        _markdown_row([_cell(name), _cell(value), *(f"{x:.1%}" for x in found)]) for name, value, found in rows[:most]
    ]
    about = f"Shares of {items} items, those that change most from {steps[0]} to {steps[-1]}."
    return "\n".join(["", "## What is said, and how often", "", *lines, "", about, ""])


def differences(first: str, text: str) -> list[tuple[str, str]]:
    """Return a caption beside the first one of its image: parts of words that are "same", "lost" or "new" in it.

    Of an empty caption nothing is returned.
    """
    old, new = first.split(), text.split()
    parts: list[tuple[str, str]] = []
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            parts.append(("same", " ".join(new[c:d])))
            continue
        parts += [("lost", " ".join(old[a:b]))] if b > a and new else []
        parts += [("new", " ".join(new[c:d]))] if d > c else []
    return parts


def _changes(first: str, text: str) -> str:
    """Return a caption with the words that the first one does not have in bold, and those that it lost struck out."""
    marks = {"same": "", "lost": "~~", "new": "**"}
    return " ".join(f"{marks[kind]}{_cell(words)}{marks[kind]}" for kind, words in differences(first, text)) or _cell(
        ""
    )


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """Show a caption as it is, without letting it break the table; an empty one is visible as such."""
    return markdown_escape(text) or "*(empty)*"


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """Break at spaces into lines no wider than ``width``; a single word may be cut."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(word, font, width))
    return lines or [""]


def _cut(word: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    if font.getlength(word) <= width:
        return word
    while len(word) > 1 and font.getlength(f"{word}…") > width:
        word = word[:-1]
    return f"{word}…"


def _line_height(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    low, high = font.getbbox("Agjy|")[1::2]
    return round(high - low) + 3
