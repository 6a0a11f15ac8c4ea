"""The errors a person meets: each is one clear sentence, raised before any compute is spent where that can be."""

from __future__ import annotations


class UsageError(Exception):
    """Bad input: the sentence names the file, the key, what was found and what is allowed. Exit code 2."""


class HookReadError(Exception):
    """A mitigation hook touched something that it does not declare in ``reads``."""


class StepError(Exception):
    """A step could not do its work (NaN loss, a pool of the wrong size, ...): its cells fail, others go on."""
