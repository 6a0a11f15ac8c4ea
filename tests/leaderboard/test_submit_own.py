"""A method and a suite of one's own are submitted, verified and shown by the commands that are printed."""

from __future__ import annotations

import getpass
import shlex
from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.reporting.submit import public
from leaderboard.entries import read_entry
from records import place
from records.place import ROOT
from tests.engine.conftest import write_suite
from tests.engine.test_hooks import method

BODY = """
reads = {"curate": ("new", "real")}
def __init__(self, weights="", share=0.5):
    self.share = share
def curate(self, ctx):
    half = round(self.share * ctx.n)
    return Pairs.concat([ctx.new.take(range(half)), ctx.real[-1].take(range(half, ctx.n))])
"""


def written(folder: Path, name: str = "mine") -> Path:
    module = Path(method(folder, BODY).rpartition(":")[0]).stem
    file = folder / f"{name}.yaml"
    knob = folder / "weights" / "probe.npz"
    file.write_text(
        f"{{schema: 1, name: {name}, class_path: {module}.Method, init_args: {{weights: {knob}, share: 0.25}}}}\n"
    )
    return file


def follow(line: str) -> int:
    """Run a command that was printed, as a shell and make would."""
    _, _, command = line.partition(": ")
    words = shlex.split(command)
    if words[0] == "mmcollapse":
        return main(words[1:])
    given = dict(word.partition("=")[::2] for word in words[2:])
    name = {"leaderboard": "table"}.get(words[1], words[1])
    return main([name, given.get("ENTRY", given.get("SUITE", "")), *shlex.split(given.get("ARGS", ""))])


def listing() -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in (ROOT / "leaderboard").rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("where", "below"),
    [("checkout", False), ("elsewhere", False), ("elsewhere", True), ("wheel", False), ("wheel", True)],
)
def test_a_suite_and_a_method_of_ones_own(
    where: str, below: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "my work"  # a space, which a printed command has to quote
    suite, mine = write_suite(here, seeds=[0, 1], mitigations=["none", "real"]), written(here)
    if where == "wheel":
        monkeypatch.setattr(place, "ROOT", tmp_path)
    before = listing()
    monkeypatch.chdir(ROOT if where == "checkout" else here)
    runs = ["--runs", str(here / "runs")] if where == "checkout" else []
    names = (suite.name, mine.name) if below else (str(suite), str(mine))
    assert main(["run", names[0], "--method", names[1], "--workers", "0", "--no-mirror", *runs]) == 0
    for name in ("none", "real", names[1]):
        capsys.readouterr()
        assert main(["submit", names[0], "--method", name, *runs]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"wrote {f'{here}/' if runs else ''}entries/small/")
        assert [line.split()[1] for line in lines[1:]] == ["make" if where == "checkout" else "mmcollapse"] * 2
        for line in lines[1:]:
            assert follow(line) == 0, line
    said = capsys.readouterr()
    assert "ok: mine on small: 1 rows, seeds 0,1" in said.out
    assert "its code was not looked at" not in said.out
    assert "mine" in (here / "runs" / "small" / "boards" / "small.csv").read_text()
    assert listing() == before, "no suite of one's own is in the project's leaderboard"


def test_an_entry_says_nothing_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite, mine = write_suite(tmp_path, seeds=[0], mitigations=["none", "real"]), written(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(suite), "--method", str(mine), "--workers", "0", "--no-mirror"]) == 0
    assert main(["submit", str(suite), "--method", str(mine)]) == 0
    file = tmp_path / "entries" / "small" / "mine.json"
    entry, text = read_entry(file), file.read_text()
    assert entry.init_args == {"weights": "probe.npz", "share": 0.25}
    assert entry.command == "make bench SUITE=small METHOD=mine.yaml"
    for private in (str(tmp_path), tmp_path.name, str(Path.home()), f"{getpass.getuser()}/"):
        assert private not in text
    assert all(part not in text for part in ("/tmp", "/home", "/Users"))


def test_several_methods_are_submitted_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = write_suite(tmp_path, seeds=[0], mitigations=["none", "real"])
    both = f"{written(tmp_path, 'one').name} {written(tmp_path, 'two').name}"
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(suite), "--method", both, "--workers", "0", "--no-mirror"]) == 0
    assert main(["submit", str(suite), "--method", both]) == 0
    assert {p.name for p in (tmp_path / "entries" / "small").iterdir()} == {"one.json", "two.json"}
    assert capsys.readouterr().out.count("next: mmcollapse verify entries/small/") == 2


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/alice/w.npz", "w.npz"),
        ("~/w.npz", "w.npz"),
        ("C:\\Users\\bob\\x.bin", "x.bin"),
        ("file:///home/a/b.c", "b.c"),
        ("no file /home/al/x/y.txt here", "no file y.txt here"),
        ("weights/w.npz", "weights/w.npz"),
        ("https://arxiv.org/abs/1234.5678", "https://arxiv.org/abs/1234.5678"),
        ("0.5 / 3", "0.5 / 3"),
        (["/a/b", {"k": "/a/c"}, 3], ["b", {"k": "c"}, 3]),
    ],
)
def test_of_a_path_the_files_name_is_kept(text: object, kept: object) -> None:
    assert public(text) == kept
