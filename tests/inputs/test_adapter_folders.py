"""Folders of adapters: those that would load as another adapter than was trained are refused by a plan."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from benchmarks.planning.needs import require_fit
from benchmarks.planning.planner import make_plan
from lightning_modules.captioning.captioner import CaptionerModule
from lightning_modules.settings import FitSettings, Lora
from records.errors import UsageError
from tests.inputs.test_model_folders import cut, gone, home, says, study
from tests.lightning_modules.conftest import pairs, scenes

__all__ = ["home", "pairs", "scenes", "study"]  # fixtures


@pytest.fixture(scope="module")
def adapter(home: Path, pairs: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter beside its base, both where they can be edited."""
    folder = tmp_path_factory.mktemp("adapter")
    shutil.copytree(home / "captioner", folder / "base")
    module = CaptionerModule.load(folder / "base")
    module.fit_pairs(pairs, FitSettings(0, 1e-2, 5, lora=Lora(rank=2, alpha=4.0)), seed=0)
    module.save(folder / "adapter")
    return folder


def less(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        file = folder / "adapter_model.safetensors"
        state = load_file(file)
        lost = next(k for k in sorted(state) if name in k)
        save_file({k: v for k, v in state.items() if k != lost}, file, metadata={"format": "pt"})

    return edit


CONFIG = "adapter_config.json"
ADAPTERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "rank-stabilised": (says(CONFIG, use_rslora=True), "says use_rslora True, which is not followed here"),
    "a scale a layer": (says(CONFIG, alpha_pattern={"query": 8}), "says alpha_pattern {'query': 8}"),
    "a rank a layer": (says(CONFIG, rank_pattern={"query": 8}), "says rank_pattern"),
    "whole layers beside it": (says(CONFIG, modules_to_save=["cls"]), "says modules_to_save ['cls']"),
    "weights taken apart": (says(CONFIG, use_dora=True), "says use_dora True"),
    "biases": (says(CONFIG, bias="all"), "says bias 'all'"),
    "some layers only": (says(CONFIG, layers_to_transform=[0]), "says layers_to_transform [0]"),
    "another start": (says(CONFIG, init_lora_weights="pissa"), "init_lora_weights 'pissa', which changes the base"),
    "another kind": (says(CONFIG, peft_type="IA3"), "says peft_type 'IA3' (allowed: 'LORA')"),
    "a pattern of layers": (says(CONFIG, target_modules="all-linear"), "says target_modules 'all-linear'"),
    "an option of later": (says(CONFIG, use_something_new=True), "says use_something_new True"),
    "no rank": (says(CONFIG, r="gone"), "does not say 'r'"),
    "another rank": (says(CONFIG, r=3), "of rank 2, and adapter_config.json says r 3"),
    "one factor less": (less("lora_B"), "'adapter_model.safetensors' lacks '"),
    "cut": (cut("adapter_model.safetensors"), "'adapter_model.safetensors' is cut"),
    "no configuration": (gone(CONFIG), f"'{CONFIG}' is not there"),
    "no base": (lambda f: shutil.rmtree(f.parent / "base"), "cannot be used without its base"),
    "an edited base": (lambda f: says("config.json", note=1)(f.parent / "base"), "was trained on a base with digest"),
    "a cut base.json": (cut("base.json", 5), "'base.json' cannot be read as JSON"),
}


@pytest.mark.parametrize("case", ADAPTERS)
def test_adapters_that_would_load_as_another_are_refused(
    case: str, adapter: Path, study: Callable[..., Path], tmp_path: Path
) -> None:
    edit, words = ADAPTERS[case]
    shutil.copytree(adapter, tmp_path / "a")
    (tmp_path / "a/adapter/base.json").write_text(
        (tmp_path / "a/adapter/base.json").read_text().replace(str(adapter), str(tmp_path / "a"))
    )
    file = str(study("captioner", tmp_path / "a" / "adapter"))
    require_fit(make_plan(file))  # whole, it is planned with
    edit(tmp_path / "a" / "adapter")
    with pytest.raises(UsageError) as caught:
        require_fit(make_plan(file))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_is_of_its_own_side(adapter: Path, study: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="holds an adapter of CaptionerModule, which GeneratorModule does not read"):
        require_fit(make_plan(str(study("generator", adapter / "adapter"))))
