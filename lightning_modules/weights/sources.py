"""Where a model's weights lie on this machine: folders, and snapshots in the Hugging Face cache. Free of torch.

Nothing here asks the network: what is not on this machine is an error of one sentence that says how to get it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from records.place import ROOT, located

ADAPTER_BASE = "base.json"  # in an adapter's folder: what it belongs to


#: Says which files to fetch: repositories hold several times of what is read.
FETCH = "the command that `mmcollapse plan SUITE --fetch` prints"


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

    snapshots = Path(constants.HF_HUB_CACHE) / f"models--{hub.replace('/', '--')}" / "snapshots"
    known = sorted(f.name for f in snapshots.iterdir()) if snapshots.is_dir() else []
    if known:
        return (
            f"found {hub!r}, which is in the Hugging Face cache with revision {', '.join(known)} and not with "
            f"{revision}; allowed: a revision that is there, or one fetched with {FETCH}"
        )
    return (
        f"found {hub!r}, which is not in the Hugging Face cache; allowed: a folder, or a model fetched with {FETCH} "
        f"(a gated one after its licence was accepted on https://huggingface.co/{hub} and `hf auth login`)"
    )
