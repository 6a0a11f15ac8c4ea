"""Dataset growth, and the count that it is made of: how many items an iteration draws, known when it is planned."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.methods.hooks import Mitigation
from benchmarks.mitigations.dataset_growth import DatasetGrowth
from benchmarks.planning.plan import Plan, PlannedCell
from benchmarks.planning.planner import make_plan
from benchmarks.seeds import draw_items
from records.errors import UsageError
from tests.engine.conftest import run_in_memory
from tests.mitigations.test_loops import pools, ran
from tests.mitigations.toys import bites, same

Planner = Callable[..., Plan]
C, G, J = "single_model_captioner", "single_model_generator", "joint_finetune"
LOOPS: list[dict[str, Any]] = [{"file": C}, {"file": G}, {"file": J, "variants": ["real_prompts"]}]
COUNT = iter(range(1000))
DRAWN = [16, 34, 54]  # 16, 16 x 2^1.1, 16 x 3^1.1


def test_it_grows_faster_than_the_iterations_up_to_the_cap() -> None:
    def check(method: Mitigation) -> None:
        found = [method.draw_count(t, 512) for t in range(1, 11)]
        assert found == [512, 1097, 1714, 2353, 3007, 3675, 4096, 4096, 4096, 4096]
        assert all(a / t < b / (t + 1) for t, (a, b) in enumerate(pairwise(found[:6]), start=1))

    bites(check, DatasetGrowth(), "draw_count")


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"exponent": 0}, "exponent: found 0; allowed: a number above 0"),
        ({"cap": 0.5}, "cap: found 0.5; allowed: 1 or more"),
    ],
)
def test_knobs_are_checked(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DatasetGrowth(**knobs)


@pytest.mark.parametrize("scenario", LOOPS, ids=lambda s: s["file"])
def test_every_pair_that_is_drawn_is_trained_on_in_as_many_steps(
    scenario: dict[str, Any], planned: Planner, tmp_path: Path
) -> None:
    plan = planned("dataset_growth", scenarios=[scenario], iterations=3, shard=5, mitigations=["none", "real"])
    outcome, store, cells = ran(plan, tmp_path)
    cells = {method: cell for (method, _), cell in cells.items()}
    mine, plain = (pools(plan, store, cells[name]) for name in ("dataset_growth", "none"))
    assert [len(pool) for pool in mine] == DRAWN
    assert same(mine[0], plain[0])
    for t, (pool, before) in enumerate(zip(mine, plain, strict=True), start=1):
        assert pool.ids.tolist() == draw_items(0, t, DRAWN[t - 1], 64).tolist(), "the controls' items come first"
        assert pool.ids[:16].tolist() == before.ids.tolist()
        assert set(pool.origin.tolist()) == {t}
    cost = {name: outcome.results[cell.key].cost for name, cell in cells.items()}
    assert cost["dataset_growth"].training_steps == cost["none"].training_steps == cost["real"].training_steps
    assert cost["dataset_growth"].synthetic_samples == sum(DRAWN)
    assert cost["none"].synthetic_samples == 3 * 16
    each = 2 if scenario["file"] == J else 1
    assert cost["dataset_growth"].network_evaluations - cost["none"].network_evaluations == each * (sum(DRAWN) - 3 * 16)
    assert {outcome.results[cell.key].n for cell in cells.values()} == {16}
    assert len({row.protocol for row in plan.rows}) == 1


def test_the_first_iteration_is_the_controls_own(planned: Planner) -> None:
    """Counts enter keys as what they are, so what draws as `none` does is shared with it."""
    plan = planned("dataset_growth", scenarios=[LOOPS[1]], iterations=2)

    def keys(name: str, t: int) -> set[str]:
        row = next(row for row in plan.rows if row.mitigation == name)
        return {k for k in plan.cells[row.keys[0]].needs if plan.steps[k].iteration == t}

    assert keys("dataset_growth", 1) == keys("none", 1)
    assert not keys("dataset_growth", 2) & {k for k in keys("none", 2) if plan.steps[k].kind in ("images", "fit")}


def test_a_closed_loop_gets_no_row(planned: Planner) -> None:
    plan = planned("dataset_growth", scenarios=[{"file": J}])
    assert {r.variant for r in plan.rows if r.mitigation == "dataset_growth"} == {"real_prompts"}


def author(folder: Path, body: str, name: str = "Mine") -> str:
    file = folder / f"growth_{next(COUNT)}.py"  # a module's name is taken once a process
    lines = "\n".join("    " + line for line in body.strip().splitlines())
    file.write_text(
        "import numpy as np\n\nfrom benchmarks.methods.hooks import Mitigation\n"
        f"from datamodules.pairs import Pairs\n\n\nclass {name}(Mitigation):\n{lines}\n"
    )
    return f"{file}:{name}"


DOUBLE = "def draw_count(self, iteration, n):\n    return 2 * n"


@pytest.mark.parametrize(
    ("count", "scenario", "said"),
    [
        ("2 * n", {"file": J, "variants": ["closed"]},
         "mitigation .*Mine: draw_count: found 32 in iteration 1 of joint_finetune/closed, which asks for the 16 captions of "
         "the iteration before; allowed: 16, or an `applies` that leaves it out"),
        ("n * 2 ** iteration", LOOPS[1],
         "small.yaml: mitigation .*Mine: draw_count: found 128 in iteration 3 of single_model_generator/default, at n: 16; "
         "allowed: at most 64, the size of split 'prompts'"),
        ("n / 3", LOOPS[0], "mitigation .*Mine: draw_count: found 5.33.*; allowed: a whole number, 1 or more"),
        ("0", LOOPS[0], "mitigation .*Mine: draw_count: found 0; allowed: a whole number, 1 or more"),
    ],
)  # fmt: skip
def test_a_count_that_cannot_be_is_one_sentence_before_anything_runs(
    count: str, scenario: dict[str, Any], said: str, planned: Planner, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        planned(
            author(tmp_path, f"def draw_count(self, iteration, n):\n    return {count}"), scenarios=[scenario],
            iterations=3,
        )  # fmt: skip


def test_the_shipped_method_asks_for_no_more_prompts_than_there_are() -> None:
    """Five iterations of the boards and ten of 512 fit into the scenes' 6,000; at N = 2,000 a sentence says no."""
    for suite, iterations in (("board", "5"), ("board", "10")):
        assert make_plan(suite, ("--seeds", "[0]", "--iterations", iterations), ("dataset_growth",)).rows
    with pytest.raises(UsageError, match=r"found 6697 in iteration 3 of .*at most 6000, the size of split 'prompts'"):
        make_plan("board", ("--seeds", "[0]", "--n", "2000"), ("dataset_growth",))


def test_history_holds_what_each_iteration_drew_in_its_own_order(planned: Planner, tmp_path: Path) -> None:
    """For numbers that fall as well as for numbers that rise, whatever the shards."""
    body = """
reads = {"curate": ("new", "history", "scorers")}

def draw_count(self, iteration, n):
    return [n, 3 * n, n // 2][iteration - 1]

def pool_size(self, iteration, n):
    return sum(self.draw_count(t, n) for t in range(1, iteration + 1))

def curate(self, ctx):
    assert ctx.n == 16
    assert np.array_equal(ctx.scorers["toy"]["ids"], ctx.new.ids)
    return Pairs.concat([*ctx.history, ctx.new])
"""
    plan = planned(author(tmp_path, body), scenarios=[LOOPS[2]], iterations=3, shard=5)
    outcome, store = run_in_memory(plan, tmp_path)
    cell: PlannedCell = plan.cells[next(row.keys[0] for row in plan.rows if row.mitigation == "Mine")]
    assert outcome.results[cell.key].status == "complete", outcome.results[cell.key].error
    drawn = [draw_items(0, t, n, 64).tolist() for t, n in ((1, 16), (2, 48), (3, 8))]
    assert [pool.ids.tolist() for pool in pools(plan, store, cell)] == [
        [i for s in drawn[:t] for i in s] for t in (1, 2, 3)
    ]


def test_candidates_are_drawn_of_every_item(planned: Planner, tmp_path: Path) -> None:
    body = f"""
oversample = 3
reads = {{"curate": ("new",)}}

{DOUBLE}

def curate(self, ctx):
    assert len(ctx.new) == 6 * ctx.n
    return ctx.new.take(ctx.new.draw == 2)
"""
    plan = planned(author(tmp_path, body), scenarios=[LOOPS[1]], iterations=1)
    _, store, cells = ran(plan, tmp_path)
    pool = pools(plan, store, cells["Mine", G])[0]
    assert len(pool) == 32
    assert len(np.unique(pool.ids)) == 32


def composed(folder: Path, *parts: str) -> str:
    (folder / "both.yaml").write_text(
        yaml.safe_dump(
            {"schema": 1, "name": "both", "compose": list(parts), "source": "x", "applies_to": ["generator"]}
        )
    )
    return str(folder / "both.yaml")


def test_it_goes_with_methods_that_choose_nothing(planned: Planner, tmp_path: Path) -> None:
    plan = planned(composed(tmp_path, "dataset_growth", "lower_guidance"), scenarios=[LOOPS[1]], iterations=3)
    _, store, cells = ran(plan, tmp_path)
    assert [len(pool) for pool in pools(plan, store, cells["both", G])] == DRAWN


@pytest.mark.parametrize("other", ["accumulate", "best_of_n", "latent_filter", "real"])
def test_it_is_refused_beside_one_that_counts_on_n_items(other: str, planned: Planner, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=f"'dataset_growth' has draw_count, and '{other}' the hook curate, which counts"
    ):
        planned(composed(tmp_path, "dataset_growth", other), scenarios=[LOOPS[1]])


def test_a_trigger_refuses_it(planned: Planner, tmp_path: Path) -> None:
    (tmp_path / "late.yaml").write_text(
        "{schema: 1, name: late, class_path: benchmarks.mitigations.triggered.Triggered, source: x,"
        " init_args: {inner: dataset_growth}}\n"
    )
    with pytest.raises(UsageError, match="makes pools of another size than N"):
        planned(str(tmp_path / "late.yaml"))


def test_a_count_is_hook_enough_and_an_edited_one_makes_another_cell(planned: Planner, tmp_path: Path) -> None:
    """Two methods that draw alike share all steps and are still two methods."""
    names = [
        author(tmp_path, DOUBLE, "First"),
        author(tmp_path, "def draw_count(self, iteration, n):\n    return n + n", "Second"),
    ]
    plan = planned(*names, scenarios=[LOOPS[1]])
    first, second = (plan.cells[row.keys[0]] for row in plan.rows if row.mitigation != "none")
    assert first.key != second.key
    assert first.needs == second.needs
