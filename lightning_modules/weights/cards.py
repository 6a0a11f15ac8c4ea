"""The card of a shipped base: where it comes from, what it measured, and a digest of its weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest(folder: Path) -> str:
    """Return the sha256 over the names and bytes of all weight files under `folder`."""
    total = hashlib.sha256()
    for file in sorted(Path(folder).rglob("*.safetensors"), key=lambda f: f.relative_to(folder).as_posix()):
        total.update(file.relative_to(folder).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def read(folder: Path) -> dict[str, Any]:
    """Return the card in `folder`."""
    return json.loads((Path(folder) / "card.json").read_text())


def forget_paths(folder: Path) -> None:
    """Remove from the configurations below `folder` where their parts were once loaded from: it is of one machine."""
    for file in Path(folder).rglob("config.json"):
        config = json.loads(file.read_text())
        if config.pop("_name_or_path", None) is not None:
            file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def write(folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write the card with the digest of the weights; return it."""
    forget_paths(folder)
    card = {**card, "digest": digest(folder)}
    (Path(folder) / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    return card
