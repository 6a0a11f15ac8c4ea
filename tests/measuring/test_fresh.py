"""Real pairs beside other real pairs: all lines of a set together call at most one sample of twenty worse."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from benchmarks.measuring.embeddings import Embeddings
from benchmarks.measuring.judges import EMBEDDED, find_judge
from benchmarks.measuring.lines import LEVEL, judged
from benchmarks.measuring.looking import Looked, load_judges
from benchmarks.measuring.measure import all_lines
from benchmarks.measuring.pictures import Looks
from datamodules.scenes.dataset import Scenes

POOL, N, DRAWS = 6000, 200, 200


@pytest.mark.slow
def test_a_fresh_real_sample_is_called_worse_in_at_most_one_of_twenty() -> None:
    data, items = Scenes(domain="shapes", seed=0), np.arange(POOL)
    pictures, captions = data.images("train", items), [texts[0] for texts in data.captions("train", items)]
    (judge,) = load_judges([find_judge(EMBEDDED)])
    shown = judge.model.embed_images(pictures).astype(float)
    said = judge.model.embed_texts(captions).astype(float)
    looks = Looks(enumerate(pictures))

    def part(rows: np.ndarray) -> Looked:
        own = np.arange(len(rows))
        seen = {EMBEDDED: Embeddings(shown[rows], own, said[rows], own)}
        return Looked(len(rows), {i: captions[row] for i, row in enumerate(rows)}, looks.of(rows), seen)

    red: Counter[str] = Counter()
    samples = 0
    for seed in range(DRAWS):
        drawn = np.random.default_rng(seed).permutation(POOL)[: 4 * N]
        lines, _ = all_lines(part(drawn[:N]), part(drawn[N : 2 * N]), part(drawn[2 * N :]), seed)
        worse = [line.name for line in judged(lines) if line.word == "worse"]
        red.update(worse)
        samples += bool(worse)
    print(f"{samples} of {DRAWS} samples: {dict(red)}")
    assert samples <= LEVEL * DRAWS
