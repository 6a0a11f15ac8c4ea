"""The noise that captions are sampled with: the same numbers however they are drawn, and none for what has ended."""

import numpy as np
import pytest
import torch
from transformers import LogitsProcessor, LogitsProcessorList

from lightning_modules.captioning import captioner as captioning
from lightning_modules.captioning import decoding
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.captioning.decoding import GumbelNoise
from lightning_modules.seeds import gumbel, streams_of
from lightning_modules.settings import CaptionDecoding
from lightning_modules.tiny import captioners
from tests.lightning_modules.tiny_captioners import CAPTIONS, images

SEEDS = np.arange(len(CAPTIONS), dtype=np.uint64)


@pytest.mark.parametrize("size", [1, 7, 16, 61, 997, 50272])
def test_noise_is_bit_for_bit_that_of_single_draws(size):
    """The definition: -log of an exponential variable, drawn by itself from the row's own stream."""
    ours, theirs = streams_of(range(5)), streams_of(range(5))
    for rows in (None, [0, 3], None):
        found = gumbel(ours, size, rows)
        for row in range(5) if rows is None else rows:
            assert torch.equal(found[row], -torch.empty(size).exponential_(generator=theirs[row]).log())
        assert rows is None or not found[[1, 2, 4]].any()


class EveryRow(LogitsProcessor):
    """As plainly as can be: new noise for all rows at every token."""

    def __init__(self, streams, *_):
        self.streams = streams

    def __call__(self, input_ids, scores):
        noise = [-torch.empty(scores.shape[-1]).exponential_(generator=stream).log() for stream in self.streams]
        return scores.float() + torch.stack(noise)


@pytest.mark.parametrize("family", ["blip_2_opt", "blip_2_t5", "git", "llava", "vit_gpt2"])
@pytest.mark.parametrize("best_of", [1, 2])
def test_captions_are_those_of_noise_for_all_rows_at_once(family, best_of, tmp_path, monkeypatch):
    """Rows that have ended draw none, and noise may be drawn ahead; no caption knows."""
    captioners.write(family, tmp_path)
    module = CaptionerModule.load(tmp_path)
    wanted = CaptionDecoding(temperature=1.3, top_p=0.9, best_of=best_of, max_new_tokens=12)
    found = module.generate(images(), wanted, SEEDS).outputs
    assert len(set(found)) > 2
    usual = decoding.processors
    monkeypatch.setattr(captioning, "processors", lambda *args: usual(*args[:3], True))
    assert module.generate(images(), wanted, SEEDS).outputs == found
    monkeypatch.setattr(
        captioning, "processors", lambda *args: LogitsProcessorList([*usual(*args)[:-1], EveryRow(args[1])])
    )
    assert module.generate(images(), wanted, SEEDS).outputs == found


@pytest.mark.parametrize("ahead", [False, True])
def test_what_has_ended_draws_no_more(ahead):
    """Rows end at their own token; one that a prompt holds already ends nothing."""
    noise, end = GumbelNoise(streams_of([1, 2]), [9], ahead), 9
    alone = streams_of([1, 2])
    ids, scores = torch.tensor([[9, 4], [9, 9]]), torch.zeros(2, 5)
    expected = gumbel(alone, 5)
    assert torch.equal(noise(ids, scores), expected)
    ids = torch.cat([ids, torch.tensor([[3], [end]])], 1)
    second = noise(ids, scores)
    assert torch.equal(second[0], gumbel(alone, 5, [0])[0])
    ids = torch.cat([ids, torch.tensor([[3], [0]])], 1)
    third = noise(ids, scores)
    assert torch.equal(third[0], gumbel(alone, 5, [0])[0])
    assert not third[1].any()
