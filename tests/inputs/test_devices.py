"""What cannot be shared out over devices is refused when a suite is planned, in one sentence that names the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.planning import devices
from benchmarks.planning.planner import make_plan
from lightning_modules.tiny import generators
from lightning_modules.weights.quiet import quiet
from records.errors import UsageError
from tests.engine.conftest import TESTBED, write_suite

FIT = {"steps": 1, "learning_rate": 1.0, "batch_size": 2}


def refused(tmp_path: Path, **changes: Any) -> str:
    with pytest.raises(UsageError) as caught:
        make_plan(str(write_suite(tmp_path, **changes)))
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("side", ["captioner", "generator"])
def test_several_machines(side: str, tmp_path: Path) -> None:
    said = refused(tmp_path, execution={side: {"nodes": 2}})
    assert f"execution.{side}.nodes: found 2; allowed: 1" in said
    assert "the same command on each, with --runs on a folder of all" in said


def test_more_devices_than_samples_of_a_step(tmp_path: Path) -> None:
    fit = {"captioner": FIT, "generator": FIT}
    said = refused(tmp_path, fit=fit, execution={"generator": {"devices": 4}})
    assert "execution.generator.devices: found 4, for a fit.generator.batch_size of 2; allowed: at most 2" in said
    for devices_ in (1, 2, "auto"):
        make_plan(str(write_suite(tmp_path, fit=fit, execution={"generator": {"devices": devices_}})))
    # what is not trained asks for no device
    make_plan(str(write_suite(tmp_path, fit=fit, execution={"captioner": {"devices": 4}})))


@pytest.mark.parametrize("lora", [None, {"rank": 2}])
def test_a_model_whose_training_no_device_holds(lora: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with quiet():
        generators.make("sdxl").save_pretrained(tmp_path / "sdxl")
    model = {"name": "sdxl", "class_path": "lightning_modules.diffusion.generator.GeneratorModule",
             "folder": str(tmp_path / "sdxl")}  # fmt: skip
    fit = {**FIT, "lora": lora}
    file = write_suite(tmp_path, {**TESTBED, "generators": [model]}, fit={"captioner": FIT, "generator": fit})
    plan = make_plan(str(file))
    monkeypatch.setattr(devices, "device_bytes", lambda: 80 * 2**30)
    devices.require_room(plan)
    monkeypatch.setattr(devices, "device_bytes", lambda: None)
    devices.require_room(plan)
    monkeypatch.setattr(devices, "device_bytes", lambda: 1000)
    with pytest.raises(UsageError, match=r"fit\.generator: sdxl holds 0 GB on every device") as caught:
        devices.require_room(plan)
    assert ("fit.generator.lora, or a larger device" in str(caught.value)) is (lora is None)


def test_the_driver_says_what_the_smallest_device_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 81559\necho 40536\n")
    tool.chmod(0o755)
    devices.driver_says.cache_clear()
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert devices.device_bytes() == 40536 * 2**20
    assert devices.driver_says() == (81559 * 2**20, 40536 * 2**20)
    tool.write_text("#!/bin/sh\nexit 9\n")
    devices.driver_says.cache_clear()
    assert devices.device_bytes() is None
    devices.driver_says.cache_clear()
