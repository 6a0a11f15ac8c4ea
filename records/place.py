"""Where the project lies on this machine, which state of it that is, and where commands put what outlives a run."""

from __future__ import annotations

import os
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

NAME = "mmcollapse"
ROOT = Path(__file__).resolve().parents[1]  # the folder that holds the packages and `suites/`


def checkout() -> Path | None:
    """Return the checkout that the packages lie in; None where they were installed from a wheel.

    Only a checkout is written to, and only a checkout is asked for its commit: what surrounds an installed package
    belongs to somebody else. An editable install belongs to its checkout, wherever its commands run.
    """
    return ROOT if _project().get("name") == NAME else None


def release() -> str:
    """Return the project's version, of the checkout or else of what is installed; "" where neither says."""
    if checkout():
        return str(_project().get("version", ""))
    try:
        return version(NAME)
    except PackageNotFoundError:
        return ""


def commit() -> str:
    """Return the commit of the checkout, `+` where its code differs from it; "" where it has none of its own.

    A repository around it is somebody else's, and so is one that the environment names, as git does while it runs a
    hook. A module that git does not know of is code as any other.
    """
    home = checkout()
    if home is None:
        return ""
    try:
        found = _git(home, "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*")
        more = _git(home, "ls-files", "--others", "--exclude-standard", "--", "*.py")
    except (OSError, subprocess.SubprocessError):
        return ""
    return found if found.endswith("+") or not more else f"{found}+"


def _git(home: Path, *command: str) -> str:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    run = subprocess.run(
        ["git", "-C", str(home), *command],  # noqa: S607 (whichever git there is)
        capture_output=True, text=True, timeout=10, check=True,
        env={**outside, "GIT_CEILING_DIRECTORIES": str(home.parent), "GIT_OPTIONAL_LOCKS": "0"},
    )  # fmt: skip
    return run.stdout.strip()


def _project() -> dict[str, Any]:
    """Return what the file of a checkout says of its project; {} where there is none."""
    try:
        return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return {}


def kept(kind: str) -> Path:
    """Return the folder that `entries` or `baselines` go to: of the checkout's leaderboard, else of that name here."""
    return ROOT / "leaderboard" / kind if checkout() else Path(kind)


def located(folder: str | Path) -> Path:
    """Return the folder of weights that a file names: of the project, or else below the folder a command runs in."""
    folder = Path(folder).expanduser()
    return ROOT / folder if (ROOT / folder).exists() else folder.absolute()
