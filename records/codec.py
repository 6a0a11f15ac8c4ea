"""Frozen dataclasses to strict JSON and back, by pydantic and their type hints alone.

Decoding says the place of the first problem, encoding gives numbers one form, and the JSON schema is of the same hints.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from functools import cache
from numbers import Integral, Real
from typing import Any

EXPECTED = {"tuple_type": "a list", "dict_type": "an object", "dataclass_type": "an object", "string_type": "str"}
#: What is said first where there are several problems.
FIRST = {"unexpected_keyword_argument": 0, "missing": 1}


class CodecError(ValueError):
    """A value that does not fit its declared type; the text says where and why."""


@cache
def _adapter(kind: type) -> Any:
    from pydantic import ConfigDict, TypeAdapter  # a third of a second that planning does not have

    # in a tuple, since nested dataclasses take over the settings of what holds them, and a dataclass takes none
    return TypeAdapter(tuple[kind], config=ConfigDict(strict=True, extra="forbid"))  # type: ignore[valid-type]


def encode(kind: type, value: Any) -> Any:
    """Return ``value`` as plain JSON data of the declared type.

    Numbers take one form: a float field holding 1 becomes 1.0, -0.0 becomes 0.0, numpy scalars become
    Python numbers; NaN and infinity are refused, since a result that is not a number must
    be an absence or a failure.

    Raises:
        CodecError: With the place and what is wrong there.
    """
    return _plain(asdict(decode(kind, asdict(value))), "")


def decode(kind: type, data: Any) -> Any:
    """Return a value of the declared type from JSON data.

    Raises:
        CodecError: A field is unknown, missing or of another type; with its place.
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(json.dumps([_plain(data, "")]))[0]
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise CodecError(_sentence(min(found, key=lambda e: (FIRST.get(e["type"], 2), found.index(e))))) from None


def _sentence(error: Any) -> str:
    where = ""
    for part in error["loc"][1:]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}" if where else str(part)
    kind, value = error["type"], error["input"]
    if kind == "unexpected_keyword_argument":
        return f"{where} is not a known field"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "literal_error":
        return (
            f"{where} is {value!r}, allowed are {error['ctx']['expected'].replace(chr(39), '').replace(' or ', ', ')}"
        )
    if kind == "value_error":
        return str(error["ctx"]["error"])
    name = {dict: "an object", list: "a list", type(None): "null"}.get(type(value), repr(value))
    return f"{where or 'the document'} is {name}, expected {EXPECTED.get(kind, kind.partition('_')[0])}"


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
