"""Entries of older schemas, brought up to date one version at a time, as in `records.migrations`.

To change the schema: raise `leaderboard.entries.SCHEMA`, add ``{old: function}`` here, where the function takes the
parsed document of schema ``old`` and returns that of ``old + 1``, and keep one old file as a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from records.migrations import Migration

MIGRATIONS: Mapping[int, Migration] = {
    # Where a class lay, which said nothing once it had moved; its name is what remains.
    1: lambda document: {**{k: v for k, v in document.items() if k != "class_path"},
                         "class_name": str(document.get("class_path", "")).rpartition(".")[2]},
    2: lambda document: document,  # cells without the processor's make: unknown
}  # fmt: skip
