"""How texts become tokens: as many as their network reads, and a word-level tokenizer of a known vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

# The end token must not be number 2: CLIP text models then fall back to pooling at the largest number.
PAD, START, UNKNOWN, END = range(4)
SPECIAL = ("<pad>", "<start>", "<unknown>", "<end>")
#: Where nobody names a longest length, transformers gives the tokenizer one beyond this.
UNNAMED = 10**9


def word_tokenizer(vocabulary: Sequence[str], max_length: int) -> PreTrainedTokenizerFast:
    """Build a tokenizer of one number per word of a vocabulary that holds no special tokens.

    It frames a text with start and end tokens; `max_length` counts them in.
    """
    words = [*SPECIAL, *vocabulary]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token=SPECIAL[UNKNOWN]))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single=f"{SPECIAL[START]} $A {SPECIAL[END]}", special_tokens=[(SPECIAL[START], START), (SPECIAL[END], END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=max_length,
        pad_token=SPECIAL[PAD],
        bos_token=SPECIAL[START],
        unk_token=SPECIAL[UNKNOWN],
        eos_token=SPECIAL[END],
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )


def places(network: PreTrainedModel) -> int | None:
    """Return how many tokens a network that reads or writes text has positions for; None = any number."""
    found = getattr(network.config.get_text_config(decoder=True), "max_position_embeddings", None)
    if found is None:
        return None
    # RoBERTa and its like count positions from behind the one of padding.
    tables = (module for name, module in network.named_modules() if name.endswith("position_embeddings"))
    counted = (t.padding_idx + 1 for t in tables if isinstance(t, nn.Embedding) and t.padding_idx is not None)
    return int(found) - max(counted, default=0)


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], fixed: bool = False, limits: Sequence[int | None] = ()
) -> tuple[Tensor, Tensor]:
    """Tokenize n texts with their special tokens, padded on the right: numbers (n, t) int64 and mask (n, t) int64.

    A text that is too long is cut, its end token is kept. The least holds of the tokenizer's longest length, which many
    do not name, and other `limits`; `fixed` pads to it, instead of to the longest text.

    Raises:
        ValueError: the tokenizer has no token to pad with, or `fixed` has no length to pad to.
    """
    kind, own = type(tokenizer).__name__, tokenizer.model_max_length
    known = [int(length) for length in (own, *limits) if isinstance(length, int | float) and 0 < length < UNNAMED]
    if tokenizer.pad_token is None:
        raise ValueError(f"tokenizer: {kind}: pad_token: found none; allowed: the token that fills up short texts")
    if fixed and not known:
        raise ValueError(f"tokenizer: {kind}: model_max_length: found {own}; allowed: the most tokens of a text")
    found = tokenizer(
        list(texts),
        padding="max_length" if fixed else "longest",
        truncation=bool(known),
        max_length=min(known, default=None),
        padding_side="right",
        return_tensors="pt",
    )
    return found["input_ids"].to(torch.int64), found["attention_mask"].to(torch.int64)
