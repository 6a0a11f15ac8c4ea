"""The errors a person meets: each is one clear sentence, raised before any compute is spent where that can be."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from records.secrets import hidden

#: A sentence is shorter than this.
MOST = 300
#: A path of four parts or more, and one of its parts.
_PATH, _PARTS = re.compile(r"(?<![\w.])(?:/[^\s/'\"`,;:]+){4,}"), re.compile("/[^/]+")
#: A command to copy, as sentences quote it.
_COMMAND = re.compile(r"(['\"])(?:make|mmcollapse) .*?\1")


class UsageError(Exception):
    """Bad input: the sentence names the file, the key, what was found and what is allowed. Exit code 2."""


def sentence(error: BaseException) -> str:
    """Return what is said of an error: one line of fewer than 300 characters, whatever somebody wrote into a file.

    Where it would be longer, paths lose their first folders, the last path first; the file that it begins with names
    itself whole for as long as that goes, and a command that one can copy stays whole for longer than any other path.
    """
    line = hidden(" ".join("".join(c if c.isprintable() else " " for c in str(error)).split()))
    for commands in (False, True):
        kept = [] if commands else [found.span() for found in _COMMAND.finditer(line)]
        for path in reversed(list(_PATH.finditer(line))):
            if len(line) < MOST:
                break
            if not any(start < path.start() < end for start, end in kept):
                line = f"{line[: path.start()]}...{''.join(_PARTS.findall(path.group())[-2:])}{line[path.end() :]}"
    return brief(line, MOST - 1)


def brief(text: str, most: int = 60) -> str:
    """Return a text of at most so many characters: what is longer loses its middle."""
    head = most * 2 // 3
    return text if len(text) <= most else f"{text[:head]} ... {text[len(text) - (most - head - 5) :]}"


class HookReadError(Exception):
    """A mitigation hook touched something that it does not declare in ``reads``."""


class StepError(Exception):
    """A step could not do its work (NaN loss, a pool of the wrong size, ...): its cells fail, others go on."""


@contextmanager
def naming(where: str, kinds: type[Exception] | tuple[type[Exception], ...] = UsageError) -> Iterator[None]:
    """Say of an error within where it stands.

    Raises:
        UsageError: `where`, a colon and what was said within.
    """
    try:
        yield
    except kinds as error:
        raise UsageError(f"{where}: {error}") from error
