"""Overrides of the command line, laid over what a file says: `--fit.captioner.lora.rank 4`, `--scenarios[0].n=64`.

A value is read as it would be in the file, so `'"007"'` (quotes within quotes) is a text wherever it stands. Where a
text is declared, quotes around it may be left out: `--question no`.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from typing import Any

from records.codec import hint_at
from records.errors import brief
from records.merging import merged
from records.yaml_text import parse_yaml

KEY = re.compile(r"[A-Za-z_]\w*(\[[0-9]{1,6}\]|\.[A-Za-z_]\w*|\.[0-9]{1,6}(?![\w]))*", re.ASCII)


def overridden(cls: type, data: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a dataclass's plain data with overrides laid over them; a class path goes before what stands beside it.

    Raises:
        ValueError: An override is none, stands twice, or leads nowhere.
        UsageError: A value is no YAML.
    """
    given = dict(_pairs(overrides))
    for key in sorted(given, key=lambda key: not key.endswith("class_path")):
        path = tuple(int(part) if part.isdigit() else part for part in re.findall(r"\w+", key))
        hint = hint_at(cls, path)[1]
        data = _with(data, path, _value(hint, given[key], f"--{key}"), key, is_dataclass(hint))
    return data


def said(overrides: Sequence[str]) -> str:
    """Return what a sentence says behind the name of a file that overrides were laid over."""
    return f" with {brief(' '.join(overrides), 100)}" if overrides else ""


def heads(overrides: Sequence[str]) -> set[str]:
    """Return the dotted keys that overrides give, up to the first index of a list."""
    return {re.split(r"[=\[]", word[2:])[0] for word in overrides if word.startswith("--")}


def _pairs(overrides: Sequence[str]) -> Iterator[tuple[str, str]]:
    from jsonargparse import ArgumentError, ArgumentParser  # a tenth of a second that few plans need

    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, add_help=False)
    keys = [word[2:].partition("=")[0] for word in overrides if word.startswith("--")]
    for number, key in enumerate(keys):
        if not key:
            raise ValueError(f"allowed: --key value; found: {brief(' '.join(overrides), 100)}")
        if not KEY.fullmatch(key):
            raise ValueError(f"key {brief(key)!r} is unknown; allowed: a key of the file, such as fit.captioner.steps")
        if key in keys[:number]:
            raise ValueError(f"--{brief(key)}: found twice; allowed: once")
        parser.add_argument(f"--{key}", type=str, dest=f"given{number}")  # as text: what it says is read as YAML
    try:
        found = parser.parse_args(list(overrides))
    except ArgumentError as error:
        said = re.sub("^unrecognized arguments:", "allowed: --key value; found:", " ".join(str(error).split()))
        said = re.sub("^argument (--[^:]*): expected one argument$", r"\1: found no value; allowed: \1 VALUE", said)
        raise ValueError(brief(said, 200)) from error
    for number, key in enumerate(keys):
        yield key, found[f"given{number}"]


def _value(hint: Any, text: str, where: str) -> Any:
    """Return what a value says: as in a file, and without quotes where a text is declared."""
    declared = hint is str or typing.get_origin(hint) is typing.Literal
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text if declared and not quoted else parse_yaml(text, where)


def _with(data: Any, path: Sequence[int | str], value: Any, key: str, part: bool) -> Any:
    """Return data with a value in one place; `part` says that a mapping there is added to, not replaced."""
    head, rest = path[0], path[1:]
    if isinstance(data, list | tuple) or isinstance(head, int):
        if not isinstance(data, list | tuple) or not isinstance(head, int) or head >= len(data):
            held = f"{len(data)} entries" if isinstance(data, list | tuple) else "no list"
            raise ValueError(f"--{brief(key)}: found {held} at [{brief(str(head))}]; allowed: the index of an entry")
        return [*data[:head], _with(data[head], rest, value, key, part) if rest else value, *data[head + 1 :]]
    known = dict(data) if isinstance(data, dict) else {}
    if rest:
        value = _with(known.get(head, {}), rest, value, key, part)
    elif part and isinstance(known.get(head), dict) and isinstance(value, dict):
        value = merged(known[head], value)
    elif head == "class_path" and known.get(head) != value:
        known.pop("init_args", None)  # arguments belong to the class they were written for
    return {**known, head: value}
