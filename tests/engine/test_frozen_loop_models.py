"""A chain of real classes of models, through the store and out to board, pictures and entry; killed, it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml

from benchmarks.commands import main as cli
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.boards import end_screen, make_board
from benchmarks.running.study import run_study
from benchmarks.storage.store import LocalStore
from datamodules.scenes.dataset import Scenes
from leaderboard import frozen
from leaderboard.board import Board
from leaderboard.committed import entry_board
from leaderboard.entries import EntryError, read_entry
from leaderboard.fitting import LINES, WIDTH
from lightning_modules.architectures import clip
from lightning_modules.architectures.parts import Given
from lightning_modules.fitting.contracts import Generated
from lightning_modules.tiny import captioners, generators
from records.names import MetricName
from records.results import read_results
from tests.lightning_modules.test_judges import bert as bert  # folders with tiny random models
from tests.lightning_modules.test_judges import dino as dino

JUDGES = {
    "clip": "lightning_modules.judges.clip.ClipJudge",
    "dino": "lightning_modules.judges.dinov2.DinoJudge",
    "sentences": "lightning_modules.judges.sentences.SentenceJudge",
}
SUITE: dict[str, Any] = {
    "schema": 1, "name": "telephone", "testbed": "bed.yaml", "iterations": 2, "n": 6, "seeds": [0],
    "mitigations": ["none"], "evaluate": {"n": 6, "draw_inputs": 0}, "shard": 4,
    "generate": {"captioner": {"temperature": 1.0, "max_new_tokens": 8}, "generator": {"steps": 2, "guidance": 3.0}},
    "metrics": ["frozen_loop", "benchmarks.metrics.sets.synthetic_set.SyntheticSet"],
    "primary": {"set": "attributes_left"},
    "scenarios": [{"file": "frozen_loop"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes()


class Remote:
    """A model behind an API: it cannot be trained, and its folder holds no weights."""

    version: ClassVar[int] = 1

    def save(self, folder: Path) -> None:
        (folder / "endpoint.json").write_text("{}")

    @classmethod
    def load(cls, folder: Path) -> Remote:
        assert (folder / "endpoint.json").is_file()
        return cls()


class RemoteCaptioner(Remote):
    modality: ClassVar[str] = "captioner"

    def generate(self, inputs: Any, decoding: Any, seeds: np.ndarray, progress: Any = None) -> Generated:
        return Generated(["a large red circle on a white background"] * len(seeds), len(seeds))


class RemoteGenerator(Remote):
    modality: ClassVar[str] = "generator"

    def generate(self, inputs: Any, decoding: Any, seeds: np.ndarray, progress: Any = None) -> Generated:
        return Generated(np.full((len(seeds), 16, 16, 3), 240, np.uint8), len(seeds))


def test_models_that_cannot_be_trained_run_a_chain(tmp_path: Path) -> None:
    here = "tests.engine.test_frozen_loop_models"
    bed = {
        "schema": 1, "name": "bed",
        "data": {"class_path": "datamodules.scenes.dataset.Scenes", "init_args": {"image_size": 16}},
        "captioners": [{"name": "c", "class_path": f"{here}.RemoteCaptioner"}],
        "generators": [{"name": "g", "class_path": f"{here}.RemoteGenerator"}],
    }  # fmt: skip
    left = "benchmarks.metrics.sets.attributes_left.AttributesLeft"
    (tmp_path / "bed.yaml").write_text(yaml.safe_dump(bed))
    (tmp_path / "telephone.yaml").write_text(yaml.safe_dump({**SUITE, "metrics": [left]}))
    plan = make_plan(str(tmp_path / "telephone.yaml"))
    outcome = run_study(plan, tmp_path / "runs", workers=0, mirror=False)
    assert {result.status for result in outcome.results.values()} == {"complete"}
    board = make_board(plan, tmp_path / "runs" / "telephone" / "results")
    assert "half of the loss falls in the first" in end_screen(plan, board, tmp_path / "runs" / "telephone")


def model(name: str, class_path: str, folder: Path, **init_args: Any) -> dict[str, Any]:
    return {"name": name, "class_path": class_path, "folder": str(folder), "init_args": init_args}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, dino: Path, bert: Path) -> tuple[Path, Plan]:
    """A chain of a tiny BLIP-2 and a tiny SDXL, read from folders and run to the end; its folder and plan."""
    home = tmp_path_factory.mktemp("telephone")
    captioners.write("blip_2_opt", home / "blip2", 0)
    generators.make("sdxl", 0).save_pretrained(home / "sdxl")
    torch.manual_seed(0)
    clip.build(Given(Scenes().vocabulary(), 32, Path()), width=16, layers=1, patch=8).save(home / "clip")
    judged = {"clip": home / "clip", "dino": dino, "sentences": bert}
    bed = {
        "schema": 1, "name": "bed",
        "data": {"class_path": "datamodules.scenes.dataset.Scenes", "init_args": {"image_size": generators.SIZE}},
        "captioners": [model("blip2", "lightning_modules.captioning.captioner.CaptionerModule", home / "blip2")],
        "generators": [
            model("sdxl", "lightning_modules.diffusion.generator.GeneratorModule", home / "sdxl", size=generators.SIZE)
        ],
        "judges": [model(name, path, judged[name]) for name, path in JUDGES.items()],
    }  # fmt: skip
    (home / "bed.yaml").write_text(yaml.safe_dump(bed))
    (home / "telephone.yaml").write_text(yaml.safe_dump(SUITE))
    plan = make_plan(str(home / "telephone.yaml"))
    outcome = run_study(plan, home / "runs", workers=0, mirror=False)
    assert not outcome.failed, outcome.failed[0].error
    return home, plan


def board(study: tuple[Path, Plan]) -> Board:
    home, plan = study
    return make_board(plan, home / "runs" / "telephone" / "results")


def values(point: Any, judge: str | None = "clip") -> dict[str, float]:
    names = {MetricName.parse(name): value for name, value in point.values.items()}
    return {name.metric: value for name, value in names.items() if name.judge in (None, judge)}


def test_every_number_is_there_in_every_generation(study: tuple[Path, Plan]) -> None:
    home, plan = study
    results = read_results(home / "runs" / "telephone" / "results")
    assert len(results) == len(plan.cells) == 2
    for cell in results.values():
        assert cell.trains == ()
        assert cell.metrics == ()
        assert [point.iteration for point in cell.sets] == [1, 2]
        first, second = map(values, cell.sets)
        for found in (first, second):
            assert {"similarity_same", "attributes_left", "attributes_left_cross", "unique_share"} <= found.keys()
            assert found["mcd"] == pytest.approx((found["mcd_same"] + found["mcd_cross"]) / 2)
            assert 0 <= found["attributes_left"] <= 1
        assert first["mcd_same"] == first["similarity_same"]
        assert second["mcd_same"] == pytest.approx((first["similarity_same"] + second["similarity_same"]) / 2)
        assert first["real_cross"] == second["real_cross"]


def test_a_judge_of_one_side_measures_like_with_like(study: tuple[Path, Plan]) -> None:
    """As in arXiv 2509.04438: images by DINO, captions by a model of sentences, both together by CLIP."""
    home, _ = study
    for cell in read_results(home / "runs" / "telephone" / "results").values():
        there, not_there = ("dino", "sentences") if cell.rows[0].variant == "from_image" else ("sentences", "dino")
        assert f"set/similarity_same@{there},n=6" in cell.sets[1].values
        assert f"set/mcd_same@{there},n=6" in cell.sets[1].values
        assert cell.absent[f"set/similarity_cross@{there},n=6"].startswith("the judge does not embed")
        assert cell.absent[f"set/similarity_same@{not_there},n=6"].startswith("the judge does not embed")


def test_the_judge_agrees_with_a_direct_look(study: tuple[Path, Plan]) -> None:
    """Similarity to generation 0, computed from the stored pairs and the judge alone."""
    from benchmarks.metrics.alignment import alignment
    from benchmarks.steps import Base
    from benchmarks.steps.context import RunContext

    home, plan = study
    store = LocalStore(home / "runs" / "store")
    judge = next(
        RunContext(store).model(k) for k, s in plan.steps.items() if isinstance(s, Base) and s.spec.name == "clip"
    )
    results = read_results(home / "runs" / "telephone" / "results")
    for key, planned in plan.cells.items():
        samples = planned.trace.samples
        origin, last = store.get(samples["captioner", 0]), store.get(samples["captioner", 2])
        if planned.cell.scenario.variant == "from_image":
            expected = alignment(judge.embed_images(last.images), judge.embed_images(origin.images))
        else:
            expected = alignment(judge.embed_texts(list(last.captions)), judge.embed_texts(list(origin.captions)))
        assert results[key].value("set/similarity_same@clip,n=6", 2) == pytest.approx(expected, abs=1e-6)


def test_the_board_says_in_words_what_is_left(study: tuple[Path, Plan]) -> None:
    home, _ = study
    page = (home / "runs" / "telephone" / "leaderboard.md").read_text()
    assert "nothing trains: compare with generation 0" in page
    assert "| at 1 |" in " ".join(page.split())
    for row, side, first in (("from_caption", "captions", "caption"), ("from_image", "images", "image")):
        part = page.split(f"### frozen_loop/{row}/none")[1].split("###")[0]
        assert "After 2 alternations" in part
        assert f"of the attributes are left in {side}" in part
        assert f"Similarity of {side} to the {first} that it began with" in part
        assert "mean cumulative drift" in part
        assert f"- In frozen_loop/{row}: after 2 alternations " in page
    assert frozen.terminal(board(study)) in (home / "runs" / "telephone" / "tables.txt").read_text()


def test_the_screen_answers_in_words(study: tuple[Path, Plan]) -> None:
    home, plan = study
    lines = end_screen(plan, board(study), home / "runs" / "telephone").splitlines()
    assert len(lines) <= LINES
    assert max(map(len, lines)) <= WIDTH
    assert lines[0] == "telephone: 1 seed, 2 iterations, 6 pairs an iteration"
    said = " ".join(lines)
    assert "In frozen_loop/from_caption: after 2 alternations " in said
    assert "are left in captions (of an unrelated scene: " in said
    assert "nothing is scored" not in said
    assert "at 1" in said
    assert "chains.png" in said


def test_generations_are_shown_as_pictures_and_captions(study: tuple[Path, Plan]) -> None:
    home, plan = study
    folder = home / "runs" / "telephone"
    assert (folder / "chains.png").stat().st_size > 10_000
    assert not (folder / "trajectories.png").exists()
    for key, planned in plan.cells.items():
        pictures = (
            folder / "pictures" / "frozen_loop" / planned.rows[0]["variant"] / "none" / f"seed={planned.cell.seed}"
        )
        lines = (pictures / "captions.md").read_text().splitlines()
        assert lines[-1] == f"<!-- cell {key} -->"
        assert lines[2] == "| # | reference | iteration 0 | iteration 1 | iteration 2 |"
        origin = LocalStore(home / "runs" / "store").get(planned.trace.samples["captioner", 0])
        assert any(origin.captions[0] in line for line in lines)
        assert (pictures / "grid.png").is_file()


def test_the_same_command_computes_nothing_and_a_lost_generation_is_made_again(study: tuple[Path, Plan]) -> None:
    home, plan = study
    store, results = LocalStore(home / "runs" / "store"), home / "runs" / "telephone" / "results"
    before = {k: r.stable_json() for k, r in read_results(results).items()}
    assert run_study(plan, home / "runs", workers=0, mirror=False).computed == 0
    lost = [k for k, s in plan.steps.items() if s.kind == "generation_metrics" or (s.kind == "images" and s.t == 2)]
    for key in lost:
        store.drop(key)
    for file in results.iterdir():
        file.unlink()
    again = run_study(plan, home / "runs", workers=0, mirror=False)
    assert again.computed >= sum(plan.steps[k].kind == "generation_metrics" for k in lost)
    assert {k: r.stable_json() for k, r in again.results.items()} == before


def test_an_entry_of_a_chain_is_written_read_and_shown(study: tuple[Path, Plan]) -> None:
    home, _ = study
    where = ["--runs", str(home / "runs"), "--entries", str(home / "entries")]
    assert cli.main(["submit", str(home / "telephone.yaml"), "--method", "none", *where]) == 0
    path = home / "entries" / "telephone" / "none.json"
    entry = read_entry(path)
    for row in entry.rows:
        assert row.trains == ()
        (headline,) = row.primary
        assert MetricName.parse(headline).metric == "attributes_left"
        assert len(row.cells[0].curves[headline]) == 2
    assert cli.main(["verify", str(path), "--suite", str(home / "telephone.yaml")]) == 0
    shown, local = frozen.chains(entry_board([entry])), frozen.chains(board(study))
    assert [c.sides for c in shown] == [c.sides for c in local]
    assert [frozen.words(c) for c in shown] == [frozen.words(c) for c in local]
    document = json.loads(path.read_text())
    document["rows"][0]["cells"][0]["curves"][headline].append(1.0)
    path.write_text(json.dumps(document))
    with pytest.raises(EntryError, match="has 3 values, expected 2"):
        read_entry(path)
