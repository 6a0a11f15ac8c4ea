"""Paraphrases: several distinct sentences for one scene, with a long tail of sentence forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from datamodules.scenes.hashing import Draws
from datamodules.scenes.laws import Law

PARAPHRASES = 6
_BLOCK = 12  # attempts drawn at once; six distinct sentences rarely need more than nine


def paraphrases(
    draws: Draws, lanes: Mapping[str, Law], phrase: Callable[..., str], scenes: list[Any]
) -> list[tuple[str, ...]]:
    """Write six distinct sentences for each of n scenes, truths that are handed to `phrase`.

    Sentences are attempted one after the other, each from its own random numbers, and repetitions
    are skipped, so sentence 0 follows the laws exactly and the later ones almost do. `phrase` makes a sentence of
    (scene, one index per lane, in the order of `lanes`), the choices behind a sentence by name.
    """
    found: list[list[str]] = [[] for _ in scenes]
    open_rows = np.arange(len(scenes))
    block = 0
    while len(open_rows):
        some = draws.take(open_rows)
        attempts = range(block * _BLOCK, (block + 1) * _BLOCK)
        picks = np.stack(
            [
                np.stack([some.choice(f"{lane}/{attempt}", law) for lane, law in lanes.items()], -1)
                for attempt in attempts
            ],
            axis=1,
        ).tolist()
        still_open = []
        for row, rounds in zip(open_rows.tolist(), picks, strict=True):
            said = found[row]
            for choice in rounds:
                sentence = phrase(scenes[row], *choice)
                if sentence not in said:
                    said.append(sentence)
                    if len(said) == PARAPHRASES:
                        break
            else:
                still_open.append(row)
        open_rows = np.array(still_open, dtype=np.int64)
        block += 1
    return [tuple(said) for said in found]


def words_of(*phrases: str) -> set[str]:
    """Return the words of some phrases, leaving out the {fields} of a form."""
    return {word for phrase in phrases for word in phrase.split() if not word.startswith("{")}
