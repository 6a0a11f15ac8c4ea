"""What a YAML file says together with the files it extends, and which of them a wrong value stands in.

`extends: bases/scenes` puts a file's keys over those of another. A base is plain data and need not be whole: only the
result is checked, and what is wrong is said of the file in which it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from records.errors import UsageError
from records.files import there
from records.merging import merged
from records.overrides import heads, said


@dataclass(frozen=True)
class Inherited:
    """A file's keys over those of all files that it extends.

    Attributes:
        file: The file that was asked for.
        data: Its keys and those of its bases, merged, without `extends`.
        stands: The file that each dotted key stands in.
        bases: The files that it extends, the nearest first.
    """

    file: Path
    data: dict[str, Any]
    stands: dict[str, Path]
    bases: tuple[Path, ...] = ()

    @contextmanager
    def blaming(self, overrides: Sequence[str] = ()) -> Iterator[None]:
        """Let an error that names this file name the base instead, where the wrong value stands in one.

        Raises:
            UsageError: The one raised within.
        """
        try:
            yield
        except UsageError as error:
            whole = str(error.args[0])
            behind = (said(overrides), "")
            found = next((words for words in behind if whole.startswith(f"{self.file}{words}: ")), None)
            if not self.bases or found is None:
                raise
            key = _named(sentence := whole.removeprefix(f"{self.file}{found}: "))
            given = heads(overrides)
            while key and key not in self.stands and key not in given:
                key = key.rpartition(".")[0]
            if key in given or self.stands.get(key) == self.file:
                raise
            extending = f"{self.file}{found}, which extends {' and '.join(map(str, self.bases))}"
            raise UsageError(f"{self.stands.get(key, extending)}: {sentence}") from error


def _named(sentence: str) -> str:
    """Return the dotted key that a sentence begins with, such as `primary: generator: found 'beauty'; ...`."""
    words = re.match(r"(?:key ')?[\w.]*(?:: (?:key ')?[\w.]+)*", sentence)
    return words.group().replace("key '", "").replace(": ", ".") if words else ""


def inherit(
    file: Path, parse: Callable[[Path], dict[str, Any]], shipped: Path, above: tuple[Path, ...] = ()
) -> Inherited:
    """Read a file and all that it extends.

    Args:
        file: A YAML file.
        parse: Reads one file into plain data.
        shipped: The folder where a base is looked for that does not lie beside the file that names it.
        above: The files that led here, by which a circle is seen.

    Raises:
        UsageError: When a base is not there, or a file extends itself.
    """
    if file in above:
        circle = " -> ".join(str(f) for f in (*above[above.index(file) :], file))
        raise UsageError(f"{above[-1]}: extends: found the circle {circle}; allowed: a file that does not lead back")
    own = dict(parse(file))
    extending, name = "extends" in own, own.pop("extends", None)
    stands = dict.fromkeys(_paths(own), file)
    if not extending:
        return Inherited(file, own, stands)
    base = inherit(_base(name, file, shipped), parse, shipped, (*above, file))
    # A name is never inherited: two studies of one name would share a folder of results.
    data, known = ({k: v for k, v in part.items() if k != "name"} for part in (base.data, base.stands))
    return Inherited(file, merged(data, own), {**known, **stands}, (base.file, *base.bases))


def _base(name: Any, file: Path, shipped: Path) -> Path:
    if isinstance(name, str):
        for candidate in (folder / n for folder in (file.parent, shipped) for n in (name, f"{name}.yaml")):
            if there(candidate):
                return candidate.resolve()
    known = sorted(f"bases/{p.stem}" for p in (shipped / "bases").glob("*.yaml"))
    raise UsageError(f"{file}: extends: found {name!r}; allowed: a YAML file beside it, or one of {known}")


def _paths(data: dict[str, Any], within: str = "") -> Iterator[str]:
    for key, value in data.items():
        yield f"{within}{key}"
        if isinstance(value, dict):
            yield from _paths(value, f"{within}{key}.")
