"""What a class is in a key: its name and version, never an address, so that files may move and be renamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from records.canonical import Spec
from records.fingerprint import fingerprint, shipped
from records.sources import read_class


def identity(class_path: str) -> dict[str, Any]:
    """Return what enters a key of a class; of an author's class what it does as well.

    A shipped class whose numbers change by design gets another version. Nobody can ask that of every author, nor that
    no two of them choose the same name.
    """
    source = read_class(class_path)
    found = {"name": source.name, "version": source.literals.get("version", 1)}
    return found if shipped(class_path) else {**found, "source": fingerprint(class_path)}


def by_name(arguments: Any) -> Any:
    """Return arguments as they enter a key: a class that they name by `class_path` stands there by its identity."""
    if isinstance(arguments, dict):
        held = {key: by_name(value) for key, value in arguments.items()}
        path = arguments.get("class_path")
        return {**held, "class_path": identity(path)} if isinstance(path, str) else held
    return [by_name(item) for item in arguments] if isinstance(arguments, (list, tuple)) else arguments


def authors(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield the authors' classes in the identity of a family, a data set or a model, each with its digest in there."""
    yield from ((path, entered["source"]) for path, entered in _classes(spec) if "source" in entered)


def versioned(spec: Spec) -> Iterator[tuple[str, Any]]:
    """Yield the project's classes in such an identity, each with its version in there."""
    yield from ((path, entered["version"]) for path, entered in _classes(spec) if "source" not in entered)


def version_of(kind: type) -> Any:
    """Return the version of a class as `identity` reads it off its file: its own, or of a base in the same file."""
    there = (base for base in (kind, *kind.__bases__) if base.__module__ == kind.__module__)
    return next((vars(base)["version"] for base in there if "version" in vars(base)), 1)


def _classes(spec: Spec) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every class in an identity, with what stands there for it."""
    given = spec.execution[0] if isinstance(spec.execution, tuple) else spec.execution
    yield from (
        _within(
            {**spec.value, "class_path": spec.value},
            {"class_path": given} if isinstance(given, str) else getattr(given, "__dict__", None),
        )
        if isinstance(spec.value, dict)
        else ()
    )


def _within(value: Any, given: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Follow arguments as they enter a key beside the same as they were given."""
    if isinstance(value, dict) and isinstance(given, dict):
        entered, path = value.get("class_path"), given.get("class_path")
        if isinstance(entered, dict) and "version" in entered and isinstance(path, str):
            yield path, entered
        for name in value.keys() & given.keys():
            yield from _within(value[name], given[name])
    elif isinstance(value, list) and isinstance(given, (list, tuple)):
        for one, other in zip(value, given, strict=False):
            yield from _within(one, other)
