"""A word-level tokenizer over a known vocabulary, saved and loaded like any other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

# The end token must not be number 2: CLIP text models then fall back to pooling at the largest number.
PAD, START, UNKNOWN, END = range(4)
SPECIAL = ("<pad>", "<start>", "<unknown>", "<end>")


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


def tokenize(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], fixed: bool = False, longest: int | None = None
) -> tuple[Tensor, Tensor]:
    """Tokenize n texts with their special tokens, padded on the right: numbers (n, t) int64 and mask (n, t) int64.

    A text that is too long is cut, its end token is kept. The tokenizer's longest length holds, or `longest` where that
    is less; `fixed` pads to it, instead of to the longest text.
    """
    padding = "max_length" if fixed else "longest"
    length = None if longest is None else min(longest, tokenizer.model_max_length)
    found = tokenizer(
        list(texts), padding=padding, truncation=True, max_length=length, padding_side="right", return_tensors="pt"
    )
    return found["input_ids"].to(torch.int64), found["attention_mask"].to(torch.int64)
