"""docs/your-data.md, followed word for word in an empty folder with an installed copy, ends with a board."""

from __future__ import annotations

import json
import re
import resource
from pathlib import Path

import pytest

from datamodules.imagefolder import ImageFolder
from lightning_modules.bases.small import SMALL
from records.place import ROOT
from tests.your_data.page import PAGE, Newcomer, commands, files

#: Seconds of two cores that everything from the check to the first board may take.
MOST = 2 * 600


def test_the_page_has_a_file_for_every_step_and_commands_in_order() -> None:
    assert list(files()) == ["list_captions.py", "pictures.yaml", "pictures_study.yaml"]
    assert [line.split()[:3] for line in commands()] == [
        ["python", "-m", "datamodules.check"],
        ["mmcollapse", "plan", "pictures_study.yaml"],
        ["mmcollapse", "run", "pictures_study.yaml"],
        ["mmcollapse", "run", "pictures_study.yaml"],
        ["mmcollapse", "table", "pictures_study.yaml"],
        ["mmcollapse", "bases", "--testbed"],
    ]


def test_the_page_names_every_small_recipe() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in SMALL)
    for name, recipe in SMALL.items():
        split = re.search(rf"^\| `{name}` \|.*\| `(\w+)` \|$", text, flags=re.M)
        assert name == "small_vae" or (split is not None and split.group(1) == recipe.data["split"])


def test_texts_beside_pictures_become_the_list(tmp_path: Path) -> None:
    new = Newcomer(tmp_path)
    said = new.write(12, list_lines=False)
    refused = new.follow("mmcollapse plan pictures_study.yaml --n 1")
    assert "photos/**/metadata.jsonl is missing, found 12 .jpg beside 12 .txt; allowed" in refused.stdout
    done = new.follow("python list_captions.py")
    assert done.returncode == 0, done.stderr
    data = ImageFolder(str(new.home / "photos"), {})
    assert {e.id: sorted(e.captions) for e in data.listing} == {name: sorted(texts) for name, texts in said.items()}


def test_the_page_checks_and_plans(tmp_path: Path) -> None:
    new = Newcomer(tmp_path)
    new.write(1000)
    check, plan = commands()[:2]
    done = new.follow(check)
    assert done.returncode == 0, done.stderr
    assert "1000 images can be drawn; digest " in done.stdout
    digest = done.stdout.split("digest ")[1].strip()
    done = new.follow(plan)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())  # lines end where the screen does
    assert "4 of 1000 images are in no split: sizes add up to 996" in said
    assert "trained first: captioner small_captioner, generator small_generator, judge small_judge" in said
    assert "enlarged" not in said
    bed = (new.home / "pictures.yaml").read_text()
    (new.home / "pictures.yaml").write_text(f"{bed}    digest: {digest}\n")
    assert new.follow(plan).returncode == 0
    assert new.follow("mmcollapse plan own_data --testbed pictures.yaml").returncode == 0
    assert {file.name for file in new.home.iterdir()} == {*files(), "photos"}, "planning leaves nothing"


@pytest.mark.slow
def test_the_page_ends_with_a_board(tmp_path: Path) -> None:
    new = Newcomer(tmp_path)
    new.write(1000)
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = []
    for command in commands()[:3]:
        done = new.follow(command)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = spent.ru_utime + spent.ru_stime - began.ru_utime - began.ru_stime
    assert seconds < MOST, f"{seconds:.0f} s of processors"
    board = printed[-1]
    rows = {line.split()[0] for line in board.splitlines() if line.strip()}
    assert {"none", "real", "frozen_relabel", "accumulate"} <= rows
    results = [json.loads(file.read_text()) for file in (new.home / "runs/pictures_study/results").glob("*.json")]
    assert {result["status"] for result in results} == {"complete"}
    assert len(results) == 4 * 3
    for command in commands()[3:5]:
        done = new.follow(command)
        assert done.returncode == 0, done.stderr
        assert "ema" in done.stdout
    assert not list((new.site / "runs").glob("*")), "nothing is written beside the packages"
    print(f"{seconds:.0f} s of processors\n{board}")


def test_the_suite_and_its_testbeds_ship() -> None:
    for name in ("own_data.yaml", "testbeds/imagefolder.yaml", "testbeds/parquet.yaml", "bases/small_models.yaml"):
        assert (ROOT / "suites" / name).is_file()
