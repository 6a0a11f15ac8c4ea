"""Methods on the command line: several at once, none that fits nowhere in silence, and where a file was looked for."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.commands.planned import methods_in
from tests.engine.conftest import write_suite
from tests.engine.test_hooks import method

BODY = "reads = {'curate': ('new',)}\ndef curate(self, ctx):\n    return ctx.new.take([0] * len(ctx.new))"


def own(folder: Path, name: str) -> str:
    """Write a method of a name of its own; return its YAML file."""
    module = Path(method(folder, BODY).rpartition(":")[0]).stem
    file = folder / f"{name}.yaml"
    file.write_text(f"{{schema: 1, name: {name}, class_path: {module}.Method}}\n")
    return str(file)


def test_several_methods_of_ones_own_are_on_one_board(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite, runs = write_suite(tmp_path, mitigations=["none", "real"], seeds=[0]), tmp_path / "runs"
    both = f"{own(tmp_path, 'first')} {own(tmp_path, 'second')} accumulate"
    assert main(["run", str(suite), "--runs", str(runs), "--workers", "0", "--no-mirror", "--method", both]) == 0
    lines = list(csv.DictReader((runs / "small" / "leaderboard.csv").open()))
    assert {"none", "real", "first", "second", "accumulate"} == {line["mitigation"] for line in lines}
    capsys.readouterr()
    assert main(["plan", str(suite), "--runs", str(runs), "--format", "json", "--method", both]) == 0
    rows = {row["mitigation"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows == {"none", "real", "first", "second", "accumulate"}


def test_a_file_with_a_space_is_one_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my methods").mkdir()
    (tmp_path / "my methods" / "one.yaml").touch()
    (tmp_path / "my methods" / "two.py").touch()
    monkeypatch.chdir(tmp_path)
    near = tmp_path / "elsewhere"
    assert methods_in("my methods/one.yaml", near) == ["my methods/one.yaml"]
    assert methods_in("my methods/two.py:Mine", near) == ["my methods/two.py:Mine"]
    assert methods_in("accumulate  real_ema", near) == ["accumulate", "real_ema"]
    monkeypatch.chdir(tmp_path / "my methods")
    assert methods_in("my methods/one.yaml", tmp_path) == ["my methods/one.yaml"]


COMMANDS = {
    "run": ("run", "--workers", "0", "--no-mirror"),
    "plan": ("plan",),
    "table": ("table",),
    "mirror": ("mirror",),
    "submit": ("submit",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_method_that_fits_nowhere_ends_no_command_well(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`partial_relabel` has nothing to label where captions are the prompts."""
    words, suite = COMMANDS[command], write_suite(tmp_path)
    assert (
        main([words[0], str(suite), *words[1:], "--runs", str(tmp_path / "runs"), "--method", "partial_relabel"]) == 2
    )
    assert "partial_relabel applies to none of its scenarios" in capsys.readouterr().err


def test_variants_that_fit_nowhere_are_not_tuned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = Path(method(tmp_path, "def relabel(self, ctx):\n    return ctx.caption(ctx.live)").rpartition(":")[0])
    module.write_text(module.read_text() + "\n    def __init__(self, k=1):\n        self.k = k\n")
    (tmp_path / "mine.yaml").write_text(
        f"{{schema: 1, name: mine, class_path: {module.stem}.Method, init_args: {{k: 1}}, search: {{k: [1, 2]}}}}\n"
    )
    suite = write_suite(tmp_path)
    command = ["tune", str(suite), "--method", str(tmp_path / "mine.yaml"), "--seeds", "100", "--runs", str(tmp_path)]
    assert main([*command, "--workers", "0", "--no-mirror"]) == 2
    assert "applies to none of its scenarios" in capsys.readouterr().err


def test_scenarios_without_a_row_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = [{"file": "single_model_generator"}, {"file": "single_model_captioner"}]
    suite, runs = write_suite(tmp_path, scenarios=both, seeds=[0], mitigations=["none"]), str(tmp_path / "runs")
    command = ["run", str(suite), "--runs", runs, "--workers", "0", "--no-mirror", "--method", "partial_relabel"]
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "note: partial_relabel changes nothing in single_model_generator/default: no row there" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("accumulate2", "no file 'accumulate2' in {here}, {near}, {shelf}; allowed: a path, or one of "),
        ("accumulate2", "such as accumulate, "),
        ("mine/other.yaml", "no file 'mine/other.yaml' in {here}, "),
        ("absent.py:Mine", "method: no file 'absent.py' in {here}; allowed: a path, or one of ['method_here.py']"),
    ],
)
def test_what_is_not_there_says_where_it_was_looked_for(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.study.loading import SUITES

    here, near = tmp_path / "here", tmp_path / "near"
    here.mkdir()
    (here / "method_here.py").touch()
    suite = write_suite(near)
    monkeypatch.chdir(here)
    assert main(["plan", str(suite), "--method", name]) == 2
    said = said.format(here=here, near=near, shelf=SUITES / "mitigations")
    found = capsys.readouterr().err
    assert len(found) < 310
    shortened = [part for part in said.split(", ") if not part.startswith("/")]
    assert said in found or all(Path(part).name in found for part in shortened), found
