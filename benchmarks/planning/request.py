"""What a command line asked for: which suite, with what laid over it, and beside it which methods."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from records.canonical import digest
from records.overrides import heads
from records.place import checkout

#: Keys of a suite that change how it runs, not what it measures. A study with a name of its own has its folder by that.
NO_OTHER_STUDY = {"execution", "retain"}
#: Words that a shell takes as they are, and those that our recipes do, which take brackets for no pattern of files.
PLAIN, IN_RECIPES = (re.compile(rf"[\w@%+=:,./{more}-]+", re.ASCII) for more in ("", r"\[\]"))
#: What `make` calls each command of the command line.
TARGETS = {"run": "bench", "table": "leaderboard"}


@dataclass(frozen=True)
class Request:
    """What was asked for, as it was typed.

    Attributes:
        suite: A shipped suite's name or a file.
        overrides: Words laid over it, such as ("--iterations", "3").
        methods: Names, files or classes of methods beside those of the suite.
    """

    suite: str
    overrides: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def home(self, runs: Path, name: str) -> Path:
        """Return the folder of a study's results, board and pictures; one of its own where overrides make it another.

        Args:
            runs: Folder of stores and results.
            name: Of the suite.
        """
        keys = {head.partition(".")[0] for head in heads(self.overrides)}
        if keys <= NO_OTHER_STUDY or "name" in keys:
            return runs / name
        words = re.sub(r"[^A-Za-z0-9_.,=-]+", "", ",".join(w.removeprefix("--") for w in self.overrides))
        return runs / name / "with" / f"{words[:50]}-{digest(list(self.overrides))[:8]}"

    def command(self, verb: str = "run", more: Sequence[str] = ()) -> str:
        """Return a command for a shell that asks for the same again: `make` in the checkout, else `mmcollapse`.

        Args:
            verb: A command of the command line.
            more: Further words for it, such as ("--runs", "elsewhere").
        """
        words = [*more, *self.overrides]
        if checkout() != Path.cwd() or len(self.methods) > 1 or (verb == "claims" and self.methods):
            methods = [f"--method={method}" for method in self.methods]
            return " ".join(["mmcollapse", verb, shlex.quote(self.suite), *map(shell_word, [*methods, *words])])
        parts = ["make", TARGETS.get(verb, verb), f"SUITE={shlex.quote(self.suite)}"]
        parts += [f"METHOD={shlex.quote(method)}" for method in self.methods]
        arguments = " ".join(shell_word(word, IN_RECIPES) for word in words)
        return " ".join([*parts, *([f"ARGS={shlex.quote(arguments)}"] if arguments else [])])


def shell_word(word: str, plain: re.Pattern[str] = PLAIN) -> str:
    """Return a word as a shell needs it: zsh and bash take brackets for patterns of file names."""
    return word if plain.fullmatch(word) else shlex.quote(word)
