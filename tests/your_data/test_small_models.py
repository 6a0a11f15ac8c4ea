"""Small models trained on any testbed's own pictures: recipes, their words, the command, what is refused and told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.commands.main import main
from benchmarks.planning.needs import present, unmet_needs
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.study.opening import recipe_on
from benchmarks.study.testbed import ClassSpec, ModelSpec
from datamodules.imagefolder import ImageFolder
from lightning_modules.bases import small
from lightning_modules.bases.recipes import SCENES, Recipe
from lightning_modules.bases.small import RECIPES, SMALL
from lightning_modules.bases.train import train_base
from lightning_modules.inputs.tokens import END, START, learn_pieces, piece_tokenizer
from lightning_modules.settings import FitSettings
from records.errors import UsageError
from records.place import ROOT
from tests.inputs.refused import refused
from tests.memory_store import MemoryStore
from tests.your_data.photographs import write_photographs

SIZES = {"train": 8, "prompts": 8, "judge": 8, "scorer": 8, "evaluation": 4, "floor": 4}
DATA = "datamodules.imagefolder.ImageFolder"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty photographs with a line a caption."""
    root = tmp_path_factory.mktemp("data") / "photos"
    said = write_photographs(root, 40)
    rows = [json.dumps({"file_name": name, "text": text}) for name, texts in said.items() for text in texts]
    (root / "metadata.jsonl").write_text("\n".join(rows) + "\n")
    return root


def write_study(folder: Path, root: Path, sizes: dict[str, int] = SIZES, **bed: Any) -> Path:
    """Write a testbed of one's own and a quick suite on it; return the suite's file."""
    data = {"init_args": {"root": str(root), "sizes": sizes, **bed.pop("init_args", {})}}
    (folder / "bed.yaml").write_text(
        yaml.safe_dump({"extends": "testbeds/imagefolder", "name": "bed", "data": data, **bed})
    )
    suite = {
        "extends": "own_data", "name": "quick", "testbed": "bed.yaml", "iterations": 1, "n": 4, "seeds": [0],
        "fit": {m: {"steps": 1, "batch_size": 4} for m in ("captioner", "generator")},
        "evaluate": {"n": 4, "floor_draws": 2, "decoding": {"generator": {"steps": 1}}},
        "generate": {"generator": {"steps": 1}}, "mitigations": ["none", "real"],
    }  # fmt: skip
    (folder / "quick.yaml").write_text(yaml.safe_dump(suite))
    return folder / "quick.yaml"


def brief(recipe: Recipe) -> Recipe:
    return replace(recipe, fit={**recipe.fit, "steps": 1, "batch_size": 4, "warmup": 0})


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes of one step."""
    for name in SMALL:
        monkeypatch.setitem(small.RECIPES, name, brief(SMALL[name]))


# -- recipes -------------------------------------------------------------------------------------------------------


def test_small_recipes_are_plain_values() -> None:
    for name, recipe in SMALL.items():
        assert name == recipe.name
        assert set(recipe.needs) <= set(SMALL)
        FitSettings(**recipe.fit)
        assert json.loads(json.dumps(recipe.options)) == recipe.options
    assert not set(SMALL) & set(SCENES)
    assert list(RECIPES) == [*SCENES, *SMALL]


def test_a_recipe_on_its_own_data_stays_what_it_is() -> None:
    blip = SCENES["blip2"]
    init_args = dict(blip.data["init_args"])
    assert blip.on(blip.data["class_path"], init_args).digest == blip.digest
    assert blip.on(blip.data["class_path"], {"domain": "textures"}).data["init_args"]["seed"] == 0


def test_where_the_data_lie_is_no_part_of_a_recipe(photos: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "elsewhere")
    digests = []
    for root, sizes in ((photos, SIZES), (tmp_path / "elsewhere", SIZES), (photos, {**SIZES, "train": 7})):
        init_args = {"root": str(root), "sizes": sizes, "resolution": 32}
        made = ImageFolder(**init_args)  # type: ignore[arg-type]
        digests.append(SMALL["small_judge"].on(DATA, init_args, made.identity).digest)
    assert digests[0] == digests[1] != digests[2]


SLOW = [name for name in RECIPES if name not in (*SMALL, "llava", "vae", "decoder")]


@pytest.mark.parametrize(
    "name", ["small_captioner", "small_judge", "llava", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_any_recipe_trains_on_photographs(name: str, photos: Path, tmp_path: Path) -> None:
    init_args = {"root": str(photos), "sizes": SIZES, "resolution": 32}
    for one in (*(n for need in RECIPES[name].needs for n in (*RECIPES[need].needs, need)), name):
        if not (tmp_path / one).is_dir():
            recipe = brief(RECIPES[one].on(DATA, init_args))
            card = train_base(recipe, tmp_path / one)
            assert card["recipe_digest"] == recipe.digest
            assert np.isfinite(card["loss"])


# -- words ---------------------------------------------------------------------------------------------------------


def test_pieces_read_and_say_any_text() -> None:
    texts = ["A man riding a wave.", "a man on a wave", "two men, riding"] * 2
    pieces, merges = learn_pieces(texts, 300)
    assert learn_pieces(texts, 300) == (pieces, merges)
    tokenizer = piece_tokenizer(pieces, merges, 77, ["<image>"] if "<image>" in pieces else [])
    for text in ("a man riding a wave.", "ein bär", "雪の中の犬", "👍🏽 ok"):
        ids = tokenizer(text)["input_ids"]
        assert (ids[0], ids[-1]) == (START, END)
        assert tokenizer.decode(ids, skip_special_tokens=True).strip() == text
    assert tokenizer("A MAN")["input_ids"] == tokenizer("a man")["input_ids"]
    assert len(tokenizer("a man riding a wave.")["input_ids"]) < len("a man riding a wave.") / 2
    short = piece_tokenizer(pieces, merges, 5)("a man riding a wave with two men", truncation=True)["input_ids"]
    assert len(short) == 5
    assert short[-1] == END


# -- in a testbed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "more", "said"),
    [
        ({**SIZES, "judge": 0}, {},
         "sizes: found no items of 'judge', which recipe 'small_judge' of 'small_judge' trains on; allowed: `judge: 1`"),
        (SIZES, {"init_args": {"resolution": 36}},
         "resolution: found 36, and 'small_captioner' is made by recipe 'small_captioner'; allowed: a multiple of 8"),
        ({**SIZES, "train": 30}, {}, "sizes: found 62 for train, prompts, judge, scorer, evaluation, floor; allowed: at most 40"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused(
    sizes: dict[str, int], more: dict[str, Any], said: str, photos: Path, tmp_path: Path
) -> None:
    refused(write_study(tmp_path, photos, sizes, **more), "bed.yaml", said)


def test_a_judge_of_other_pictures_is_told(photos: Path, tmp_path: Path) -> None:
    clip = {"name": "clip", "class_path": "lightning_modules.judges.clip.ClipJudge"}
    clip["folder"] = "lightning_modules/bases/scenes/clip"
    plan = make_plan(str(write_study(tmp_path, photos, judges=[clip])))
    said = "'clip' was trained on other pictures than those of testbed 'bed'"
    assert any(note.startswith(said) for note in unmet_needs(plan))
    assert any(note.startswith(said) for note in present(plan)["data"]["notes"])
    for known in (make_plan("board"), make_plan(str(write_study(tmp_path, photos)))):
        assert not any("other pictures" in note for note in unmet_needs(known))


@pytest.mark.parametrize("bed", ["imagefolder", "parquet"])
def test_shipped_testbeds_plan_with_the_shipped_suite(
    bed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_plan("own_data", ["--testbed", bed])
    assert plan.world.testbed.name == bed
    assert len(plan.cells) == 12


def test_the_command_trains_into_folders_and_a_run_takes_them(
    photos: Path, tmp_path: Path, quickly: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    study = write_study(tmp_path, photos)
    assert all(model["trained_first"] for model in present(make_plan(str(study)))["models"])
    assert main(["bases", "--testbed", "bed.yaml", "small_judge"]) == 0
    assert "small_judge 1/1" in capsys.readouterr().out
    assert main(["bases", "--testbed", "bed.yaml", "small_judge"]) == 0
    assert "small_judge: there, in " in capsys.readouterr().out
    models = {m["name"]: m for m in present(make_plan(str(study)))["models"]}
    assert (models["small_judge"]["trained_first"], models["small_judge"]["present"]) == (False, True)
    assert models["small_captioner"]["trained_first"]
    assert main(["bases", "--testbed", "bed.yaml", "mine"]) == 2
    assert "bases: found 'mine'; allowed: small_captioner, small_generator, small_judge" in capsys.readouterr().err
    write_study(tmp_path, tmp_path / "nowhere")
    assert main(["bases", "--testbed", "bed.yaml"]) == 2
    assert "is missing, there is no such folder" in capsys.readouterr().err


@pytest.mark.slow
def test_the_loop_runs_on_models_that_it_trains(
    photos: Path, tmp_path: Path, quickly: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = make_plan(str(write_study(tmp_path, photos)))
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results")
    assert [result.error for result in outcome.failed] == []
    result = json.loads(next((tmp_path / "results").glob("*.json")).read_text())
    assert {name.partition("@")[0] for name in result["metrics"][-1]["values"]} >= {"generator/frechet"}


def test_the_card_of_the_shipped_judge_is_what_the_warning_reads() -> None:
    card = json.loads((ROOT / "lightning_modules/bases/scenes/clip/card.json").read_text())
    assert card["recipe_digest"] == SCENES["clip"].digest
    model = ModelSpec("m", DATA, folder="m", recipe="no")
    with pytest.raises(UsageError, match=r"bed: judges: m: recipe: found 'no'; allowed: vae, .*small_judge"):
        recipe_on(model, ClassSpec(DATA), None, Path("bed"), "judges")
