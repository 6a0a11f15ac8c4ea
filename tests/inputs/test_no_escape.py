"""What strangers send, and any name or path in a file, writes inside the folders of its command and nowhere else."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from benchmarks.commands.main import main
from leaderboard.entries import FOLDER
from tests.engine.conftest import TESTBED, write_suite
from tests.survey.people import cast, small_survey, voted

ESCAPES = ("../evil", "../../evil", "a/../../evil", "{outside}/evil", "..", "evil/../..", "..\\evil", "$HOME/evil")
SOUND = """
from benchmarks.methods.hooks import Mitigation

class Evil(Mitigation):
    reads = {"curate": ("new", "real")}

    def curate(self, ctx):
        return ctx.real[-1].take(range(len(ctx.new)))
"""


def suite_of(name: str) -> Callable[[Path, str], list[list[str]]]:
    """Return a study with a wrong text at a place such as `testbed.name`, and the commands to be tried on it."""

    def make(home: Path, text: str) -> list[list[str]]:
        changes: dict[str, Any] = {"seeds": [0], "iterations": 1}
        testbed = copy.deepcopy(TESTBED)
        if name == "testbed.name":
            testbed["name"] = text
        elif name == "captioner":
            testbed["captioners"][0]["name"] = text
        elif name == "scenario":
            scenario = yaml.safe_load(SCENARIO)
            (home / "mine.yaml").write_text(yaml.safe_dump({**scenario, "name": text}))
            changes["scenarios"] = [{"file": "mine.yaml"}]
        elif name == "variant":
            scenario = yaml.safe_load(SCENARIO)
            (home / "mine.yaml").write_text(yaml.safe_dump({**scenario, "variants": {text: {}}}))
            changes["scenarios"] = [{"file": "mine.yaml"}]
        else:
            changes[name] = text
        file = str(write_suite(home, testbed, **changes))
        return [[command, file, *RUN] for command in ("run", "table")]

    return make


SCENARIO = "{schema: 1, name: mine, trains: [generator], images: generator, captions: prompt}"
RUN = ("--workers", "0", "--no-mirror")


def override(home: Path, text: str) -> list[list[str]]:
    file = str(write_suite(home, seeds=[0], iterations=1))
    return [
        ["run", file, *RUN, "--name", text],
        ["run", file, *RUN, "--testbed", text],
        ["plan", file, "--seeds", text],
    ]


def method(home: Path, text: str) -> list[list[str]]:
    file = str(write_suite(home, seeds=[0], iterations=1))
    (home / "evil_method.py").write_text(SOUND)
    (home / "evil.yaml").write_text(yaml.safe_dump({"schema": 1, "name": text, "class_path": "evil_method.Evil"}))
    named = ["--method", "evil.yaml"]
    return [["run", file, *RUN, *named], ["submit", file, *named], ["run", file, *RUN, "--method", text],
            ["new-method", text], ["tune", file, *RUN, *named, "--seeds", "7"]]  # fmt: skip


def entry(home: Path, text: str) -> list[list[str]]:
    sound = json.loads(next((FOLDER / "scenes_board_captioner").glob("none.json")).read_text())
    folder = home / "entries" / "scenes_board_captioner"
    shutil.copytree(FOLDER / "scenes_board_captioner", folder)
    commands = []
    for i, change in enumerate(({"suite": text}, {"method": text}, {"class_name": text}, {"command": text})):
        file = folder / f"evil{i}.json"
        file.write_text(json.dumps({**sound, **change}))
        commands.append(["verify", str(file)])
    rows = copy.deepcopy(sound)
    rows["rows"][0]["name"] = f"{text}/default"
    (folder / "evil.json").write_text(json.dumps(rows))
    return [*commands, ["table", "scenes_board_captioner", "--entries", str(home / "entries"), "--boards", "boards"]]


def votes(home: Path, text: str) -> list[list[str]]:
    key = small_survey()[1]
    folder = cast(home / "survey", key, {"attentive": 3})
    ballot = voted(key, np.random.default_rng(0))
    for i, change in enumerate(({"rater": text}, {"survey": text}, {"evil": text})):
        (folder / f"evil{i}.json").write_text(json.dumps({**ballot, **change}))
    commands = [["survey-results", str(folder)]]
    sound = json.loads(key.to_json())
    for i, (place, value) in enumerate([("suite", text), ("claims", {text: text}), ("survey", text)]):
        (home / f"key{i}.json").write_text(json.dumps({**sound, place: value}))
        commands.append(["survey-results", str(folder), "--key", str(home / f"key{i}.json")])
    rows = [{**contestant, "row": f"{text}/default/none"} for contestant in sound["contestants"]]
    (home / "key9.json").write_text(json.dumps({**sound, "contestants": rows, "claims": {text: "votes.json"}}))
    return [*commands, ["survey-results", str(folder), "--key", str(home / "key9.json")]]


PLACES = {
    **{name: suite_of(name) for name in ("name", "testbed.name", "captioner", "scenario", "variant")},
    "override": override, "method": method, "entry": entry, "votes": votes,
}  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_nothing_is_written_outside(place: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    outside, refused = tmp_path / "outside", 0
    monkeypatch.setenv("HOME", str(outside))
    for i, escape in enumerate(ESCAPES):
        home = outside / f"deep{i}" / "home"
        home.mkdir(parents=True)
        monkeypatch.chdir(home)
        for command in PLACES[place](home, escape.format(outside=outside)):
            code = main(command)
            said = capsys.readouterr()
            assert code in (0, 1, 2), command
            assert "Traceback" not in said.err
            refused += code == 2
        mine = {path for path in outside.rglob("*") if not path.is_relative_to(home)}
        assert mine <= {home, home.parent}, f"{place}: {escape}"
        shutil.rmtree(home.parent)
    assert refused >= len(ESCAPES), "a name that leaves its folder is refused"
