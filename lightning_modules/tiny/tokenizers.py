"""Tokenizers of every kind, with the few words that tiny models know."""

from __future__ import annotations

import re
from typing import Any

import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

#: What tiny captioners say.
CAPTIONS = (
    "a red dog",
    "two birds over a lake",
    "a man rides his bicycle down the street",
    "cats",
    "the blue bus stops here",
    "a plate of fruit and bread",
    "three children play with a dog",
    "snow on the mountains behind a small house",
)
#: Words of the drawn scenes, so that the tokenizers know what a study on them says.
SCENE_TEXTS = (
    "a large red circle above a small blue square on a white background",
    "there is a big green triangle left of a little yellow ring on black",
    "on grey , a purple cross right of an orange diamond at the top , below the bottom in the centre",
    "a pink and cyan star under",
)
CHAT = ["USER: ASSISTANT: User: Assistant:", "Describe the image in one short sentence.", "a photo of", "Say it:"]
#: What tiny generators are asked for, and the longest prompt in tokens.
PROMPTS, LENGTH = ("red dot", "blue box", "green bar", "pink sky"), 16


# --- of captioners, trained on what they say


def _trained(core: Tokenizer, trainer: Any) -> Tokenizer:
    core.train_from_iterator([*CAPTIONS, *CHAT, *SCENE_TEXTS], trainer)
    return core


def _framed(core: Tokenizer, start: str | None, end: str | None) -> Tokenizer:
    """Let the tokenizer put tokens around every text."""
    special = [(name, core.token_to_id(name)) for name in (start, end) if name]
    core.post_processor = processors.TemplateProcessing(
        single=f"{start or ''} $A {end or ''}".strip(), special_tokens=special
    )
    return core


def byte_level(special: list[str], start: str | None = None, **names: str) -> hf.PreTrainedTokenizerFast:
    """Return a tokenizer as GPT-2, OPT and Llama 3 have it: a word behind a space is another token."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _trained(core, trainers.BpeTrainer(vocab_size=360, special_tokens=special, initial_alphabet=alphabet))
    return hf.PreTrainedTokenizerFast(tokenizer_object=_framed(core, start, None) if start else core, **names)


def pieces(special: list[str], start: str | None = None, end: str | None = None, **names: str) -> Any:
    """Return a tokenizer as Llama, Mistral and T5 have it: spaces belong to the words behind them."""
    core = Tokenizer(models.BPE(unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    core.decoder = decoders.Metaspace(prepend_scheme="first")
    _trained(core, trainers.BpeTrainer(vocab_size=160, special_tokens=special))
    return hf.PreTrainedTokenizerFast(tokenizer_object=_framed(core, start, end), **names)


def word_pieces() -> hf.BertTokenizer:
    """Return BERT's own tokenizer, which frames a text with [CLS] and [SEP]; it knows the first letters of long words.

    Its vocabulary is written here: what a trainer of word pieces finds differs from run to run.
    """
    words = re.findall(r"\w+|[^\w\s]", " ".join([*CAPTIONS, *CHAT, *SCENE_TEXTS]).lower())
    parts = {part for word in words for part in (word[:4], f"##{word[4:]}") if part != "##"}
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    return hf.BertTokenizer(vocab={part: i for i, part in enumerate([*special, *sorted(parts)])})


# --- of generators


def clip_tokenizer() -> hf.CLIPTokenizer:
    """Return a CLIP tokenizer that spells every word in letters."""
    letters = [chr(i) for i in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return hf.CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=LENGTH)


def t5_tokenizer(longest: int = LENGTH) -> hf.T5Tokenizer:
    """Return a T5 tokenizer of whole words."""
    words = [f"▁{word}" for word in dict.fromkeys(word for text in (*PROMPTS, *SCENE_TEXTS) for word in text.split())]
    known = [(token, 0.0) for token in ("<pad>", "</s>", "<unk>")] + [(word, -2.0) for word in words]
    return hf.T5Tokenizer(vocab=known, extra_ids=0, model_max_length=longest)
