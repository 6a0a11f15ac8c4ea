"""Where the project lies on this machine, and where commands put what outlives a run."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]  # the folder that holds the packages and `suites/`


def checkout() -> Path | None:
    """Return the checkout that the packages lie in; None where they were installed from a wheel.

    Only a checkout is written to, and only a checkout is asked for its commit: what surrounds an installed package
    belongs to somebody else. An editable install belongs to its checkout, wherever its commands run.
    """
    try:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    return ROOT if project.get("name") == "mmcollapse" else None


def kept(kind: str) -> Path:
    """Return the folder that `entries` or `baselines` go to: of the checkout's leaderboard, else of that name here."""
    return ROOT / "leaderboard" / kind if checkout() else Path(kind)


def located(folder: str | Path) -> Path:
    """Return the folder of weights that a file names: of the project, or else below the folder a command runs in."""
    folder = Path(folder).expanduser()
    return ROOT / folder if (ROOT / folder).exists() else folder.absolute()
