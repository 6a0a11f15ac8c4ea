from __future__ import annotations

import re

import pytest

from benchmarks.metrics.captions import meteor
from benchmarks.metrics.java.ptb import find_java, plain
from benchmarks.speed import captions as speed
from benchmarks.speed.__main__ import TABLES


class Aligned:
    """In the place of METEOR, whose start alone takes seconds."""

    def compute_score(self, real, said):
        return 0.25, []


@pytest.mark.java
def test_the_table_compares_equal_scores(monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(find_java().parent), prepend=":")
    monkeypatch.setattr(speed, "Meteor", Aligned)
    monkeypatch.setattr(meteor, "meteor", lambda said, real: 0.25)
    assert speed.main(["--captions", "40", "--repeats", "1", "--features", "9"]) == 0
    said = capsys.readouterr().out
    assert "40 captions x 5 references" in said
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in said.splitlines() if line.startswith("|")]
    assert [row[0] for row in rows[2:]] == ["tokens", "BLEU", "CIDEr", "ROUGE", "tokens, BLEU, CIDEr, ROUGE", "METEOR"]
    parts = [float(row[1]) for row in rows[2:6]]
    assert float(rows[6][1]) == pytest.approx(sum(parts), abs=0.03)
    assert re.fullmatch(r"3: (met|missed)", rows[6][5])
    assert re.fullmatch(r"2: (met|missed)", rows[7][5])


@pytest.mark.java
def test_scores_that_differ_stop_it(monkeypatch):
    monkeypatch.setattr(speed, "Meteor", Aligned)
    monkeypatch.setattr(meteor, "meteor", lambda said, real: 0.26)
    with pytest.raises(AssertionError, match="METEOR"):
        speed.table(20, repeats=1)


def test_captions_come_from_the_seed_and_look_real():
    said = speed.captions(500, seed=1)
    assert said == speed.captions(500, seed=1) != speed.captions(500, seed=2)
    assert all(text[0].isupper() or text[0].isdigit() for text in said)
    assert 0.7 < sum(plain(text) is not None for text in said) / 500 < 0.99
    assert "captions" in TABLES
    assert all(len(texts) == speed.REFERENCES for texts in speed.references(3, seed=0))
