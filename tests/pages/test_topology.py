"""The graph of a scenario says who feeds whom, who trains and who is frozen."""

from __future__ import annotations

import pytest

from benchmarks.planning.planner import make_plan
from benchmarks.reporting.pages.topology import Topology, topologies


@pytest.fixture(scope="module")
def found() -> dict[str, Topology]:
    return {t.name: t for t in topologies(make_plan("smoke"))}


def words(graph: Topology) -> set[tuple[str, bool]]:
    return {(arrow.word, arrow.trains) for arrow in graph.arrows}


def roles(graph: Topology) -> dict[str, tuple[str, bool]]:
    return {box.key: (box.about, box.frozen) for box in graph.boxes}


def test_a_captioner_alone_is_fed_real_images(found) -> None:
    graph = found["single_model_captioner"]
    assert roles(graph).keys() == {"real", "captioner", "pairs"}
    assert ("trains", True) in words(graph)
    assert "images are real" in graph.told


def test_what_is_frozen_is_drawn_as_frozen(found) -> None:
    chain = next(t for name, t in found.items() if name.startswith("frozen_loop"))
    assert roles(chain)["generator"] == ("frozen", True)
    assert roles(chain)["captioner"] == ("frozen", True)
    assert not any(arrow.trains for arrow in chain.arrows)
    assert "nothing trains" in chain.told
    relabel = found["frozen_relabel: captioner_frozen"]
    assert roles(relabel)["captioner"] == ("a frozen copy labels", False)


def test_members_of_an_ensemble_are_told_apart(found) -> None:
    frozen, live = found["diverse_ensemble: k3_frozen"], found["diverse_ensemble: k3_live"]
    assert roles(frozen)["captioner"][0] == "one trains"
    assert roles(live)["captioner"][0] == "all train"
    assert "3 members a side, of different kinds, the others stay frozen" in frozen.told


def test_a_closed_loop_feeds_its_captions_back(found) -> None:
    closed = found["joint_finetune: closed"]
    assert ("the captions are the next prompts", False) in words(closed)
    assert ("the captions are the next prompts", False) not in words(found["joint_finetune: real_prompts"])
