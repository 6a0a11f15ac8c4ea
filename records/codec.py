"""Frozen dataclasses to strict JSON and back, driven by their type hints alone.

The same walk over the hints decodes (with the place of the first problem), encodes (with numbers in one
deterministic form) and writes the JSON schema, so the three cannot drift apart.
"""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints


class CodecError(ValueError):
    """A value that does not fit its declared type; the text says where and why."""


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _optional(kind: Any) -> Any | None:
    """Return X for ``X | None``, else None."""
    if get_origin(kind) in (Union, types.UnionType):
        rest = [part for part in get_args(kind) if part is not type(None)]
        if len(rest) == 1 and len(rest) < len(get_args(kind)):
            return rest[0]
        raise TypeError(f"only X | None is supported, not {kind}")
    return None


def _required(kind: type) -> list[str]:
    return [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]


def encode(kind: Any, value: Any, where: str = "") -> Any:
    """Return ``value`` as plain JSON data of the declared type.

    Numbers take one form: a float field holding 1 becomes 1.0, -0.0 becomes 0.0, numpy scalars become
    Python numbers; NaN and infinity are refused, since a result that is not a number must
    be an absence or a failure.
    """
    inner = _optional(kind)
    if inner is not None:
        return None if value is None else encode(inner, value, where)
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, kind):
            raise CodecError(f"{where or 'the value'} is a {type(value).__name__}, expected {kind.__name__}")
        hints = _hints(kind)
        return {f.name: encode(hints[f.name], getattr(value, f.name), _at(where, f.name)) for f in fields(kind)}
    if get_origin(kind) is tuple:
        return [encode(get_args(kind)[0], part, f"{where}[{i}]") for i, part in enumerate(value)]
    if get_origin(kind) is dict:
        inner = get_args(kind)[1]
        return {str(key): encode(inner, part, _at(where, str(key))) for key, part in value.items()}
    return _scalar(kind, value, where)


def decode(kind: Any, data: Any, where: str = "") -> Any:
    """Build a value of the declared type from JSON data; unknown, missing and mistyped fields are refused."""
    inner = _optional(kind)
    if inner is not None:
        return None if data is None else decode(inner, data, where)
    if is_dataclass(kind) and isinstance(kind, type):
        return _decode_dataclass(kind, data, where)
    if get_origin(kind) is tuple:
        if not isinstance(data, list):
            raise CodecError(f"{where} is {_name(data)}, expected a list")
        return tuple(decode(get_args(kind)[0], part, f"{where}[{i}]") for i, part in enumerate(data))
    if get_origin(kind) is dict:
        if not isinstance(data, dict):
            raise CodecError(f"{where} is {_name(data)}, expected an object")
        inner = get_args(kind)[1]
        return {key: decode(inner, part, _at(where, key)) for key, part in data.items()}
    return _scalar(kind, data, where)


def _decode_dataclass(kind: type, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise CodecError(f"{where or 'the document'} is {_name(data)}, expected an object")
    hints = _hints(kind)
    if unknown := sorted(set(data) - {f.name for f in fields(kind)}):
        raise CodecError(f"{_at(where, unknown[0])} is not a known field")
    if missing := [name for name in _required(kind) if name not in data]:
        raise CodecError(f"{_at(where, missing[0])} is missing")
    return kind(**{name: decode(hints[name], part, _at(where, name)) for name, part in data.items()})


def _scalar(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        allowed = ", ".join(map(str, get_args(kind)))
        raise CodecError(f"{where} is {value!r}, allowed are {allowed}")
    if kind is Any:
        return _plain(value, where)
    if kind is bool and isinstance(value, bool):
        return value
    if kind is int and isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if kind is float and isinstance(value, Real) and not isinstance(value, bool):
        return _finite(float(value), where)
    if kind is str and isinstance(value, str):
        return str(value)
    raise CodecError(f"{where} is {_name(value)}, expected {kind.__name__}")


def _plain(value: Any, where: str) -> Any:
    """Check free-form data (configuration, execution): JSON types only."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return _finite(float(value), where)
    if isinstance(value, dict):
        return {str(key): _plain(part, _at(where, str(key))) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, f"{where}[{i}]") for i, part in enumerate(value)]
    raise CodecError(f"{where} is a {type(value).__name__}, which JSON cannot hold")


def _finite(value: float, where: str) -> float:
    if not math.isfinite(value):
        raise CodecError(f"{where} is {value}, and only finite numbers can be recorded")
    return value + 0.0  # -0.0 + 0.0 = 0.0: one text for one number


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _name(value: Any) -> str:
    return {dict: "an object", list: "a list", type(None): "null"}.get(type(value), repr(value))


def schema(kind: Any) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a declared type."""
    inner = _optional(kind)
    if inner is not None:
        return {"anyOf": [schema(inner), {"type": "null"}]}
    if is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return {
            "type": "object",
            "description": (kind.__doc__ or "").strip().split("\n")[0],
            "properties": {f.name: schema(hints[f.name]) for f in fields(kind)},
            "required": _required(kind),
            "additionalProperties": False,
        }
    if get_origin(kind) is tuple:
        return {"type": "array", "items": schema(get_args(kind)[0])}
    if get_origin(kind) is dict:
        return {"type": "object", "additionalProperties": schema(get_args(kind)[1])}
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    if kind is Any:
        return {}
    return {"type": {bool: "boolean", int: "integer", float: "number", str: "string"}[kind]}
