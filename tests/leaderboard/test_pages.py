"""Tables in hand-written pages: made from boards, the committed ones up to date, and what is wrong is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.reporting.declared import GROUPS, MAKERS, SIDES
from benchmarks.study.loading import ROOT
from leaderboard.pages import PAGES, fill, filled
from records.errors import UsageError

ROW = {
    "scenario": "alone", "variant": "x", "modality": "captioner", "metric": "captioner/word_accuracy@n=8", "mitigation": "good",
    "role": "method", "label": "", "end": 0.91234, "worsening": 0.0512, "worsening_sd": 0.011, "prevented": 0.5,
    "prevented_low": 0.25, "prevented_high": 0.75, "prevented_kind": "bounded", "rank_low": 1, "rank_high": 2,
    "p_holm": 0.00182, "network_evaluations": 34560, "real_samples": 640,
}  # fmt: skip
PAGE = "Before\n\n<!-- board it alone/x captioner -->\nold\n<!-- end -->\n\nAfter\n"


def boards(folder: Path, *rows: dict, claims: list[dict] | None = None) -> Path:
    (folder / "it.json").write_text(json.dumps({"title": "it", "rows": list(rows)}))
    (folder / "it.claims.json").write_text(json.dumps({"suite": "it", "claims": claims or []}))
    return folder


def test_a_block_is_filled_and_the_text_around_it_stays(tmp_path):
    control = {**ROW, "mitigation": "none", "role": "control", "rank_low": None, "rank_high": None, "p_holm": None}
    made = filled(PAGE, boards(tmp_path, control, ROW), Path("page.md"), MAKERS)
    assert made.startswith("Before\n\n<!-- board it alone/x captioner -->\n\n| method | word accuracy at T |")
    assert made.endswith("|\n\n<!-- end -->\n\nAfter\n")
    assert "| `good` | 0.912 | 0.051 ± 0.011 | 0.50 [0.25, 0.75] | 1-2 | 0.0018 | 34.6k | 640 |" in made
    assert "| `none` | 0.912 | 0.051 ± 0.011 |  |  |  | 34.6k | 640 |" in made
    assert "old" not in made
    assert filled(made, tmp_path, Path("page.md"), MAKERS) == made


def test_a_label_stands_where_there_is_no_ratio_and_names_stay_text(tmp_path):
    row = {**ROW, "label": "control did not collapse", "mitigation": "a|b<i>", "rank_low": None, "rank_high": None}
    made = filled(PAGE, boards(tmp_path, row), Path("page.md"), MAKERS)
    assert "| control did not collapse |" in made
    assert "`a\\|b&lt;i&gt;`" in made


@pytest.mark.parametrize(
    ("kind", "low", "high", "said"),
    [
        ("bounded", 0.4, 0.6, "0.50 [0.40, 0.60]"),
        ("exclusive", -1.0, 2.0, "0.50 [unbounded]"),
        ("all", None, None, "0.50 [unbounded]"),
    ],
)
def test_a_set_that_is_no_interval_is_printed_as_unbounded_in_every_column(kind, low, high, said, tmp_path):
    def ends(name: str) -> dict:
        return {name: 0.5, f"{name}_low": low, f"{name}_high": high, f"{name}_kind": kind}

    row = {**ROW, **ends("prevented"), "start": 0.99}
    where = {"scenario": "alone", "variant": "x"}
    told = {"name": "good", "reference": False, "captioner_learns": {**ends("share"), "of": "own pairs"}}
    idle = {"name": "never trained", "reference": True, "captioner_learns": {}}
    names = {"prevented": 0.5, "both_low": None, "both_high": None, "rank_low": None}
    document = {
        "title": "it", "rows": [row], "groups": [{**where, "modality": "captioner", **ends("untrained")}],
        "loops": [{**where, "rows": [{**idle, **names}, {**told, **names}]}],
    }  # fmt: skip
    (tmp_path / "it.json").write_text(json.dumps(document))
    made = filled(PAGE, tmp_path, Path("page.md"), MAKERS)
    assert f"| *never trained* | 0.99 | 0 | {said} |" in made
    assert f"| {said} | 1-2 |" in made
    assert f"| {said}, own pairs |" in made
    side = filled("<!-- loop it alone/x -->\n<!-- end -->", tmp_path, Path("page.md"), MAKERS)
    assert f"| *never trained* | 0.99 | {said} |" in side
    assert f"| `good` | 0.912 | {said} |" in side


def test_claims_show_verdict_effect_and_reason(tmp_path):
    part = {"label": "frechet, worsening", "effect": -1.234, "low": -2.0, "high": -0.5}
    claims = [
        {"name": "it_is", "statement": "It is so.", "verdict": "supported", "reason": "", "p_holm": 0.012, "parts": [part]},
        {"name": "or", "statement": "Or not.", "verdict": "undecided", "reason": "too few", "p_holm": 1.0, "parts": []},
        {"name": "and", "statement": "And so on.", "verdict": "undecided", "reason": "p", "p_holm": 0.2, "parts": [part]},
    ]  # fmt: skip
    made = filled("<!-- claims it -->\n<!-- end -->", boards(tmp_path, claims=claims), Path("page.md"), MAKERS)
    assert "| `it_is`: It is so. | **supported** | frechet, worsening: -1.23 [-2, -0.5] | 0.012 |" in made
    assert "| `or`: Or not. | undecided: too few |  |  |" in made
    short = filled("<!-- verdicts it it -->\n<!-- end -->", tmp_path, Path("page.md"), MAKERS)
    assert short.count("| It is so. | **supported** | `it` |\n| Or not. | not tested | `it` |\n") == 2
    assert "| And so on. | undecided | `it` |" in short


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PAGE.replace("board it", "board other"), "page.md: <!-- board other alone/x captioner -->: found no"),
        ("<!-- loop board joint -->\n<!-- end -->", "page.md: <!-- loop board joint -->: found no"),
        (PAGE.replace("alone/x", "alone/y"), "found 'alone/y captioner'; allowed: alone/x captioner"),
        (
            "<!-- metrics painter -->\n<!-- end -->",
            "page.md: <!-- metrics painter -->: metrics: found 'painter'; allowed: capt",
        ),
        ("<!-- methods merging data -->\n<!-- end -->", "found 'merging data'; allowed: controls, data, choosing"),
    ],
)
def test_a_table_that_cannot_be_made_is_one_sentence(text, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        filled(text, boards(tmp_path, ROW), Path("page.md"), MAKERS)


def test_a_loop_has_its_sides_beside_each_other_in_the_order_of_its_ranks():
    text = "<!-- loop board joint_finetune/real_prompts -->\n<!-- end -->"
    made = filled(text, ROOT / "leaderboard" / "boards", Path("page.md"), MAKERS).splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in made if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    assert table[0][1].startswith("captioner: attribute accuracy")
    assert table[0][3].startswith("generator: frechet")
    names = [line[0] for line in table[2:]]
    assert names[:3] == ["`none`", "`real`", "*never trained*"]
    document = json.loads((ROOT / "leaderboard" / "boards" / "board.json").read_text())
    by_name = {f"`{row['name']}`": row for row in document["loops"][0]["rows"]}
    shares = [by_name[line[0]]["prevented"] for line in table[5:]]
    assert shares == sorted(shares, reverse=True)
    for line in table[5:]:
        assert line[5].startswith(f"{by_name[line[0]]['prevented']:.2f} [")


def test_rows_of_a_maker_become_a_table_and_other_kinds_stay(tmp_path):
    makers = {"birds": lambda words: [("name", "law"), (f"`{words[0]}`", "a | b")]}
    text = "<!-- birds owl -->\n<!-- end -->\n<!-- fish cod -->\nold\n<!-- end -->"
    made = filled(text, tmp_path, Path("page.md"), makers)
    assert "<!-- birds owl -->\n\n| name | law |\n|---|---|\n| `owl` | a \\| b |\n\n<!-- end -->" in made
    assert "old" in made


def test_pages_ask_for_every_side_and_every_group():
    text = "".join((ROOT / name).read_text(encoding="utf-8") for name in PAGES)
    for kind, words in (("metrics", SIDES), ("methods", GROUPS)):
        assert [word for word in words if f"<!-- {kind} {word} -->" not in text] == []


@pytest.mark.parametrize("name", PAGES)
def test_committed_pages_hold_the_committed_boards(name, tmp_path):
    copy = tmp_path / "page.md"
    copy.write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    assert not fill(copy, ROOT / "leaderboard" / "boards", MAKERS), f"{name} is not up to date; run: make leaderboard"
