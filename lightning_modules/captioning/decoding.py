"""Sampling captions so that every random number belongs to one caption."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

from lightning_modules.seeds import gumbel
from lightning_modules.settings import CaptionDecoding


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise to each row's scores, so that the largest score is a sample (1611.01144).

    Row i draws from its own generator, whatever the other rows of the batch are.
    """

    def __init__(self, streams: Sequence[torch.Generator]) -> None:
        """Take one CPU generator per row."""
        self.streams = streams

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return scores (b, v) with noise; a token at minus infinity stays there."""
        return scores.float() + gumbel(self.streams, scores.shape[-1]).to(scores.device)


def processors(decoding: CaptionDecoding, streams: Sequence[torch.Generator]) -> LogitsProcessorList:
    """Return what turns greedy search into sampling: temperature, nucleus, then noise last."""
    chain = LogitsProcessorList()
    if decoding.temperature == 0:
        return chain
    if decoding.temperature != 1:
        chain.append(TemperatureLogitsWarper(decoding.temperature))
    if decoding.top_p < 1:
        chain.append(TopPLogitsWarper(decoding.top_p))
    chain.append(GumbelNoise(streams))
    return chain
