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
    """Build a tokenizer of one number per word; it frames a text with start and end tokens.

    Args:
        vocabulary: the words, without special tokens.
        max_length: longest sequence, special tokens included.
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
    """Tokenize texts with their special tokens, padded on the right.

    Args:
        tokenizer: any.
        texts: n texts; longer ones are cut, their end token is kept.
        fixed: pad to the longest length that the tokenizer allows, instead of the longest text.
        longest: longest length in tokens, where the tokenizer allows more.

    Returns:
        tuple: token numbers (n, t) int64 and mask (n, t) int64.
    """
    padding = "max_length" if fixed else "longest"
    length = None if longest is None else min(longest, tokenizer.model_max_length)
    found = tokenizer(
        list(texts), padding=padding, truncation=True, max_length=length, padding_side="right", return_tensors="pt"
    )
    return found["input_ids"].to(torch.int64), found["attention_mask"].to(torch.int64)
