"""Every model in files is opened and asked before anything is computed, one after the other; one of no use ends a run."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import yaml
from safetensors.torch import load_file, save_file

from benchmarks.planning.plan import Plan
from benchmarks.planning.planner import make_plan
from benchmarks.reporting.reporter import Lines
from benchmarks.running import trials as trials_of
from benchmarks.running.execute import Reporter, execute
from benchmarks.running.executors import InProcessExecutor, LocalExecutor
from benchmarks.running.worker import perform
from benchmarks.steps.context import RunContext
from benchmarks.storage.store import LocalStore
from lightning_modules.fitting.contracts import Generated, NonFiniteLoss
from lightning_modules.settings import ImageDecoding
from lightning_modules.weights.sources import MissingModel
from records.errors import UsageError
from tests.datamodules import toys
from tests.inputs.test_model_folders import home, study
from tests.memory_store import MemoryStore

__all__ = ["home", "study"]  # fixtures
SIDE = 16


class InFiles:
    """A toy with a folder, which says what goes wrong with it and keeps a diary beside it."""

    fault = ""

    @classmethod
    def load(cls, folder: Path, dtype: str = "float32") -> Self:
        made = cls()
        made.__dict__.update(json.loads((Path(folder) / "toy.json").read_text()))
        if made.fault == "load":
            raise MissingModel(f"{folder}: its weights lack 'a.weight', which it needs; allowed: whole ones")
        made.note("load")
        return made

    def save(self, folder: Path) -> None:
        Path(folder).mkdir(exist_ok=True, parents=True)
        (Path(folder) / "toy.json").write_text(json.dumps(vars(self)))

    def fit_pairs(self, pairs: Any, settings: Any, seed: int, **more: Any) -> Any:
        self.note(f"fit{len(pairs)}for{settings.steps}at{settings.precision}")
        if self.fault == "diverges":
            raise NonFiniteLoss(0)
        return super().fit_pairs(pairs, settings, seed, **more)  # type: ignore[misc]

    def note(self, what: str) -> None:
        if "diary" in vars(self):
            with open(self.diary, "a") as stream:  # type: ignore[attr-defined]
                stream.write(f"{self.name} {what} {time.time_ns()}\n")  # type: ignore[attr-defined]


class Captioner(InFiles, toys.Captioner):
    def log_likelihood(self, images: Any, captions: Any, progress: Any = None) -> np.ndarray:
        return np.full(len(captions), np.nan if self.fault == "unlikely" else -1.0)

    def generate(self, inputs: Any, decoding: Any, seeds: Any, progress: Any = None) -> Generated:
        if self.fault == "caption":
            raise RuntimeError("no such layer\nhere")
        self.note(f"caption{len(seeds)}")
        return super().generate(inputs, decoding, seeds, progress)


class Generator(InFiles, toys.Generator):
    def generate(self, inputs: Any, decoding: ImageDecoding, seeds: Any, progress: Any = None) -> Generated:
        side = 8 if self.fault == "small" else SIDE
        self.note(f"draw{len(seeds)}of{decoding.steps}")
        images = np.full((len(seeds), side, side, 3), int(self.mean), np.uint8)
        images[:, 0] += self.fault != "constant"
        return Generated(images, len(seeds))

    def check_decoding(self, decoding: ImageDecoding) -> None:
        if self.fault == "scheduler" and decoding.steps == 7:
            raise ValueError("decoding: scheduler 'X' cannot be used with this model; allowed are A, B")


class Judge(InFiles, toys.Judge):
    embeds: ClassVar[tuple[str, ...]] = ("images", "captions")

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        self.note("embed")
        return super().embed_images(images) * (np.nan if self.fault == "nan" else 1)

    def embed_texts(self, texts: list[str]) -> np.ndarray:
        if self.fault == "rows":
            return np.zeros((2, 4), np.float32)
        return super().embed_texts(texts)


MODELS = {"captioners": (Captioner, 3), "generators": (Generator, 3), "judges": (Judge, 2)}


@pytest.fixture
def planned(study: Callable[..., Path], home: Path, tmp_path: Path) -> Callable[..., Plan]:
    """A planner of an ensemble of three a side and two judges, all in folders, some with a fault."""

    def plan(**faults: str) -> Plan:
        study("dino", home / "dino")
        suite, bed = (yaml.safe_load((tmp_path / name).read_text()) for name in ("small.yaml", "bed.yaml"))
        suite["scenarios"] = [{"file": "joint_finetune", "variants": ["real_prompts"]},
                              {"file": "diverse_ensemble", "variants": ["k3_live"]}]  # fmt: skip
        suite["generate"] = {"generator": {"steps": 7}}
        for role, (cls, count) in MODELS.items():
            bed[role] = []
            for i in range(count):
                name = f"{role[0]}{i}"
                folder = tmp_path / "models" / name
                folder.mkdir(parents=True, exist_ok=True)
                said = {"name": name, "diary": str(tmp_path / "diary"), "fault": faults.get(name, "")}
                (folder / "toy.json").write_text(json.dumps(said))
                bed[role].append({"name": name, "class_path": f"{__name__}.{cls.__name__}", "folder": str(folder)})
        (tmp_path / "bed.yaml").write_text(yaml.safe_dump(bed))
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(suite))
        return make_plan(str(tmp_path / "small.yaml"))

    return plan


class Order(Reporter):
    """Writes down which steps ended, and how."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str, str]] = []

    def step(self, step: Any, record: Any, message: str) -> None:
        self.ended.append((step.kind, step.label, message))


def run(plan: Plan, folder: Path, executor: Any = None, store: Any = None) -> Order:
    order = Order()
    execute(plan, store or MemoryStore(), executor or InProcessExecutor(), folder / "results", reporter=order)
    return order


FAULTS = {
    "c2": ("load", "its weights lack 'a.weight', which it needs; allowed: whole ones"),
    "g1": ("scheduler", "found a model that cannot draw an image: ValueError: decoding: scheduler 'X' cannot be used"),
    "g2": ("small", "the generator draws 8 x 8 pixels, the data have 16 x 16"),
    "j1": ("nan", "its features of images are not finite"),
    "j0": ("rows", "it has 2 rows of features for one of captions"),
    "g0": ("constant", "it drew an image that is 128 everywhere, as one does that computes no numbers"),
    "c1": ("unlikely", "the likelihood of its captions is not finite"),
    "c0": ("caption", "found a model that cannot write a caption: RuntimeError: no such layer here"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_model_of_no_use_ends_the_run_before_anything_is_computed(
    name: str, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    fault, words = FAULTS[name]
    plan, store = planned(**{name: fault}), MemoryStore()
    with pytest.raises(UsageError) as caught:
        run(plan, tmp_path, store=store)
    assert f"testbed 'bed': {name}: folder: " in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {store.record(key).kind for key in store.done()} == {"base", "trial"}
    assert not list((tmp_path / "results").glob("*"))


@pytest.mark.parametrize("name", ["c0", "g0"])
def test_a_model_that_cannot_be_trained_ends_the_run(name: str, planned: Callable[..., Plan], tmp_path: Path) -> None:
    words = f"{name}: folder: found a model that cannot be trained on a pair: NonFiniteLoss: the loss became NaN"
    with pytest.raises(UsageError, match=words):
        run(planned(**{name: "diverges"}), tmp_path)


def test_what_is_trained_is_trained_for_one_step_and_what_is_not_is_not(
    planned: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = planned()
    trials = {t.where: t for t in trials_of.trials(plan, list(plan.steps.values()), MemoryStore())}
    assert {name: len(t.settings) for name, t in trials.items()} == {
        f"{role[:-1]} {role[0]}{i}": int(role != "judges" and i == 0)
        for role, (_, n) in MODELS.items()
        for i in range(n)
    }, "the others of this ensemble only make pairs"
    run(plan, tmp_path)
    tried = [what for name, what, _ in diary(tmp_path) if name == "c0" and what.startswith("fit")]
    assert tried[0] == "fit1for1at32"


def test_every_kind_of_fit_is_tried_on_weights_of_its_own(planned: Callable[..., Plan], tmp_path: Path) -> None:
    plan = planned()
    trial = next(t for t in trials_of.trials(plan, list(plan.steps.values()), MemoryStore()) if t.settings)
    fits = (trial.settings[0], replace(trial.settings[0], precision="bf16"))
    store = MemoryStore()
    context = RunContext(store)
    perform(plan.steps[trial.model], store, context, {})
    perform(replace(trial, settings=fits), store, context, {})
    name = trial.where.split()[-1]
    written = [what for who, what, _ in diary(tmp_path) if who == name]
    assert [what for what in written if what[:3] in ("loa", "fit")] == [
        "load",
        "fit1for1at32",
        "load",
        "fit1for1atbf16",
    ]


def test_all_models_of_no_use_are_named_at_once(planned: Callable[..., Plan], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r": j1 \(and c2, g2\): folder: its features of images"):
        run(planned(c2="load", g2="small", j1="nan"), tmp_path)


def diary(folder: Path) -> list[list[str]]:
    return [line.split() for line in (folder / "diary").read_text().splitlines()]


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_members_judges_and_all_are_tried_one_after_the_other_and_first(
    workers: int, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = planned()
    store = LocalStore(tmp_path / "store")
    order = run(plan, tmp_path, LocalExecutor(tmp_path / "store", workers) if workers else None, store)
    assert not [message for *_, message in order.ended if message]
    kinds = [kind for kind, *_ in order.ended]
    costly = next(i for i, kind in enumerate(kinds) if kind not in ("base", "trial"))
    assert sorted(label for kind, label, _ in order.ended[:costly] if kind == "trial") == sorted(
        f"trial of {role[:-1]} {role[0]}{i}" for role, (_, count) in MODELS.items() for i in range(count)
    )
    assert "trial" not in kinds[costly:]
    tried = [name for name, what, _ in diary(tmp_path)[: 2 * 8 + 3] if what == "load"][:8]
    assert sorted(tried) == sorted(f"{role[0]}{i}" for role, (_, n) in MODELS.items() for i in range(n))
    written = [(name, what) for name, what, _ in diary(tmp_path)]
    for name in tried:  # each is asked before the next one is opened
        at = written.index((name, "load"))
        assert written[at + 1][0] == name
    assert ("g2", "draw1of2") in written, "one image in few steps"
    again = run(plan, tmp_path, store=store)
    assert again.ended == [], "nothing is missing, nothing is tried"


def test_one_model_is_in_memory_at_a_time(
    planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[Any]] = []
    fresh = RunContext.fresh_model

    def watched(self: RunContext, key: str) -> Any:
        assert not [ref for ref in alive if ref() is not None]
        model = fresh(self, key)
        alive.append(weakref.ref(model))
        return model

    monkeypatch.setattr(RunContext, "fresh_model", watched)
    with pytest.raises(UsageError, match="j1: folder"):  # the last one to be tried
        run(planned(j1="nan"), tmp_path)
    assert len(alive) == 8


def test_what_was_tried_is_tried_again_with_other_packages_alone(
    planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, store = planned(j1="nan"), MemoryStore()
    for expected in (8, 1):  # the second time the one that failed
        order = Order()
        with pytest.raises(UsageError, match="j1"):
            execute(plan, store, InProcessExecutor(), tmp_path / "results", reporter=order)
        assert [kind for kind, *_ in order.ended].count("trial") == expected
    monkeypatch.setattr(trials_of, "versions", lambda: {"transformers": "9"})
    assert len(trials_of.trials(plan, list(plan.steps.values()), store)) == 8


def test_only_models_that_a_missing_step_works_with_are_tried(planned: Callable[..., Plan]) -> None:
    plan, store = planned(), MemoryStore()
    joint = next(row for row in plan.rows if row.scenario == "joint_finetune")
    steps = [plan.steps[key] for key in plan.cells[joint.keys[0]].needs]
    found = [trial.where for trial in trials_of.trials(plan, steps, store)]
    assert sorted(found) == ["captioner c0", "generator g0", "judge j0", "judge j1"]
    later = [step for step in steps if step.kind == "fit"][-1:]
    assert len(trials_of.trials(plan, later, store)) == 1, "what a trained model was trained from"


def test_every_decoding_of_a_lineage_is_asked_for_and_others_are_not(planned: Callable[..., Plan]) -> None:
    plan = planned()
    trials = {t.where: t for t in trials_of.trials(plan, list(plan.steps.values()), MemoryStore())}
    assert {d.steps for d in trials["generator g0"].decodings} == {7, 16}
    assert trials["judge j0"].decodings == ()
    assert {d.steps for d in replace(trials["generator g2"], sized=False).decodings} == {7}


def test_what_only_loading_can_tell_is_told_in_the_words_of_a_plan(
    home: Path, study: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    shutil.copytree(home / "dino", tmp_path / "m")
    state = load_file(tmp_path / "m" / "model.safetensors")
    del state["layernorm.weight"]
    save_file(state, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    plan = make_plan(str(study("dino", tmp_path / "m")))
    with pytest.raises(UsageError, match=r"testbed 'bed': mine: folder: .*its weights lack 'layernorm.weight'"):
        execute(plan, MemoryStore(), InProcessExecutor(), tmp_path / "results", reporter=Lines())
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "trial of judge mine" in line]
    assert line.startswith("step ")
    assert "failed=" in line
