"""What an artifact says of itself: JSON that holds the digest of every file, and its own."""

from __future__ import annotations

import json
from typing import Any

from records.canonical import digest
from records.errors import StepError

#: The manifest of a whole artifact, and of one whose value was dropped after its last reader.
MANIFEST, DROPPED = "manifest.json", "dropped.json"
#: What is said of one that is damaged, what to do about it, and what a run says that does it.
CHANGED, AGAIN, DONE = "is not what was written", "run again to make it", "it is made again"


class DamagedArtifact(StepError):
    """An artifact is not what was written."""


def sealed(said: dict[str, Any]) -> str:
    """Return the text of a manifest, with its own digest: of what is read back."""
    data = json.loads(json.dumps(said))
    data["digest"] = digest(data)
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def opened(text: bytes, key: str, name: str) -> dict[str, Any]:
    """Return what a manifest says, without its own digest.

    Args:
        text: As `sealed` wrote it, or before manifests had digests.
        key: Of the artifact that it has to be of.
        name: What an error calls it.

    Raises:
        DamagedArtifact: It is not what was written.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        said = data.pop("digest", None)
        whole = data["key"] == key and (said is None or said == digest(data))
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise DamagedArtifact(f"artifact {key[:16]}: {name} {CHANGED}; {AGAIN}")
    return data
