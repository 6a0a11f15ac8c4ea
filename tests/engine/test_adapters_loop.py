"""A trajectory with adapters through the engine: small artifacts, one adapter that every iteration continues."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from benchmarks.planning.planner import make_plan
from benchmarks.running.execute import execute
from benchmarks.running.executors import InProcessExecutor
from benchmarks.storage.store import LocalStore
from lightning_modules.architectures.parts import Given
from lightning_modules.fitting.adapters import product
from lightning_modules.weights import cards
from tests.engine.conftest import SMALL
from tests.lightning_modules.conftest import autoencoder, make_captioner, make_generator, make_judge

DECODING = {"captioner": {"temperature": 1.0, "max_new_tokens": 8}, "generator": {"steps": 2, "guidance": 1.0}}
FIT = {"steps": 2, "learning_rate": 1e-2, "batch_size": 4, "lora": {"rank": 2, "alpha": 4.0}}


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer of a joint study of untrained models on scenes."""
    from datamodules.scenes.dataset import Scenes

    scenes, bases = Scenes(), tmp_path / "bases"
    torch.manual_seed(0)
    autoencoder.build(Given((), 32, bases), channels=(8, 8, 8), latents=4).save(bases / "decoder")
    models = {
        "captioners": make_captioner("blip2", scenes),
        "generators": make_generator("sdxl_unet", scenes, bases),
        "judges": make_judge("clip", scenes),
    }
    testbed = {"schema": 1, "name": "tiny", "data": {"class_path": "datamodules.scenes.dataset.Scenes"}}
    for role, model in models.items():
        model.save(bases / role)
        cards.write(bases / role, {})
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        testbed[role] = [{"name": role, "class_path": kind, "folder": str(bases / role)}]
    evaluate = {"n": 8, "draw_inputs": 0, "floor_draws": 2, "decoding": DECODING}
    suite = {
        **SMALL,
        "n": 8,
        "seeds": [0],
        "mitigations": ["none"],
        "scenarios": [{"file": "joint_finetune", "variants": ["closed"]}],
        "fit": {"captioner": FIT, "generator": FIT},
        "generate": DECODING,
        "evaluate": evaluate,
        "metrics": [
            f"benchmarks.metrics.{name}"
            for name in ("captions.diversity.CaptionDiversity", "images.distance.ImageDistance")
        ],
        "primary": {"captioner": "distinct2", "generator": "frechet"},
    }
    (tmp_path / "testbed.yaml").write_text(yaml.safe_dump(testbed))
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(suite))
    return tmp_path / "tiny.yaml"


def test_iterations_continue_one_adapter_and_keep_no_base(tiny: Path, tmp_path: Path) -> None:
    plan = make_plan(str(tiny))
    store = LocalStore(tmp_path / "store")
    outcome = execute(plan, store, InProcessExecutor(), tmp_path / "results")
    assert [r.status for r in outcome.results.values()] == ["complete"], [r.error for r in outcome.failed]
    for modality, weights, prefix in (
        ("captioner", "adapter_model.safetensors", "base_model.model."),
        ("generator", "pytorch_lora_weights.safetensors", "unet."),
    ):
        fits = [s for s in plan.steps.values() if s.kind == "fit" and s.identity["modality"] == modality]
        first, second = sorted(fits, key=lambda s: s.iteration)
        assert second.inputs["model"] == first.key
        folders = [store.folder(s.key) / "value" for s in (first, second)]
        for folder in folders:
            files = {f.name for f in folder.rglob("*")}
            assert files == {weights, "adapter_config.json", "base.json"}
            base = json.loads((folder / "base.json").read_text())
            assert base["folder"] == str(tmp_path / "bases" / f"{modality}s")
            whole = sum(f.stat().st_size for f in Path(base["folder"]).rglob("*.safetensors"))
            assert sum(f.stat().st_size for f in folder.iterdir()) < whole / 3
        states = [load_file(folder / weights) for folder in folders]
        assert states[0].keys() == states[1].keys()
        drawn = [k for k in states[0] if "lora_A" in k]
        for name in drawn:  # A starts at random: an adapter of its own would be far from it
            near = torch.nn.functional.cosine_similarity(states[0][name].flatten(), states[1][name].flatten(), dim=0)
            assert near > 0.9, name
        assert any(not torch.equal(v, states[1][k]) for k, v in states[0].items())
        assert product(store.get(second.key)).keys() == {
            k.removeprefix(prefix).removesuffix(".lora_A.weight") for k in drawn
        }
