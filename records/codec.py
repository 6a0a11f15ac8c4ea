"""Frozen dataclasses from plain data and to strict JSON, by pydantic and their type hints alone.

Decoding says the place of the first problem, encoding gives numbers one form, and the JSON schema is of the same hints.
"""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from numbers import Integral, Real
from typing import Any, TypeVar

from records.errors import brief
from records.migrations import Migration, migrate

T = TypeVar("T")

#: What is said first where there are several problems.
FIRST = {"unexpected_keyword_argument": 0, "missing": 1}


class CodecError(ValueError):
    """A value that does not fit its declared type; the text says where, what was found and what is allowed."""


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import ConfigDict, TypeAdapter  # a sixth of a second that reading tables alone does not have

    # in a tuple, since nested dataclasses take over the settings of what holds them, and a dataclass takes none
    return TypeAdapter(tuple[kind], config=ConfigDict(strict=True, extra="forbid"))


def encode(kind: type, value: Any) -> Any:
    """Return ``value`` as plain JSON data of the declared type.

    Numbers take one form: a float field holding 1 becomes 1.0, -0.0 becomes 0.0, numpy scalars become
    Python numbers; NaN and infinity are refused, since a result that is not a number must
    be an absence or a failure.

    Raises:
        CodecError: With the place and what is wrong there.
    """
    return _plain(asdict(decode(kind, asdict(value))), "")


def decode(kind: Callable[..., T], data: Any) -> T:
    """Return a value of the declared type from JSON data.

    Raises:
        CodecError: A field is unknown, missing or of another type; with its place.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(json.dumps([_plain(data, "")]))[0]
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise CodecError(_sentence(kind, min(found, key=lambda e: FIRST.get(e["type"], 2)))) from None


def decode_text(kind: type[T], text: str, schema: int, migrations: Mapping[int, Migration]) -> T:
    """Return a value of the declared type from the text of a document of this or any older schema.

    Raises:
        json.JSONDecodeError: The text is no JSON.
        ValueError: A number is not finite, a name stands twice, the schema has no way up, or a field does not fit.
    """
    document = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_distinct_names)
    if not isinstance(document, dict):
        raise CodecError("the document is not an object")
    document = migrate(document, schema, migrations)
    return decode(kind, {name: part for name, part in document.items() if name != "schema"})


def document_text(schema: int, kind: type, value: Any) -> str:
    """Return the text of a document: sorted keys, shortest exact floats, newline at the end."""
    return plain_text({"schema": schema, **encode(kind, value)})


def plain_text(data: Any) -> str:
    """Return plain data as the text of a JSON file."""
    return json.dumps(data, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise CodecError("a field stands twice in one object")
    return dict(pairs)


def _refuse_constant(name: str) -> typing.NoReturn:
    raise CodecError(f"it holds {name}, and only finite numbers can be recorded")


def _sentence(kind: Any, error: Any) -> str:
    problem, value, loc = error["type"], error["input"], error["loc"][1:]
    if problem == "value_error":
        return str(error["ctx"]["error"])
    place, hint = hint_at(kind, loc)
    if problem == "unexpected_keyword_argument":
        return (
            f"key {brief(place)!r} is unknown; allowed: {', '.join(typing.get_type_hints(hint_at(kind, loc[:-1])[1]))}"
        )
    if problem == "missing":
        return f"{place} is missing"
    found = {dict: "a mapping", list: "a list", type(None): "null"}.get(type(value), brief(repr(value)))
    quotes = " (a text, in quotes)" if hint is str and isinstance(value, int | float) else ""
    return f"{place or 'the document'}: found {found}; allowed: {_allowed(hint)}{quotes}"


def hint_at(hint: Any, loc: Sequence[int | str]) -> tuple[str, Any]:
    """Return a place within data of a type as text, such as ``rows[0].n``, and the type that is declared there."""
    place = ""
    for part in loc:
        hint = _unless_none(hint)
        if len(_options(hint)) > 1:
            break  # the rest says which of them was tried
        inner = typing.get_args(hint)
        if is_dataclass(hint):
            hint = typing.get_type_hints(hint).get(str(part))
        elif inner:  # dict[str, X], list[X], tuple[X, ...] or tuple[X, Y]
            hint = inner[-1] if isinstance(part, str) else inner[0 if inner[-1] is ... else min(part, len(inner) - 1)]
        place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
    return place, _unless_none(hint)


def _options(hint: Any) -> tuple[Any, ...]:
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return tuple(a for a in typing.get_args(hint) if a is not type(None)) if union else (hint,)


def _unless_none(hint: Any) -> Any:
    return options[0] if len(options := _options(hint)) == 1 else hint


def _allowed(hint: Any) -> str:
    if len(options := _options(hint)) > 1:
        return ", ".join(map(_allowed, options))
    if is_dataclass(hint):
        return f"a mapping with keys {', '.join(typing.get_type_hints(hint))}"
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return ", ".join(map(repr, typing.get_args(hint)))
    return {tuple: "a list", list: "a list", dict: "a mapping"}.get(origin, getattr(hint, "__name__", str(hint)))


def _plain(value: Any, where: str) -> Any:
    """Return data in JSON types only, numbers in their one form."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        if not math.isfinite(value):
            raise CodecError(f"{where} is {value}, and only finite numbers can be recorded")
        return float(value) + 0.0  # -0.0 + 0.0 = 0.0: one text for one number
    if isinstance(value, dict):
        return {str(key): _plain(part, f"{where}.{key}" if where else str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{where}[{i}]") for i, part in enumerate(value)]
    raise CodecError(f"{where} is a {type(value).__name__}, which JSON cannot hold")


def document_schema(kind: type, version: int, title: str) -> dict[str, Any]:
    """Return the JSON schema of a document of the declared type that says its schema's version."""
    parts = _adapter(kind).json_schema()["$defs"]
    body = {**parts.pop(kind.__name__), "title": f"mmcollapse {title}"}
    body["properties"] = {"schema": {"const": version}, **body["properties"]}
    body["required"] = ["schema", *body["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **body, "$defs": parts}
