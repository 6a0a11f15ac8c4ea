"""Whether all that a class needs was loaded: weights name by name, and a tokenizer that tells words apart.

The libraries fill what is missing with random numbers, make a tokenizer of special tokens alone where its files are
gone, and say so in a log. Here either is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from lightning_modules.weights.sources import MissingModel

#: Tensors of older files that networks make by themselves today.
BUFFERS = ("position_ids", "inv_freq", "masked_bias", "num_batches_tracked", "pos_embed", r"(cross)?att\w*\.bias")
MADE = rf"(^|\.)({'|'.join(BUFFERS)})$"
#: Rows of an embedding beyond the tokenizer's that published models have, to round its size up.
SPARE = 1024
#: Tokens of its own vocabulary that a tokenizer is asked to read.
ASKED = 64


def check_weights(
    model: nn.Module, report: Mapping[str, Any], folder: Path, unread: Sequence[str] = (), heads: bool = False
) -> None:
    """Refuse weights that are missing, of another shape, or of no use to the network that was loaded.

    Args:
        model: the network.
        report: what `from_pretrained` returns beside it with `output_loading_info`.
        folder: it was read from, for the message.
        unread: regular expressions of names whose weights change nothing that is asked of the network.
        heads: whether the file may hold the head of another task, which the network does not have.

    Raises:
        MissingModel: names the first of them.
    """
    children = {name for name, _ in model.named_children()}

    def matter(names: Iterable[Any], *but: str) -> list[str]:
        return sorted(n for n in map(_name, names) if not any(re.search(pattern, n) for pattern in (*but, *unread)))

    extra = matter(report["unexpected_keys"], MADE)
    if heads:
        own = {*children, getattr(model, "base_model_prefix", "")}
        extra = [name for name in extra if name.partition(".")[0] in own]
    missing, other = matter(report["missing_keys"]), matter(report["mismatched_keys"])
    for names, what in (
        (missing, "lack {}, which {} needs"),
        (other, "hold {} in another shape than {} has by its config.json"),
        (extra, "hold {}, which {} does not have"),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise MissingModel(
                f"{folder}: its weights {what.format(repr(names[0]) + more, type(model).__name__)}; "
                "allowed: the weights that belong to config.json, whole"
            )


def _name(entry: Any) -> str:
    """Return the name in an entry of a report, which has the shapes beside it where these differ."""
    return str(entry if isinstance(entry, str) else entry[0])


def check_tokenizer(tokenizer: Any, rows: int, folder: Path) -> None:
    """Refuse a tokenizer that cannot be the one of an embedding with `rows` rows, or that reads all words as one.

    Raises:
        MissingModel: says what is wrong.
    """
    numbers = tokenizer.get_vocab()
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    words = sorted(i for i in numbers.values() if i not in special)
    size, wrong = len(numbers), ""
    if not words:
        wrong = f"knows no word beside {size} special tokens"
    elif max(numbers.values()) >= rows:
        wrong = f"counts to {max(numbers.values())}, and the model embeds {rows} tokens"
    elif size < rows - SPARE or 2 * size < rows:
        wrong = f"knows {size} tokens, and the model embeds {rows}"
    else:
        texts = [tokenizer.decode([i]) for i in words[:: -(-len(words) // ASKED)]]
        read = {tuple(i for i in ids if i not in special) for ids in tokenizer(texts)["input_ids"]} - {()}
        if len(read) < 2:
            wrong = "reads different words as the same"
    if wrong:
        raise MissingModel(f"{folder}: its tokenizer {wrong}; allowed: the tokenizer files that belong to the model")
