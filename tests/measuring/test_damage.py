"""What a set does to a model that learns from it: on the shipped bases, and on a world of two numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.commands.main import main
from benchmarks.measuring.damage import Damage, predictors
from benchmarks.measuring.example import grey, put
from benchmarks.measuring.given import GivenSet
from datamodules.pairs import Pairs


class Context:
    """What `curate` is given: real pairs of 12 items at 16 x 16."""

    def __init__(self, seed: int) -> None:
        ids = np.random.default_rng(seed).permutation(1000)[:12]
        self.real = [Pairs(ids, np.zeros((12, 16, 16, 3), np.uint8), ("",) * 12, ("",) * 12, np.zeros(12, np.int16))]


def test_a_set_is_drawn_anew_for_every_seed_and_broken_pictures_are_passed_over(tmp_path: Path) -> None:
    home = put(tmp_path / "set", np.arange(20))
    (home / "00003.png").write_bytes(b"no picture")
    method = GivenSet(str(home), 20, "digest")
    first, again, other = (method.curate(Context(seed)) for seed in (0, 0, 1))
    assert first.captions == again.captions != other.captions
    assert first.images.shape == (12, 16, 16, 3)
    assert set(first.origin.tolist()) == {1}
    assert len(set(first.ids.tolist())) == 12
    for i in range(4, 13):
        (home / f"{i:05d}.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="found 10 pictures that can be read; allowed: 12 or more"):
        method.curate(Context(0))


def of(worse: float, p: float, half: float = 0.1, seeds: int = 3) -> Damage:
    ends = worse - half, worse + half
    return Damage("captioner", "captioner/cider@n=9", 0.9, 0.8, 0.8 - worse, worse, *ends, p, 0.01, seeds)


def test_words_of_damage() -> None:
    assert of(0.2, 0.01).word == "worse"
    assert of(-0.2, 0.01).word == "better"
    assert of(0.005, 0.001, 0.004).word == of(0.0, 1.0, 0.01).word == "as real"
    assert of(0.2, 0.2, 0.3).word == of(0.005, 0.01, 0.1).word == "not told"
    assert of(0.2, 0.2, 0.3).sentence == (
        "A captioner that learns from it is not told from one that learns from as many real pairs "
        "(captioner/cider@n=9 0.6 for 0.8, 0.9 before; worse by -0.1 to 0.5)."
    )
    alone = of(0.2, 1.0, math.inf, seeds=1)
    assert alone.word == "not told"
    assert alone.sentence.endswith("(captioner/cider@n=9 0.6 for 0.8, 0.9 before; one seed tells nothing).")
    assert of(0.2, 0.01).sentence == (
        "A captioner that learns from it ends worse than one that learns from as many real pairs "
        "(captioner/cider@n=9 0.6 for 0.8, 0.9 before)."
    )


def test_what_predicts_damage_is_what_the_study_found() -> None:
    said = dict(predictors())
    (frechet,) = [effect for statement, effect in said.items() if statement.startswith("The farther a set of images")]
    assert frechet.startswith("rank correlation of set/frechet and generator/frechet@clip,n=256: 0.855")


def test_too_few_pairs_are_refused_before_anything_is_fitted(tmp_path: Path, capsys: Any) -> None:
    home = put(tmp_path / "set", np.arange(60))
    words = ["measure", str(home), "--judge", "none", "--damage", "--runs", str(tmp_path / "runs")]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert "--damage: found 60 pairs; allowed: 64 or more, a batch of damage" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_grey_pictures_damage_a_generator_and_real_ones_do_not(tmp_path: Path, capsys: Any) -> None:
    order = np.random.default_rng(0).permutation(20_000)
    real = put(tmp_path / "real", order[:400])
    study = tmp_path / "study.yaml"
    study.write_text(
        "extends: damage\nname: study\nseeds: [0, 1]\nfit: {captioner: {steps: 15}, generator: {steps: 15}}\nevaluate: {n: 128}\n"
    )
    found = {}
    for name, ids, change in (("fresh", order[400:700], {}), ("grey", order[700:1000], {"picture": grey})):
        home = put(tmp_path / name, ids, **change)
        words = ["measure", home, "--against", real, "--judge", "none", "--damage", study, "--workers", "0"]
        paths = ["--runs", tmp_path / "runs", "--out", tmp_path / f"{name}.out"]
        assert main([*map(str, [*words, *paths])]) == 0
        found[name] = {
            one["side"]: one for one in json.loads((tmp_path / f"{name}.out" / "measure.json").read_text())["damage"]
        }
        page = (tmp_path / f"{name}.out" / "measure.md").read_text()
        assert "## What it does to a model" in page
        assert "rank correlation of set/frechet" in page
    assert found["grey"].keys() == {"captioner", "generator"}
    assert found["grey"]["generator"]["worse"] > 10 * abs(found["fresh"]["generator"]["worse"])
    assert found["grey"]["generator"]["value"] > 5 * found["grey"]["generator"]["real"]
    assert found["grey"]["generator"]["seeds"] == 2
    assert "A generator that learns from it ends" in capsys.readouterr().out


def test_what_a_check_has_left_out_is_no_reason_to_refuse_a_set(tmp_path: Path) -> None:
    """`measure` counts it among the pairs; a fit passes over what is broken."""
    home = put(tmp_path / "set", np.arange(20))
    (home / "00003.png").write_bytes(b"no picture")
    (home / "excluded.jsonl").write_text('{"id": "00003.png", "reason": "broken_image"}\n')
    assert len(GivenSet(str(home), 20, "digest").curate(Context(0))) == 12
