"""The end of a run: one screen, whatever a suite holds."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

import leaderboard.screen
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting import plan_screen
from benchmarks.reporting.boards import FILES
from benchmarks.reporting.outputs import describe
from benchmarks.study.about import about
from leaderboard import fitting
from leaderboard.board import Board, build
from leaderboard.claims import screen as claims_screen
from leaderboard.claims.family import judge_all, load_claims
from leaderboard.fitting import LINES, WIDTH, cut
from leaderboard.loops import NEVER, loops
from leaderboard.screen import screen
from leaderboard.series import Evidence
from records.results import CellError
from tests.leaderboard.conftest import BOTH
from tests.leaderboard.made_up import board_of, made_up
from tests.leaderboard.made_up import rate as pace_of

ROOT = Path(__file__).parents[2]
SUITES = sorted(path.stem for path in (ROOT / "suites").glob("*.yaml"))
METHODS = sorted(path.stem for path in (ROOT / "suites" / "mitigations").glob("*.yaml"))
WRITTEN = [(what, ", ".join(names)) for what, names in FILES]


def shown(board: Board, title: str = "some", folder: Path = Path("runs/some"), more: str = "") -> list[str]:
    """Return the lines of a screen, which fit."""
    return fits(screen(board, title, folder, WRITTEN, more))


def fits(text: str) -> list[str]:
    """Return the lines of a text that fits one screen."""
    lines = text.removesuffix("\n").split("\n")
    assert len(lines) <= LINES, text
    assert max(map(len, lines)) <= WIDTH, text
    assert "\x1b" not in text
    assert "\t" not in text
    return lines


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_that_ships_ends_on_one_screen(suite: str):
    plan = make_plan(suite)
    board = board_of(plan, made_up(plan))
    lines = shown(board, suite, Path("runs") / suite, "Claims of the suite: 3 supported, 14 undecided.")
    assert lines[0].startswith(f"{suite}: {len(plan.rows[0].seeds)} seed")
    assert any(line.startswith(("On own output", "In ")) for line in lines[2:4])
    assert f"written to runs/{suite}" in lines
    first = loops(board)[0]
    table = [line.split() for line in lines]
    for row in (row for row in first.rows if row.control and len(first.rows) > 1):
        assert any(words[:1] == [row.name] and len(words) >= 4 for words in table), (row.name, lines)
    planned(suite)
    claimed(plan, board)


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("suite", ["board", "joint_loop", "paper_full", "scenes_frozen_loop"])
def test_a_narrow_terminal_gets_narrow_lines(suite: str, columns: int, monkeypatch: pytest.MonkeyPatch):
    for module in (fitting, leaderboard.screen):
        monkeypatch.setattr(module, "columns", lambda: columns)
    plan = make_plan(suite)
    board = board_of(plan, made_up(plan))
    lines = fits(screen(board, suite, Path("runs") / suite, WRITTEN))
    assert max(map(len, lines)) <= columns
    table = [line for line in lines if line.lstrip().startswith("none ")]
    assert all(len(line.split()) >= 2 for line in table)
    facts = describe(plan, Path("/nowhere"))
    assert max(map(len, plan_screen.screen(facts, about(plan.file), "make bench").splitlines())) <= columns


def planned(suite: str) -> None:
    """The plan says in its first lines how much there is and how long it takes, and ends with what runs it."""
    plan = make_plan(suite)
    facts = describe(plan, Path("/nowhere"))
    lines = fits(plan_screen.screen(facts, about(plan.file), plan.request.command()))
    answer = " ".join(lines[:3])
    assert answer.startswith(f"{suite}: {len(plan.cells)} cell")
    assert " ".join(about(plan.file).cost.split()[:4]) in answer
    missing = [model["name"] for model in facts["estimate"]["models"] if not model["present"]]
    assert ("MISSING: " in "\n".join(lines[:5])) == bool(missing or facts["estimate"]["data"]["missing"])
    assert any(line.startswith("run it: make bench") for line in lines[-2:])


def claimed(plan: Plan, board: Board) -> None:
    """Every claim has a verdict on the screen; how many of each stands first."""
    kinds = load_claims(plan.suite.claims, plan.file)
    if not kinds:
        return
    family = judge_all(plan.suite.name, kinds, Evidence(board.rows, board.results, plan.file.parent))
    written = [("claims", "claims.md, claims.json, claims.png")]
    lines = fits(claims_screen.screen(family, "from made-up numbers", Path("runs") / plan.suite.name, written))
    assert lines[0].startswith(f"{plan.suite.name}: {len(kinds)} claim")
    counts = Counter(verdict.word for verdict in family.verdicts)
    assert all(f"{count} {word}" in " ".join(lines[:2]) for word, count in counts.items())
    table = [line.split() for line in lines]
    named = sum(any(words[:1] == [cut(claim.name, claims_screen.NAME)] for words in table) for claim, _ in kinds)
    assert named == len(kinds) or any(line.startswith("... ") and " more claim" in line for line in lines)


@pytest.mark.parametrize("alone", [False, True])
def test_many_methods_fit_and_those_left_out_are_counted(world, alone: bool):
    w = world(seeds=(0, 1, 2))
    names = [
        ("none", 1.0),
        ("real", 0.05),
        *((name, pace_of(name)) for name in METHODS if name not in ("none", "real")),
    ]
    for scenario, sides in (("joint", BOTH), ("captioner_only", BOTH[:1]), ("generator_only", BOTH[1:])):
        for name, pace in names:
            if not alone or scenario == "captioner_only":
                w.add(scenario, "default", name, pace, trains=sides)
    board = build(w.rows, w.results)
    lines, found = shown(board), loops(board)
    start = next(i for i, line in enumerate(lines) if "prevented [95 %]" in line) + 1
    end = next(i for i, line in enumerate(lines) if line.startswith("... ") and "more row" in line)
    table = [line for line in lines[start:end] if line not in {loop.name for loop in found}]
    assert int(lines[end].split()[1]) + len(table) == sum(len(loop.rows) for loop in found)
    there = [re.split(r"\s{2,}", line.strip())[0] for line in table]
    most = there if alone else there[:-6]
    assert most == [row.name for row in found[0].rows][: len(most)]
    assert there[len(most) :] == ([] if alone else ["none", "real", NEVER] * 2)


def test_whatever_is_wrong_with_rows_fits(zoo):
    lines = shown(build(zoo.rows, zoo.results))
    assert any("No number:" in line and "missing_seed (incomplete 4/5)" in line for line in lines)
    lines = shown(build(zoo.rows, {}))
    assert "No row is complete: there is nothing to say yet." in lines
    lines = shown(build([], {}))
    assert lines[0] == "some: the plan has no rows"


def test_long_names_and_paths_are_cut(world, tmp_path, monkeypatch):
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.05), ("m" * 64, 0.4), ("w" * 64, 1.6)):
        w.add("s" * 64, "v" * 64, name, rate)
    w.add("c" * 64, "d" * 64, "none", 0.3, parent=f"{'s' * 64}/{'v' * 64}")
    monkeypatch.chdir(tmp_path)
    lines = shown(build(w.rows, w.results), "t" * 64, Path("/deep") / ("x" * 90) / ("y" * 90))
    assert any(line.startswith("written to ...") and line.endswith("y" * 80) for line in lines)
    assert any(line.startswith("mmm") and "..." in line for line in lines)
    assert "written to runs/here" in shown(build(w.rows, w.results), folder=tmp_path / "runs" / "here")


def test_numbers_of_any_size_fit(world):
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.999), ("wild", -1e9), ("tame", 1e-12)):
        w.add("joint", "real_prompts", name, rate)
    shown(build(w.rows, w.results))


def test_failed_rows_are_named_with_their_reason(world):
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.05), ("good", 0.4)):
        w.add("joint", "real_prompts", name, rate)
    failed = w.add("joint", "real_prompts", "bad", 0.4)
    w.change(failed, 2, status="failed", error=CellError("fit", 3, "loss is NaN"))
    lines = shown(build(w.rows, w.results))
    assert "No number: bad (failed 1/5)." in lines
    for key in w.add("joint", "real_prompts", "later", 0.4).keys:
        del w.results[key]
    assert "Not run yet: later." in shown(build(w.rows, w.results))
    assert any(line.startswith("bad ") and "failed 1/5" in line for line in lines)


def test_only_what_is_there_is_named(world):
    w = world()
    for name, rate in (("none", 1.0), ("real", 0.05)):
        w.add("joint", "real_prompts", name, rate)
    text = screen(build(w.rows, w.results), "some", Path("runs/some"), [("board", "leaderboard.md")])
    assert text.endswith("written to runs/some\n  board      leaderboard.md\n")
