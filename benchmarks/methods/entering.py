"""Knobs as they enter a key: a default that is written out says nothing that leaving it out does not."""

from __future__ import annotations

import inspect
from functools import lru_cache
from typing import Any

from benchmarks.study.loading import SUITES
from records.canonical import canonical
from records.fingerprint import shipped
from records.identity import by_name
from records.sources import import_class
from records.yaml_text import read_yaml


def entering(class_path: str, init_args: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method's class as they enter its key.

    Of an author's class those that are not its defaults. A shipped class has keys already, made of what its YAML says:
    equal arguments have the same, however they are written.

    Args:
        class_path: Of the class.
        init_args: As a file gives them.
    """
    defaults = _defaults(class_path)
    if not defaults:
        return init_args
    told = {knob: value for knob, value in init_args.items() if not _same(value, defaults, knob)}
    if not shipped(class_path):
        return told
    files = _shipped(class_path)
    for written in files:
        if canonical({**defaults, **written}) == canonical({**defaults, **init_args}):
            return dict(written)
    kept = {knob: init_args.get(knob, defaults[knob]) for knob in (files[0] if files else ()) if knob in defaults}
    return {**kept, **told}


def _same(value: Any, defaults: dict[str, Any], knob: str) -> bool:
    return knob in defaults and canonical(value) == canonical(defaults[knob])


def _defaults(class_path: str) -> dict[str, Any]:
    """Return the defaults of a class's arguments that a file could hold."""
    parameters = inspect.signature(import_class(class_path)).parameters.values()
    found = {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
    return {name: by_name(value) for name, value in found.items() if _plain(value)}


def _plain(value: Any) -> bool:
    try:
        return bool(canonical(value))
    except (TypeError, ValueError):
        return False


@lru_cache(maxsize=64)
def _shipped(class_path: str) -> tuple[dict[str, Any], ...]:
    """Return the arguments that shipped files give a class, in the order of their names."""
    files = sorted((SUITES / "mitigations").glob("*.yaml"))
    mine = [read_yaml(file) for file in files if class_path in file.read_text(encoding="utf-8")]
    return tuple(data.get("init_args") or {} for data in mine if data.get("class_path") == class_path)
