"""What people are shown of a run."""

from __future__ import annotations

import numpy as np

from benchmarks.reporting.cell_pictures import shown_items
from datamodules.scenes.dataset import Scenes


def test_people_are_shown_the_first_items_and_rare_ones() -> None:
    data = Scenes(domain="shapes", seed=0)
    items, rare = shown_items(data, np.arange(200), count=10)
    assert rare == {5, 6, 7, 8, 9}
    assert items[:5].tolist() == [0, 1, 2, 3, 4]
    assert len(set(items.tolist())) == 10
    truth = data.attributes("evaluation", items[5:])
    frequencies = data.oracle.frequencies()
    rarest = min((share, name, value) for name in frequencies for value, share in frequencies[name].items())
    assert rarest[2] in truth[0][rarest[1]]
    for item in truth:
        assert any(set(item[name]) & set(data.oracle.tail(name)) for name in frequencies)


def test_data_without_an_oracle_and_small_sets_show_what_there_is() -> None:
    data = Scenes(domain="shapes", seed=0)
    assert shown_items(data, np.arange(3), count=10)[0].tolist() == [0, 1, 2]
    data.oracle = None
    items, rare = shown_items(data, np.arange(50), count=4)
    assert items.tolist() == [0, 1, 2, 3]
    assert rare == frozenset()
