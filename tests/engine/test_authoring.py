"""The author's loop: two files that run as they are, and every hook asked once, in process, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torch.nn import Linear

from benchmarks.analytic.models import GaussianGenerator
from benchmarks.commands.main import main
from benchmarks.methods.hooks import HOOKS
from benchmarks.steps.merge import not_finite
from tests.engine.conftest import write_suite
from tests.engine.test_hooks import method

JOINT = [{"file": "joint_finetune"}]


@pytest.fixture
def joint(tmp_path: Path) -> Path:
    return write_suite(tmp_path / "study", scenarios=JOINT)


def tried(name: str, suite: Path, *more: str) -> int:
    return main(["try", name, "--suite", str(suite), *more])


@pytest.mark.parametrize("hook", [h for h in HOOKS if h not in ("objective", "auxiliary", "merge")])
def test_a_new_method_runs_as_it_is(
    hook: str, joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fits of the analytic world take no objective and have no weights to merge: those three run on networks below."""
    monkeypatch.chdir(tmp_path)
    assert main(["new-method", f"fresh_{hook}", "--hooks", hook]) == 0
    said = capsys.readouterr().out
    assert f"next: mmcollapse try fresh_{hook}.yaml" in said
    assert tried(f"fresh_{hook}.yaml", joint) == 0
    said = capsys.readouterr().out
    assert f"t=1 {hook}" in said
    assert f"t=2 {hook}" in said
    assert "changed nothing" not in said or hook == "sampling"  # no guidance in closed form


@pytest.mark.slow
def test_all_hooks_run_on_networks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-method", "whole", "--hooks", ",".join(HOOKS)]) == 0
    assert main(["try", "whole.yaml"]) == 0
    said = capsys.readouterr().out
    assert all(f"t={t} {hook}" in said for hook in HOOKS for t in (1, 2))
    assert "from the trained weights" in said
    assert "note:" not in said
    assert {p.name for p in tmp_path.iterdir()} == {"whole.py", "whole.yaml"} | (
        {"__pycache__"} if (tmp_path / "__pycache__").exists() else set()
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Mine"], "found 'Mine'; allowed: small letters"),
        (["json"], "Python has"),
        (["accumulate"], "found 'accumulate', which ships"),
        (["mine", "--hooks", "curates"], "--hooks: found 'curates'; allowed: one or more of prompts,"),
        (["mine", "--n", "3"], "allowed: no overrides"),
    ],
)
def test_names_and_hooks_that_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new-method", *words, "--folder", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text("precious")
    assert main(["new-method", "mine", "--folder", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert [p.read_text() for p in tmp_path.iterdir()] == ["precious"]


READS = """
reads = {"curate": ("new", "real", "likelihood")}
def curate(self, ctx):
    ctx.likelihood(ctx.new)
    return ctx.new.with_(weights=np.linspace(0, 1, len(ctx.new)))
"""


def test_what_a_hook_read_changed_and_consumed(joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tried(method(tmp_path, READS), joint) == 0
    said = capsys.readouterr().out
    assert "t=1 curate\n    read      new: 8 pairs; likelihood: a function\n" in said
    assert "    returned  8 pairs: 8 of t=1; weights 0 to 1; 8 of the 8 new ones\n" in said
    assert "note: curate declares real and did not touch it" in said
    work = "models did 8 network evaluations and 0 are counted: ctx.spend(network_evaluations=...)"
    assert f"note: curate: {work}" in said


def test_what_changes_nothing_or_is_asked_by_nobody(
    joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = "def prompts(self, ctx):\n    return ctx.prompts\ndef auxiliary(self, ctx):\n    return {}"
    assert tried(method(tmp_path, body), joint) == 0
    said = capsys.readouterr().out
    assert "    returned  8 texts, 0 of them other than asked\n" in said
    assert "note: prompts changed nothing here" in said
    assert "note: auxiliary is asked by no step of joint_finetune/" in said


def test_an_error_comes_with_its_traceback(joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = method(tmp_path, "def prompts(self, ctx):\n    return self.missing(ctx)")
    assert tried(name, joint) == 1
    said = capsys.readouterr().err
    file = Path(name.rpartition(":")[0])
    assert "Traceback (most recent call last)" in said
    assert f'File "{file}", line 8, in prompts' in said
    assert "return self.missing(ctx)" in said
    assert said.splitlines()[-1] == (
        f"error: AttributeError: 'Method' object has no attribute 'missing' ({file.name}, line 8, in prompts)"
    )


def test_a_debugger_stops_in_the_hook(
    joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pdb

    stopped: list[tuple[str, int]] = []
    monkeypatch.setattr(
        pdb, "post_mortem", lambda found: stopped.append((found.tb_frame.f_code.co_name, found.tb_lineno))
    )
    assert tried(method(tmp_path, "def prompts(self, ctx):\n    return 1 / 0"), joint, "--pdb") == 1
    assert stopped == [("prompts", 8)]


def test_nothing_is_left_behind(
    joint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert tried("accumulate", joint) == 0
    assert not list(here.iterdir())
    assert "in process" not in capsys.readouterr().err


def test_a_method_that_fits_nowhere_cannot_be_tried(
    suite: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried("partial_relabel", suite()) == 2
    assert "method partial_relabel applies to none of its scenarios" in capsys.readouterr().err


def test_own_overrides_go_before_the_small_sizes(
    joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried("accumulate", joint, "--n", "5", "--iterations", "1") == 0
    said = capsys.readouterr().out
    assert "N=5, T=1" in said
    assert "10 pairs: 5 real, 5 of t=1" in said


TAKES = """
reads = {"curate": ("new", "real")}
def curate(self, ctx):
    real = ctx.real[-1]
    return WAY
"""
WAYS = {
    "images under synthetic names": "ctx.new.with_(images=real.images, captions=real.captions)",
    "another origin": "real.with_(origin=np.full(len(real), ctx.iteration, np.int16))",
    "as they are": "real",
}


@pytest.mark.parametrize("way", WAYS)
def test_real_pairs_are_counted_whatever_a_method_calls_them(
    way: str, joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tried(method(tmp_path, TAKES.replace("WAY", WAYS[way])), joint) == 0
    said = capsys.readouterr().out
    assert said.count("consumed  8 real samples") == 2
    assert "changed nothing" not in said


def test_generated_pairs_are_no_real_ones(joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside real pairs that were looked at, and where real captions stand under generated images."""
    assert tried(method(tmp_path, TAKES.replace("WAY", "ctx.new.with_(captions=real.captions)")), joint) == 0
    assert "real samples" not in capsys.readouterr().out


ODD = {
    "keeps a count": ("self.calls = getattr(self, 'calls', 0) + 1; return ctx.new.take([0] * len(ctx.new))", "curate changed self.calls: an instance"),
    "draws from nowhere": (
        "return ctx.new.take(np.random.default_rng().permutation(len(ctx.new)))", "makes something else when it is asked",
    ),
    "draws from its seed": ("return ctx.new.take(np.random.default_rng(ctx.seed).permutation(len(ctx.new)))", ""),
    "draws from numpy's own": ("return ctx.new.take(np.random.permutation(len(ctx.new)))", ""),
    "weights that are all one": ("return ctx.new.with_(weights=np.ones(len(ctx.new)))", "curate changed nothing here"),
}  # fmt: skip


@pytest.mark.parametrize("way", ODD)
def test_what_would_differ_from_run_to_run_is_noted(
    way: str, joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, note = ODD[way]
    body = f'reads = {{"curate": ("new",)}}\ndef curate(self, ctx):\n    {code}'
    assert tried(method(tmp_path, body), joint) == 0
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert len(notes) == bool(note)
    assert all(note in line for line in notes)


def test_work_of_models_that_a_hook_does_not_count_is_noted(
    joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = """
reads = {"relabel": ("base",)}
def relabel(self, ctx):
    from lightning_modules.settings import CaptionDecoding
    for _ in range(3):
        made = ctx.base.generate(ctx.pairs.images, CaptionDecoding(), np.arange(len(ctx.pairs), dtype=np.uint64))
    SPEND
    return made.outputs
"""
    assert tried(method(tmp_path, body.replace("SPEND", "pass")), joint) == 0
    assert "note: relabel: models did 24 network evaluations and 0 are counted: ctx.spend" in capsys.readouterr().out
    assert tried(method(tmp_path, body.replace("SPEND", "ctx.spend(network_evaluations=24)")), joint) == 0
    assert "models did" not in capsys.readouterr().out
    assert "counted" not in str(GaussianGenerator.generate), "classes are as they were"


def test_what_an_auxiliary_makes_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-method", "extra", "--hooks", "auxiliary"]) == 0
    assert "def merge" in (tmp_path / "extra.py").read_text()


def test_a_file_without_its_class_and_a_class_that_is_not_there(
    joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = method(tmp_path, "def prompts(self, ctx):\n    return ctx.prompts").removesuffix(":Method")
    assert tried(file, joint) == 2
    assert f"found a Python file; allowed: with its class, {file}:Class" in capsys.readouterr().err
    assert tried(f"{file}:Methud", joint) == 2
    assert "no 'Methud'; allowed: Method" in capsys.readouterr().err.replace("class ", "")


def test_the_name_of_a_shipped_method_is_its_own(
    joint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = method(tmp_path, "def prompts(self, ctx):\n    return ctx.prompts").removesuffix(".py:Method")
    settings = tmp_path / "mine.yaml"
    settings.write_text(f"{{schema: 1, name: ema, class_path: {Path(file).name}.Method}}\n")
    assert tried(str(settings), joint) == 2
    assert "name: found 'ema', which ships; allowed: a name of its own" in capsys.readouterr().err


def test_a_merged_weight_that_is_no_number_is_found() -> None:
    layer = Linear(2, 2)
    assert not_finite(layer) == not_finite(object()) == ""
    layer.bias.data[1] = float("nan")
    assert not_finite(layer) == "bias"
