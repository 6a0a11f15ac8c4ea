"""What an author gets wrong in a hook is one sentence that names it: what it returned, or the line where it failed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.commands.main import main
from benchmarks.methods.hooks import HOOKS
from benchmarks.planning.plan import Plan
from records.errors import StepError
from tests.engine.conftest import write_suite
from tests.engine.test_hooks import method, run_method

NEW = "reads = {'curate': ('new',)}\n"
ASKED = "reads = {'merge': ('auxiliary',)}\ndef merge(self, ctx):\n    return ctx.new_model\n"
#: Hook, reads and what it returns, the scenario in which it is asked, and the sentence.
WRONG: dict[str, tuple[str, str, str]] = {
    "a text for texts": ("def prompts(self, ctx):\n    return 'c0'", "single_model_generator",
                         "Method.prompts returned str; allowed: a list of 16 texts"),
    "numbers for texts": ("def prompts(self, ctx):\n    return [1] * 16", "single_model_generator",
                          "hook prompts returned a list with int in it; allowed: 16 texts (Method.prompts)"),
    "too few captions": ("def relabel(self, ctx):\n    return ['c0']", "single_model_captioner",
                         "hook relabel returned 1 texts; allowed: 16 texts (Method.relabel)"),
    "nothing for captions": ("def relabel(self, ctx):\n    ctx.caption(ctx.live)", "single_model_captioner",
                             "Method.relabel returned None; allowed: a list of 16 texts"),
    "a number for a decoding": ("def sampling(self, ctx):\n    return 0.5", "single_model_generator",
                                "Method.sampling returned float; allowed: a decoding as ctx.decoding, or an object"),
    "a class for a sampler": ("def sampling(self, ctx):\n    class Own:\n        def generate(self): ...\n    return Own",
                              "single_model_generator", "Method.sampling returned the class Own; allowed:"),
    "images without a count": ("def sampling(self, ctx):\n    class Own:\n        def generate(self, model, inputs, decoding, "
                               "seeds):\n            return model.generate(inputs, decoding, seeds).outputs\n    return Own()",
                               "single_model_generator", "Own.generate returned ndarray; allowed: Generated (of 16 outputs"),
    "rows for pairs": (NEW + "def curate(self, ctx):\n    return np.arange(16)", "single_model_generator",
                       "Method.curate returned ndarray; allowed: Pairs"),
    "a list for pairs": (NEW + "def curate(self, ctx):\n    return [ctx.new]", "single_model_generator",
                         "Method.curate returned list of 1; allowed: Pairs"),
    "a number for an objective": ("def objective(self, ctx):\n    return 0.5", "single_model_generator",
                                  "Method.objective returned float; allowed: a function of (losses, context), or None"),
    "nothing for something extra": (ASKED + "def auxiliary(self, ctx):\n    pass", "single_model_generator",
                                    "Method.auxiliary returned None; allowed: a model with save, a dict of numpy arrays"),
    "what cannot be kept": (ASKED + "def auxiliary(self, ctx):\n    return {'f': len}", "single_model_generator",
                            "Method.auxiliary returned dict of 1; allowed: a model with save"),
    "weights for a model": ("def merge(self, ctx):\n    return {'w': np.ones(1)}", "single_model_generator",
                            "Method.merge returned dict of 1; allowed: a model such as ctx.new_model"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_return_is_one_sentence(case: str, planned: Callable[..., Plan], tmp_path: Path) -> None:
    body, scenario, said = WRONG[case]
    _, _, cells = run_method(planned, tmp_path, body, scenario)
    result = cells["Method"][1]
    assert result.status == "failed"
    assert said in result.error.message
    assert "\n" not in result.error.message
    assert result.error.iteration == 1
    assert cells["none"][1].status == "complete"


def test_every_hook_is_in_the_table() -> None:
    assert {
        re.search(r"def (\w+)\(self, ctx\)[^d]*$", body)[1] for body, *_ in WRONG.values() if "class" not in body
    } | {"sampling"} == set(HOOKS)


def test_of_several_methods_the_one_with_the_hook_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = method(tmp_path, "def prompts(self, ctx):\n    return None")
    module = Path(mine.rpartition(":")[0]).stem
    (tmp_path / "one.yaml").write_text(f"{{schema: 1, name: one, class_path: {module}.Method}}\n")
    (tmp_path / "both.yaml").write_text("{schema: 1, name: both, compose: [one.yaml, accumulate]}\n")
    assert main(["try", str(tmp_path / "both.yaml"), "--suite", str(write_suite(tmp_path))]) == 1
    assert "error: Method.prompts returned None; allowed: a list of 8 texts" in capsys.readouterr().err


FAILING = """
reads = {"curate": ("new",)}
def curate(self, ctx):
    return self.choose(ctx.new)
def choose(self, pairs):
    return pairs.take([10 ** 6])
"""


@pytest.mark.parametrize("workers", ["0", "1"])
def test_an_error_names_the_line_and_leaves_its_traceback(
    workers: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, runs = method(tmp_path, FAILING), tmp_path / "runs"
    file = Path(name.rpartition(":")[0])
    suite = write_suite(tmp_path, mitigations=["none"], seeds=[0], iterations=1)
    command = ["run", str(suite), "--runs", str(runs), "--workers", workers, "--no-mirror", "--method", name]
    assert main(command) == 1
    said = capsys.readouterr().err
    where = f"({file.name}, line 11, in choose)"
    failed = next(line for line in said.splitlines() if line.startswith("failed: "))
    assert failed.startswith("failed: single_model_generator/default/Method/seed=0: ")
    assert failed.endswith(where)
    assert str(tmp_path) not in failed, "the same on every machine"
    log = Path(re.search(r"^traceback: (.*)$", said, re.M)[1])
    assert log.parent == runs / "small" / "errors"
    text = log.read_text()
    assert f'File "{file}", line 11, in choose' in text
    assert "pairs.take([10 ** 6])" in text
    assert where in text


def test_an_undeclared_read_names_the_line(planned: Callable[..., Plan], tmp_path: Path) -> None:
    _, _, cells = run_method(planned, tmp_path, NEW + "def curate(self, ctx):\n    return ctx.real[0]")
    message = cells["Method"][1].error.message
    assert re.fullmatch(
        r"hook 'curate' touched 'real', which its `reads` does not declare: \('new',\) "
        r"\(method_\d+\.py, line 9, in curate\)",
        message,
    ), message


SIGNATURES = {
    "no self": ("def curate(ctx):\n    return ctx.new", "Method.curate: found curate(), self aside; allowed: curate(ctx)"),
    "one more": ("def curate(self, ctx, more):\n    return ctx.new", "found curate(ctx, more), self aside"),
    "no method": ("curate = None", "curate: found None; allowed: a method of self and ctx"),
    "a count of one": ("def draw_count(self, n):\n    return n", "found draw_count(n), self aside; allowed: draw_count(iteration, n)"),
    "reads of a hook that is called otherwise": (
        "reads = {'curate': ('new',)}\ndef prompts(self, ctx):\n    return ctx.prompts\ndef choose(self, ctx):\n    return ctx.new",
        "reads: found hook 'curate', which Method does not have; allowed: a method curate, or no such line",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNATURES)
def test_hooks_that_cannot_be_asked_are_refused(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, said = SIGNATURES[case]
    suite = write_suite(tmp_path)
    assert main(["plan", str(suite), "--method", method(tmp_path, body)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "losses",
            "the function of Method.objective returned Tensor of (8,); allowed: one number, such as losses.mean()",
        ),
        ("float(losses.mean())", "the function of Method.objective returned float; allowed: one number"),
        ("None", "the function of Method.objective returned None; allowed: one number"),
        (
            "losses.detach().mean()",
            "returned a number without a gradient; allowed: one that is computed from the losses",
        ),
    ],
)
@pytest.mark.slow
def test_a_loss_that_is_none_is_one_sentence(
    code: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = method(tmp_path, f"def objective(self, ctx):\n    return lambda losses, context: {code}")
    assert main(["try", name]) == 1
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_loss_can_be_sent_to_other_devices_where_its_authors_can() -> None:
    import pickle

    import torch

    from benchmarks.methods.returned import Checked
    from lightning_modules.fitting.objectives import weighted_mean

    sent = pickle.loads(pickle.dumps(Checked(weighted_mean, "Method")))
    losses = torch.tensor([1.0, 3.0], requires_grad=True)
    assert float(sent(losses, {"weights": torch.ones(2)})) == 2.0
    with pytest.raises(StepError, match="returned Tensor of"):
        Checked(lambda losses, context: losses, "Method")(losses, {})
