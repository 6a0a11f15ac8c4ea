"""One file per model family: what differs between pretrained models that serve the same purpose.

A text-to-image family is found by the lower-cased name of its diffusers pipeline, an image-to-text
family by its transformers model type. A new family is a new file here, nothing else.
"""

from __future__ import annotations

import importlib
from typing import Any


def find(name: str, purpose: str, written: str) -> Any:
    """Return the `Family` of the file `name`, or a ValueError that says what is missing.

    `purpose` is what its models are for, `written` what the checkpoint calls it.
    """
    try:
        return importlib.import_module(f"{__name__}.{name}").Family
    except ModuleNotFoundError as error:
        raise ValueError(f"no {purpose} family for {written!r}: add lightning_modules/families/{name}.py") from error
