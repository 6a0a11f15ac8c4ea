"""What a tidied house keeps, on a copy of this one: files renamed, methods reformatted; and what it may not keep."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.study.loading import ROOT
from lightning_modules.weights.cards import digest

CODE = """
import json, sys
from tests.identity.snapshot import METHODS, method_digest, snapshot_of
from benchmarks.planning.planner import make_plan
print(json.dumps({"suites": {n: snapshot_of(make_plan(n)) for n in sys.argv[1:]},
                  "methods": {n: method_digest(n) for n in METHODS}}))
"""
SUITES = ("smoke", "scenes_board_captioner")


def identities(root: Path) -> dict:
    run = subprocess.run([sys.executable, "-c", CODE, *SUITES], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def before() -> dict:
    return identities(ROOT)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Return a copy of the project's code, suites and bases."""
    for name in ("records", "benchmarks", "datamodules", "leaderboard", "lightning_modules", "suites", "tests"):
        shutil.copytree(
            ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "entries")
        )
    return tmp_path


def edit(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text()
    for old, new in changes:
        assert old in text, f"{file} has no {old!r}"
        text = text.replace(old, new)
    file.write_text(text)


def rename(house: Path, old: str, new: str) -> None:
    """Rename a module and whatever names it."""
    paths = [house / name.replace(".", "/") for name in (old, new)]
    paths[0].with_suffix(".py").rename(paths[1].with_suffix(".py"))
    for file in [*house.rglob("*.py"), *house.rglob("*.yaml")]:
        text = file.read_text()
        if old in text:
            file.write_text(text.replace(old, new))


def test_renamed_files_and_reformatted_methods_keep_every_identity(house: Path, before: dict) -> None:
    rename(house, "benchmarks.metrics.captions.oracle", "benchmarks.metrics.said_and_true")
    rename(house, "benchmarks.mitigations.knobs", "benchmarks.mitigations.arguments")
    rename(house, "datamodules.scenes.dataset", "datamodules.scenes.pictures")
    file = house / "benchmarks/mitigations/accumulate.py"
    edit(file, ("Accumulate: keep", "Keep, which is to accumulate,"), ("    def ", "    # why\n\n    def "))
    assert identities(house) == before


def test_an_edited_helper_changes_the_methods_that_use_it_and_no_others(house: Path, before: dict) -> None:
    edit(house / "benchmarks/mitigations/knobs.py", ("found < least", "not found >= least"))
    after = identities(house)
    changed = {name for name, digest in before["methods"].items() if after["methods"][name] != digest}
    assert {"verifier_filter", "best_of_n"} <= changed
    assert not {"none", "real", "golden_ratio", "wise_ft"} & changed
    for suite in SUITES:
        old, new = before["suites"][suite]["rows"], after["suites"][suite]["rows"]
        assert {row.rpartition("/")[2] for row in old if old[row] != new[row]} <= changed


def test_a_models_files_are_part_of_what_it_is(tmp_path: Path) -> None:
    """Scheduler, tokenizer, processor and generation files, and weights that are linked to; not what people read."""
    bases = tmp_path / "scenes"
    shutil.copytree(ROOT / "lightning_modules" / "bases" / "scenes", bases, symlinks=True)

    def digests() -> dict[str, str]:
        return {folder.name: digest(folder) for folder in sorted(bases.iterdir())}

    for file in (
        "blip2/generation_config.json", "blip2/tokenizer.json", "blip2/tokenizer_config.json", "blip2/config.json",
        "blip2/preprocessor_config.json", "sdxl_unet/model_index.json", "sdxl_unet/scheduler/scheduler_config.json",
        "sdxl_unet/tokenizer/tokenizer_config.json", "sdxl_unet/unet/config.json",
    ):  # fmt: skip
        old = digests()
        edit(bases / file, ("{", '{"note": 1,'))
        new = digests()
        assert [name for name in old if old[name] != new[name]] == [file.partition("/")[0]], file
    old = digests()
    weights = bases / "decoder" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    (bases / "clip" / "README.md").write_text("For people.")
    new = digests()
    linked = [name for name in old if (bases / name / "vae" / weights.name).is_symlink()]
    assert [name for name in old if old[name] != new[name]] == ["decoder", *linked]
    assert len(linked) == 5


def test_a_model_whose_files_are_not_those_of_its_card_is_refused(house: Path) -> None:
    edit(house / "lightning_modules/bases/scenes/blip2/generation_config.json", ("{", '{"repetition_penalty": 1.5,'))
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks", "run", "smoke", "--workers", "1"],
        cwd=house, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert re.search(r"smoke.yaml: testbed 'scenes': blip2: folder: the files in .*/blip2' have digest \w+, and their "
                     r"card.json says \w+; allowed", run.stderr)  # fmt: skip
