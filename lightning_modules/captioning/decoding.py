"""The whole of how captions are written: what the suite says, and nothing that a model brings along.

Sampling is such that every random number belongs to one caption.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from lightning_modules.families.image_to_text import ImageToTextFamily
from lightning_modules.seeds import gumbel
from lightning_modules.settings import CaptionDecoding

#: What a model's own generation settings say about its tokens; all else in them is decoding.
TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id")
FILES = ("generation_config.json", "config.json")


def without_decoding(model: nn.Module) -> None:
    """Leave a model and its parts nothing of their generation settings but the numbers of special tokens.

    transformers completes every call of `generate` from these, so a penalty or a limit in a model's folder would
    change captions; and it refuses to save some of them.
    """
    for network in model.modules():
        own = getattr(network, "generation_config", None)
        if own is not None:
            network.generation_config = GenerationConfig(**{name: getattr(own, name, None) for name in TOKENS})


def tokens_of(folder: Path) -> GenerationConfig:
    """Return what a folder's generation settings, or else its configuration, say about special tokens.

    Some settings are refused by transformers where it reads them itself.

    Raises:
        ValueError: the file holds no mapping, or a token is not given by its number.
    """
    file = next((Path(folder) / name for name in FILES if (Path(folder) / name).is_file()), None)
    try:
        said = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file}: found no JSON ({error}); allowed: what transformers wrote") from error
    if not isinstance(said, dict):
        raise ValueError(f"{file}: found {type(said).__name__}; allowed: a mapping, as transformers writes it")
    tokens = {name: said[name] for name in TOKENS if said.get(name) is not None}
    for name, value in tokens.items():
        numbers = value if isinstance(value, list) else [value]
        if not all(isinstance(number, int) for number in numbers):
            raise ValueError(f"{file}: {name}: found {value!r}; allowed: the number of a token, or a list of such")
    return GenerationConfig(**tokens)


def complete(decoding: CaptionDecoding, family: ImageToTextFamily) -> GenerationConfig:
    """Return all that `generate` is told beside `processors`; sampling is greedy search among noisy scores."""
    return GenerationConfig(
        do_sample=False,
        num_beams=decoding.beams,
        max_new_tokens=decoding.max_new_tokens,
        use_cache=True,
        decoder_start_token_id=family.opening[0],
        eos_token_id=family.ends,
        pad_token_id=family.pad,
    )


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise to each row's scores, so that the largest score is a sample (1611.01144).

    Row i draws from its own generator, whatever the other rows of the batch are. A caption that has ended draws no
    more: what follows its end is padding, whatever the scores are.

    Attributes:
        streams: one CPU generator per row.
        ends: the tokens that end a caption.
        ahead: draw the noise of the next token in a thread, while an accelerator computes its scores.
    """

    def __init__(self, streams: Sequence[torch.Generator], ends: Sequence[int] = (), ahead: bool = False) -> None:
        self.streams, self.ends = streams, torch.tensor(ends, dtype=torch.int64)
        self._opening: int | None = None
        self._thread = ThreadPoolExecutor(1) if ahead else None
        self._next: Future[Tensor] | None = None

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores (b, v) with noise; a token at minus infinity stays there."""
        if self._opening is None:  # tokens before the caption: a prompt may hold one that ends captions
            self._opening = input_ids.shape[1]
        ended = torch.isin(input_ids[:, self._opening :], self.ends.to(input_ids.device)).any(1)
        draw = partial(gumbel, self.streams, scores.shape[-1], (~ended).nonzero().flatten().tolist())
        noise = draw() if self._next is None else self._next.result()
        if self._thread is not None:
            self._next = self._thread.submit(draw)  # of all that still write now: who stops with this token needs none
        return scores.float() + noise.to(scores.device)


def processors(
    decoding: CaptionDecoding, streams: Sequence[torch.Generator], ends: Sequence[int] = (), ahead: bool = False
) -> LogitsProcessorList:
    """Return what turns greedy search into sampling: temperature, nucleus, then noise (see `GumbelNoise`) last."""
    chain = LogitsProcessorList()
    if decoding.temperature == 0:
        return chain
    if decoding.temperature != 1:
        chain.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_p < 1:
        chain.append(TopPLogitsWarper(decoding.top_p))
    chain.append(GumbelNoise(streams, ends, ahead))
    return chain
