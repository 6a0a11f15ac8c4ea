"""docs/your-data.md as a newcomer has it: its files, its commands, an installed copy of the packages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from records.place import ROOT
from tests.your_data.photographs import write_photographs

PAGE = ROOT / "docs" / "your-data.md"


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, in order."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)


def files() -> dict[str, str]:
    """Return the files of the page by their names, which their first lines say."""
    named = [text for language in ("python", "yaml") for text in blocks(language) if text.startswith("# ")]
    return {text.splitlines()[0].removeprefix("# "): text for text in named}


def commands() -> list[str]:
    """Return the commands of the page, in order."""
    return [line for block in blocks("sh") for line in block.splitlines()]


class Newcomer:
    """An empty folder, and the packages as a wheel installs them."""

    def __init__(self, home: Path) -> None:
        self.home, self.site, bin = home / "here", home / "site", home / "bin"
        for folder in (self.home, bin):
            folder.mkdir(parents=True)
        for name in ("records", "benchmarks", "datamodules", "leaderboard", "lightning_modules", "suites"):
            shutil.copytree(
                ROOT / name, self.site / name, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
            )
        for name, line in (("python", '"$@"'), ("mmcollapse", '-m benchmarks "$@"')):
            (bin / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {line}\n')
            (bin / name).chmod(0o755)
        self.environment = {
            **os.environ, "PATH": f"{bin}:{os.environ['PATH']}", "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1",
        }  # fmt: skip

    def write(self, count: int, list_lines: bool = True) -> dict[str, list[str]]:
        """Write the files of the page and so many photographs, with a line a caption or with texts beside them."""
        for name, text in files().items():
            (self.home / name).write_text(text, encoding="utf-8")
        said = write_photographs(self.home / "photos", count)
        rows = [json.dumps({"file_name": name, "text": text}) for name, texts in said.items() for text in texts]
        if list_lines:
            (self.home / "photos" / "metadata.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        else:
            for name, texts in said.items():
                (self.home / "photos" / name).with_suffix(".txt").write_text("\n".join(texts), encoding="utf-8")
        return said

    def follow(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the page as it stands."""
        return subprocess.run(
            ["bash", "-c", command], cwd=self.home, env=self.environment, capture_output=True, text=True, check=False
        )
