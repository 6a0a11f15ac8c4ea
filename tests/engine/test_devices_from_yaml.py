"""A study in YAML whose fits take two devices, run by the command line where hardly any memory can be shared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from benchmarks.planning.planner import make_plan
from benchmarks.storage.store import LocalStore
from lightning_modules.tiny import generators
from lightning_modules.weights.quiet import quiet

ROOT = Path(__file__).parents[2]
#: What a container has by default is 64 MB; this is less than the tiny model's tensors would take, a page each.
SHARED = "512k"
ALONE = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         f'mount -t tmpfs -o size={SHARED} tmpfs /dev/shm && exec "$@"', "sh"]  # fmt: skip


def permitted() -> bool:
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def written(folder: Path, devices: int) -> Path:
    """Write a study of one generator, tiny and of its real class."""
    folder.mkdir()
    instant = "benchmarks.speed.instant.Instant"
    testbed = {
        "schema": 1, "name": "tiny",
        "data": {"class_path": f"{instant}Data", "init_args": {"items": 8, "resolution": generators.SIZE}},
        "generators": [{"name": "sdxl", "folder": str(folder.parent / "sdxl"),
                        "class_path": "lightning_modules.diffusion.generator.GeneratorModule"}],
        "judges": [{"name": "judge", "class_path": f"{instant}Judge", "init_args": {"dims": 16}}],
    }  # fmt: skip
    decoding = {"generator": {"steps": 1, "guidance": 1.0}}
    suite: dict[str, Any] = {
        "schema": 1, "name": "shared", "testbed": "testbed.yaml", "iterations": 1, "n": 4, "seeds": [0],
        "scenarios": [{"file": "single_model_generator"}], "mitigations": ["none"],
        "fit": {"generator": {"steps": 2, "learning_rate": 1.0e-4, "batch_size": 4}}, "generate": decoding,
        "evaluate": {"n": 4, "draw_inputs": 0, "floor_draws": 2, "decoding": decoding},
        "metrics": ["benchmarks.metrics.images.diversity.ImageDiversity"], "primary": {"generator": "vendi"},
        "execution": {"generator": {"devices": devices}},
    }  # fmt: skip
    (folder / "testbed.yaml").write_text(yaml.safe_dump(testbed))
    (folder / "shared.yaml").write_text(yaml.safe_dump(suite))
    return folder / "shared.yaml"


def trained(file: Path, runs: Path, before: list[str]) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Run a study by the command line; return the denoiser it trained, and how that was made."""
    command = [sys.executable, "-m", "benchmarks", "run", str(file), "--runs", str(runs), "--workers", "1"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*before, *command, "--no-mirror"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    store = LocalStore(runs / "store")
    (fit,) = [step for step in make_plan(str(file)).steps.values() if step.kind == "fit"]
    folder = store.folder(fit.key) / "value" / "unet"
    weights = {k: v for each in sorted(folder.glob("*.safetensors")) for k, v in load_file(each).items()}
    return weights, store.record(fit.key).execution


@pytest.mark.slow
def test_two_processes_share_no_model_through_memory(tmp_path: Path) -> None:
    """Both train what one process trains, with less memory to share than the model has."""
    if not permitted():
        pytest.skip("no small /dev/shm can be mounted here (unshare --mount)")
    with quiet():
        generators.make("sdxl").save_pretrained(tmp_path / "sdxl")
    one, alone = trained(written(tmp_path / "one", 1), tmp_path / "runs1", [])
    two, both = trained(written(tmp_path / "two", 2), tmp_path / "runs2", ALONE)
    assert "devices" not in alone
    assert both["devices"] == 2
    assert one.keys() == two.keys()
    before = load_file(next((tmp_path / "sdxl" / "unet").glob("*.safetensors")))
    assert any(not torch.equal(before[name], value) for name, value in two.items()), "something was trained"
    near = [name for name in one if torch.allclose(one[name], two[name], atol=1e-5, rtol=1e-4)]
    assert len(near) > 0.8 * len(one)  # a bias before a norm has no gradient but rounding, which Adam blows up
