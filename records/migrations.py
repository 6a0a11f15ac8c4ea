"""Result files of older schemas, brought up to date one version at a time.

To change the schema: raise `records.results.SCHEMA`, add ``{old: function}`` here, where the function
takes the parsed document of schema ``old`` and returns that of ``old + 1``, and keep one old file as a test.
Files are migrated when they are read; nothing on disk is rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Migration = Callable[[dict[str, Any]], dict[str, Any]]

MIGRATIONS: Mapping[int, Migration] = {
    1: lambda document: document  # points without intervals
}


class NewerSchema(ValueError):
    """A document that a newer version has written: nothing is wrong with it."""


def migrate(document: dict[str, Any], target: int, migrations: Mapping[int, Migration] = MIGRATIONS) -> dict[str, Any]:
    """Return ``document`` in schema ``target``.

    Raises:
        NewerSchema: The document names a newer one.
        ValueError: It names none, or one with no way up.
    """
    version = document.get("schema")
    if not isinstance(version, int) or isinstance(version, bool):
        raise ValueError(f"schema is {version!r}, expected a whole number")
    if version > target:
        raise NewerSchema(f"schema {version} is newer than {target}, the newest this version reads: update first")
    for step in range(version, target):
        if step not in migrations:
            raise ValueError(f"schema {version} is too old: there is no migration from {step} to {step + 1}")
        document = {**migrations[step](document), "schema": step + 1}
    return document
