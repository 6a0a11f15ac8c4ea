"""How texts become tokens: as many as their network reads; tokenizers of known words, and of pieces of words."""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
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
    return _framed(core, max_length)


def piece_tokenizer(
    vocabulary: Sequence[str], merges: Sequence[tuple[str, str]], max_length: int, placeholders: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Build a tokenizer of pieces of words (1508.07909, over bytes), so that no text of any language is unknown to it.

    Texts are read in lower case, and cut nowhere within `placeholders`, which the vocabulary holds. `vocabulary` and
    `merges` are those of `learn_pieces`; framing and `max_length` as in `word_tokenizer`.
    """
    tokens = {token: i for i, token in enumerate([*SPECIAL, *vocabulary])}
    core = _of_bytes(models.BPE(vocab=tokens, merges=list(merges)))
    core.add_special_tokens([AddedToken(word, normalized=False) for word in placeholders])
    return _framed(core, max_length)


def learn_pieces(texts: Sequence[str], most: int) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the pieces that n texts are best written with, at most so many with all bytes, and which pairs become one.

    A pair has to stand in the texts twice.
    """
    core = _of_bytes(models.BPE())
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=most, min_frequency=2, initial_alphabet=alphabet, show_progress=False)
    )
    model = json.loads(core.to_str())["model"]
    return tuple(sorted(model["vocab"], key=model["vocab"].get)), tuple((a, b) for a, b in model["merges"])


def _of_bytes(model: models.BPE) -> Tokenizer:
    core = Tokenizer(model)
    core.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    core.decoder = decoders.ByteLevel()
    return core


def _framed(core: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
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
