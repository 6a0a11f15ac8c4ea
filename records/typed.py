"""YAML and overrides of the command line into frozen dataclasses, with one clear sentence for whatever is wrong.

Data are typed by pydantic (`records.codec`), and the command line is read by jsonargparse, here alone.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from records.codec import decode, hint_at
from records.errors import UsageError, naming

T = TypeVar("T")


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping through the safe loader."""
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that is none
        raise UsageError(f"{file}: not valid YAML ({_one_line(error)})") from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error
    if not isinstance(data, dict):
        raise UsageError(f"{file}: found {type(data).__name__}; allowed: a mapping of keys to values")
    return data


class _SafeLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, reading 4e-4 as a number and refusing a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.YAMLError(f"key {key!r} is no plain text, line {key_node.start_mark.line + 1}")
            if key in seen:
                raise yaml.YAMLError(f"key {key!r} stands twice, line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


_SafeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def typed(cls: type[T], data: dict[str, Any], file: Path, overrides: Sequence[str] = ()) -> T:
    """Turn plain data into a dataclass: unknown keys first, then types, then the class's own checks.

    A mapping that says a part of a nested dataclass lies over what the field holds by default, and the overrides of
    the command line, such as ``--fit.generator.steps 5``, lie over both. A mapping of free keys that is given there
    whole, such as ``--primary "{generator: frechet}"``, replaces the file's.

    Raises:
        UsageError: One sentence that names the file, the key, what was found and what is allowed.
    """
    factories = {f.name: f.default_factory for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    made: dict[str, Any] = {name: make() for name, make in factories.items() if callable(make)}
    defaults = {name: dataclasses.asdict(part) for name, part in made.items() if dataclasses.is_dataclass(part)}  # type: ignore[arg-type]
    with naming(f"{file} with {' '.join(overrides)}" if overrides else str(file), ValueError):
        whole = {o[2:].partition("=")[0] for o in overrides}
        kept = {k: v for k, v in data.items() if k not in whole or typing.get_origin(hint_at(cls, [k])[1]) is not dict}
        return decode(cls, merged(merged(defaults, kept), _parsed(cls, overrides) if overrides else {}))


def _parsed(cls: type, overrides: Sequence[str]) -> dict[str, Any]:
    """Return what the command line says, nested like the file: text where text is declared, else read as YAML."""
    from jsonargparse import ArgumentError, ArgumentParser  # a third of a second that few plans need

    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, add_help=False)
    for key in dict.fromkeys(o[2:].partition("=")[0] for o in overrides if o.startswith("--")):
        hint = hint_at(cls, key.split("."))[1]
        parser.add_argument(f"--{key}", type=str if hint is str or typing.get_origin(hint) is typing.Literal else Any)
    try:
        return parser.parse_args(list(overrides)).as_dict()
    except ArgumentError as error:
        said = _one_line(error).replace("unrecognized arguments: ", "allowed: --key value; found: ")
        raise ValueError(said) from error


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``patch`` laid over it, mappings merged key by key, everything else replaced.

    A mapping with another `class_path` is replaced as well: arguments belong to the class they were written for.
    """
    result = dict(base)
    for key, value in patch.items():
        known = result.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            same = value.get("class_path", known.get("class_path")) == known.get("class_path")
            value = merged(known, value) if same else value
        result[key] = value
    return result


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
