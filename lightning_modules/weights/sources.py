"""Where a model's weights lie on this machine: folders, and snapshots in the Hugging Face cache. Free of torch.

Nothing here asks the network: what is not on this machine is an error of one sentence that says how to get it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from records.place import ROOT, located

ADAPTER_BASE = "base.json"  # in an adapter's folder: what it belongs to
FAMILIES = ROOT / "lightning_modules" / "families"


class MissingModel(ValueError):
    """A model cannot be had from this machine as it is; the message is one clear sentence."""


@dataclass(frozen=True)
class Origin:
    """Where the weights of a base come from, enough to load them again.

    Attributes:
        class_path: the wrapper class.
        folder: of the weights; see `records.place.located`.
        hub: name on the Hugging Face hub instead of a folder.
        revision: of the hub repository.
        dtype: that the weights are loaded as.
        init_args: arguments beside the weights.
    """

    class_path: str
    folder: str | None = None
    hub: str | None = None
    revision: str | None = None
    dtype: str = "float32"
    init_args: dict[str, Any] = field(default_factory=dict)

    def locate(self) -> Path:
        """Return the folder of the weights; `MissingModel` where it is not on this machine."""
        if self.hub is not None:
            return snapshot(self.hub, self.revision)
        found = located(str(self.folder))
        if not found.is_dir():
            raise MissingModel(f"the folder {str(found)!r} is not there")
        return found


def is_adapter(folder: Path) -> bool:
    """Return whether a folder holds an adapter beside its base, not whole weights."""
    return (Path(folder) / ADAPTER_BASE).is_file()


def portable(folder: Path) -> str:
    """Return the name of a folder relative to the project root where it lies inside, else absolute."""
    folder = Path(folder).resolve()
    return folder.relative_to(ROOT).as_posix() if folder.is_relative_to(ROOT) else str(folder)


def snapshot(hub: str, revision: str | None) -> Path:
    """Return the folder of a hub model in the local cache.

    `MissingModel` where it or this revision of it is not in the cache, or its name is no hub name.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub, revision=revision, local_files_only=True))
    except HFValidationError as error:
        raise MissingModel(
            f"found {hub!r}, which is no name of a hub model; allowed: a name such as 'organisation/model'"
        ) from error
    except LocalEntryNotFoundError as error:
        raise MissingModel(_not_cached(hub, revision)) from error


def _not_cached(hub: str, revision: str | None) -> str:
    from huggingface_hub import constants

    fetch = f"hf download {hub}" + (f" --revision {revision}" if revision else "")
    snapshots = Path(constants.HF_HUB_CACHE) / f"models--{hub.replace('/', '--')}" / "snapshots"
    known = sorted(f.name for f in snapshots.iterdir()) if snapshots.is_dir() else []
    if known:
        return (
            f"found {hub!r}, which is in the Hugging Face cache with revision {', '.join(known)} and not with "
            f"{revision}; allowed: a revision that is there, or one fetched with `{fetch}`"
        )
    return (
        f"found {hub!r}, which is not in the Hugging Face cache; allowed: a folder, or a model fetched with `{fetch}` "
        f"(a gated one after its licence was accepted on https://huggingface.co/{hub} and `hf auth login`)"
    )


def check_contents(folder: Path, reads: tuple[str, str, tuple[str, ...]], who: str, fetch: str = "") -> None:
    """Check from its files alone that a folder holds what a class loads.

    Args:
        folder: of the weights.
        reads: the file that says what the folder holds, the key in it, and its allowed values; none of these =
            whatever has a file in `families/`. Without a key the file is the weights themselves, and the rest are names
            that they may have instead. Model classes declare it as the class-level literal `reads`.
        who: name of the class, for the message.
        fetch: the command that fetches the folder again, where there is one.

    Raises:
        MissingModel: the folder is not there, holds something else, or lacks its weights.
    """
    name, key, allowed = reads
    again = f"; fetch it with `{fetch}` (a gated model after its licence was accepted on its page)" if fetch else ""
    if not folder.is_dir():
        raise MissingModel(f"found {str(folder)!r}, which is no folder; allowed: a folder of weights{again}")
    if is_adapter(folder):
        return  # adapters: what they belong to is checked when it is loaded
    if not key:
        if not any((folder / file).is_file() for file in (name, *allowed)):
            names = " or ".join((name, *allowed))
            raise MissingModel(
                f"found {str(folder)!r}, which holds no weights; {who} reads a folder with {names}{again}"
            )
        return
    if not (folder / name).is_file():
        other = next((f for f in ("model_index.json", "config.json") if (folder / f).is_file()), None)
        holds = f"holds {_kind(folder / other)!r} ({other})" if other else "holds no model"
        raise MissingModel(f"found {str(folder)!r}, which {holds}; {who} reads a folder with {name}{again}")
    found = _kind(folder / name, key)
    known = allowed or tuple(sorted(f.stem for f in FAMILIES.glob("*.py") if f.stem != "__init__"))
    plain = found if allowed else found.removesuffix("Pipeline").replace("-", "_").lower()
    if plain not in known:
        raise MissingModel(
            f"found {str(folder)!r}, which holds {found!r} ({name}); {who} loads one of: {', '.join(known)}"
        )
    for part in _weighted(folder, name):
        if not list(part.glob("*.safetensors")):
            raise MissingModel(f"found {str(folder)!r}, whose {part.name!r} holds no *.safetensors{again}")


def _kind(file: Path, key: str | None = None) -> str:
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise MissingModel(f"found {str(file)!r}, which cannot be read as JSON") from error
    keys = (key,) if key else ("_class_name", "model_type")
    return str(next((content[k] for k in keys if content.get(k)), "nothing that says its kind"))


def _weighted(folder: Path, name: str) -> list[Path]:
    """Return the folders that must hold weights: of a pipeline its networks, else the folder itself."""
    if name != "model_index.json":
        return [folder]
    parts = json.loads((folder / name).read_text(encoding="utf-8-sig"))
    used = [part for part, value in parts.items() if isinstance(value, list) and all(value)]
    return [folder / p for p in used if (folder / p / "config.json").is_file() or not (folder / p).is_dir()]
