"""Tiny models with places for what people write: a caption of 25 words is read, learned and written whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.settings import CaptionDecoding
from lightning_modules.tiny.captioners import FAMILIES
from lightning_modules.tiny.models import TinyCaptioner

LONG = (
    "A tall man in a dark green jacket is slowly walking his two small dogs along a crowded street beside the old stone "
    "market hall."
)
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_caption_of_25_words_is_learned_whole(family: str, tmp_path: Path) -> None:
    assert len(LONG.split()) >= 24
    model = TinyCaptioner(family, positions=256)
    words = model.family.words(LONG)
    assert model.labels([LONG])[0].tolist() == [*words, model.family.end]
    rows = model.encode(IMAGES, [LONG, "a red dog"])
    assert np.isfinite(model.losses(rows)[0].detach().numpy()).all()
    decoding = CaptionDecoding(temperature=1.0, max_new_tokens=len(words) + 1)
    seeds = np.arange(2, dtype=np.uint64)
    said = model.generate(IMAGES, decoding, seeds).outputs
    model.save(tmp_path)
    again = CaptionerModule.load(tmp_path)
    assert again.max_length == 256
    assert again.generate(IMAGES, decoding, seeds).outputs == said


def test_without_them_three_families_cannot_write_it() -> None:
    short = []
    for family in FAMILIES:
        model = TinyCaptioner(family)
        room = model.family.room
        short += [family] if room is not None and room < len(model.family.words(LONG)) else []
    assert short == ["blip_2_opt", "vit_gpt2", "clip_gpt2"]
