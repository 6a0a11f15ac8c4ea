"""Judges of one kind of input in a study: what is planned with each, what runs, what is refused and said."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
import yaml

from benchmarks.planning.needs import require_present, unmet_needs
from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from datamodules.scenes.dataset import Scenes
from lightning_modules.architectures import clip
from lightning_modules.architectures.parts import Given
from lightning_modules.weights import cards
from records.errors import UsageError
from tests.datamodules import toys
from tests.lightning_modules.test_judges import bert as bert  # folders with tiny random models
from tests.lightning_modules.test_judges import dino as dino
from tests.memory_store import MemoryStore

METRICS = [
    "captions.diversity.CaptionDiversity",
    "alignment.CaptionerAlignment",
    "variance.CaptionerVariance",
    "captions.embedding.CaptionEmbedding",
    "images.distance.ImageDistance",
    "alignment.GeneratorAlignment",
    "variance.GeneratorVariance",
    "sets.synthetic_set.SyntheticSet",
]
CLASSES = {
    "clip": "lightning_modules.judges.clip.ClipJudge",
    "dino": "lightning_modules.judges.dinov2.DinoJudge",
    "sentences": "lightning_modules.judges.sentences.SentenceJudge",
}
ONLY = {"captioner": "unique_share", "generator": "frechet"}  # served by any judge of images
JOINT = {"captioner": "alignment", "generator": "frechet"}


class Painter(toys.Generator):
    """Noise of the size of the data."""

    def generate(self, inputs: Any, decoding: Any, seeds: np.ndarray, progress: Any = None) -> Any:
        made = super().generate(inputs, decoding, seeds, progress)
        return replace(made, outputs=np.tile(made.outputs, (1, 2, 2, 1)))


class Taster:
    """Embeds what nobody measures."""

    version: ClassVar[int] = 1
    embeds: ClassVar[tuple[str, ...]] = ("smells",)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return Scenes()


@pytest.fixture(scope="module")
def folders(scenes: Scenes, dino: Path, bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    clip.build(Given(scenes.vocabulary(), 32, Path()), width=16, layers=1, patch=8).save(folder)
    found = {"clip": folder, "dino": dino, "sentences": bert}
    for place in found.values():
        cards.write(place, {})
    return found


def planned(where: Path, folders: dict[str, Path], judges: tuple[str, ...], **changes: Any) -> Plan:
    bed = {
        "schema": 1, "name": "bed",
        "data": {"class_path": "datamodules.scenes.dataset.Scenes", "init_args": {"image_size": 16}},
        "captioners": [{"name": "c", "class_path": "tests.datamodules.toys.Captioner"}],
        "generators": [{"name": "g", "class_path": "tests.engine.test_judges.Painter"}],
        "judges": [{"name": j, "class_path": CLASSES[j], "folder": str(folders[j])} for j in judges],
        **changes.pop("bed", {}),
    }  # fmt: skip
    fit = {"steps": 1, "learning_rate": 1.0}
    suite = {
        "schema": 1, "name": "judged", "testbed": "bed.yaml", "iterations": 1, "n": 8, "seeds": [0],
        "fit": {"captioner": fit, "generator": fit},
        "evaluate": {"n": 8, "draw_inputs": 2, "draws": 2, "floor_draws": 2},
        "metrics": [f"benchmarks.metrics.{name}" for name in METRICS], "primary": JOINT, "mitigations": ["none"],
        "scenarios": [{"file": "joint_finetune", "variants": ["real_prompts"]}], **changes,
    }  # fmt: skip
    where.mkdir(exist_ok=True)
    (where / "bed.yaml").write_text(yaml.safe_dump(bed))
    (where / "judged.yaml").write_text(yaml.safe_dump(suite))
    return make_plan(str(where / "judged.yaml"))


def test_each_judge_measures_what_it_embeds(folders: dict[str, Path], tmp_path: Path) -> None:
    plan = planned(tmp_path, folders, ("dino", "clip", "sentences"))
    require_present(plan)
    outcome = execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results")
    (result,) = outcome.results.values()
    assert result.error is None
    assert [p.iteration for p in result.metrics] == [0, 1]
    for point in result.metrics:
        values = point.values
        for judge in ("dino", "clip"):
            assert {f"generator/{m}@{judge},n=8" for m in ("frechet", "kernel", "variance_within")} <= set(values)
        for judge in ("clip", "sentences"):
            assert {f"captioner/{m}@{judge},n=8" for m in ("variance", "text_kernel")} <= set(values)
        aligned = {name for name in values if "alignment" in name}
        assert aligned == {"captioner/alignment@clip,n=8", "generator/alignment@clip,n=8"}
        assert not [n for n in values if n.startswith("captioner/") and "@dino" in n]
        assert not [n for n in values if n.startswith("generator/") and "@sentences" in n]
    (pool,) = result.sets
    assert {"set/frechet@dino,n=8", "set/variance@dino,n=8", "set/alignment@clip,n=8"} <= set(pool.values)
    assert "set/caption_variance@sentences,n=8" in pool.values
    assert result.absent["set/alignment@dino,n=8"] == "the set comes without paired_features"
    assert "set/frechet@sentences,n=8" in result.absent
    assert {"generator/frechet@dino,n=8", "captioner/text_frechet@sentences,n=8"} <= set(result.floors)
    # The headline is of the first judge that can measure it.
    assert {n for n, facts in result.info.items() if facts.primary} == {
        "captioner/alignment@clip,n=8",
        "generator/frechet@dino,n=8",
    }
    assert set(result.info) >= {n for p in (*result.metrics, *result.sets) for n in p.values}


def test_a_judge_beside_another_changes_none_of_its_steps(folders: dict[str, Path], tmp_path: Path) -> None:
    alone = planned(tmp_path / "a", folders, ("clip",))
    more = planned(tmp_path / "b", folders, ("clip", "dino", "sentences"))
    measuring = {k for k, s in alone.steps.items() if s.kind in ("reference", "features", "metrics", "floor", "sample")}
    assert measuring
    assert measuring < set(more.steps)


def test_a_judge_that_nothing_needs_is_not_loaded(folders: dict[str, Path], tmp_path: Path) -> None:
    families = [
        f"benchmarks.metrics.{n}" for n in ("captions.diversity.CaptionDiversity", "images.distance.ImageDistance")
    ]
    plan = planned(tmp_path, folders, ("clip", "sentences"), metrics=families, primary=ONLY)
    bases = {s.identity["model"].execution[0].name for s in plan.steps.values() if s.kind == "base"}
    assert bases == {"c", "g", "clip"}


def test_what_is_not_measured_is_said_once(folders: dict[str, Path], tmp_path: Path) -> None:
    said = unmet_needs(planned(tmp_path / "all", folders, ("clip", "dino", "sentences")))
    assert [s for s in said if "judge" in s] == [
        "judge 'dino' embeds images only: it does not measure CaptionerAlignment, CaptionerVariance, CaptionEmbedding, "
        "GeneratorAlignment",
        "judge 'sentences' embeds captions only: it does not measure CaptionerAlignment, ImageDistance, "
        "GeneratorAlignment, GeneratorVariance",
    ]
    said = unmet_needs(planned(tmp_path / "one", folders, ("dino",), primary=ONLY))
    assert "metrics of CaptionerAlignment will be absent: no judge embeds all that they need" in said
    assert not [s for s in unmet_needs(planned(tmp_path / "two", folders, ("clip",))) if "judge" in s]


def test_a_primary_metric_that_no_judge_can_measure_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        planned(tmp_path, folders, ("dino", "sentences"))
    assert str(caught.value) == (
        f"{tmp_path / 'judged.yaml'}: primary: captioner: 'alignment' needs a judge that embeds images and captions; "
        f"found in {tmp_path / 'bed.yaml'}: dino (images), sentences (captions)"
    )
    with pytest.raises(UsageError, match=r"generator: 'frechet' needs a judge that embeds images; .*sentences"):
        planned(tmp_path, folders, ("sentences",), primary=ONLY)


@pytest.mark.parametrize(
    ("bed", "words"),
    [
        (
            {"judges": [{"name": "j", "class_path": "tests.engine.test_judges.Taster"}]},
            "judges: j: tests.engine.test_judges.Taster embeds smells; allowed: images and captions, or one of them",
        ),
        (
            {"scorers": [{"name": "s", "class_path": CLASSES["dino"], "hub": "org/dino", "revision": "a" * 40}]},
            f"scorers: s: {CLASSES['dino']} embeds images; allowed: images and captions",
        ),
    ],
)
def test_models_that_embed_the_wrong_thing_are_refused(
    bed: dict[str, Any], words: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        planned(tmp_path, folders, ("clip",), bed=bed)
    assert words in str(caught.value)


def test_planning_with_judges_is_free_of_torch(folders: dict[str, Path], tmp_path: Path) -> None:
    file = planned(tmp_path, folders, ("clip", "dino", "sentences")).file
    code = (
        "import sys; from benchmarks.planning.needs import unmet_needs; from benchmarks.planning.planner import make_plan;"
        f"assert unmet_needs(make_plan({str(file)!r})); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0
