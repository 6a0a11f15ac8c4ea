"""How a sentence-transformers folder makes one vector of a text's tokens, as its files say it. Free of torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Files of a sentence-transformers folder: which modules follow each other, how tokens are pooled, the longest input.
MODULES, POOLING, LENGTH = "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"
#: Modules that can be followed here. Normalize is left out: a cosine is the same without it, distances need lengths.
KNOWN = ("Transformer", "Pooling", "Normalize")
POOLINGS = ("mean", "cls")


def pooling_of(folder: Path) -> str:
    """Return how a folder pools tokens: "mean" where it does not say.

    Another pooling, several at once, or modules that change the features further are a ValueError.
    """
    modules = read(folder / MODULES) or []
    for name in (str(module["type"]).rpartition(".")[2] for module in modules):
        if name not in KNOWN:
            raise ValueError(f"{folder / MODULES}: type: found {name!r}; allowed: {', '.join(KNOWN)}")
    said = read(folder / POOLING)
    flags = {key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token"): value
             for key, value in said.items() if key.startswith("pooling_mode_")}  # fmt: skip
    chosen = [name for name, value in flags.items() if value]
    if "pooling_mode" in said:  # newer folders name it
        found = said["pooling_mode"]
        chosen = [found] if isinstance(found, str) else list(found)
    if not said:
        return "mean"
    if len(chosen) != 1 or chosen[0] not in POOLINGS:
        raise ValueError(
            f"{folder / POOLING}: pooling_mode: found {', '.join(chosen) or 'none'}; allowed: one of "
            f"{', '.join(POOLINGS)}"
        )
    return chosen[0]


def read(file: Path) -> Any:
    """Return the JSON of a file that may be missing; a file that holds none is a ValueError."""
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
