"""What is shipped: each method has a source, applies where it says, refuses bad knobs, and stands on its page."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from benchmarks.planning.plan import Plan
from benchmarks.study.loading import ROOT, SUITES, load_mitigation
from records.errors import UsageError

FILES = sorted((SUITES / "mitigations").glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_file_says_what_it_is(file: Path) -> None:
    spec = load_mitigation(file.stem, file.parent)
    assert spec.name == file.stem
    assert spec.source, "published somewhere"
    assert all((spec.summary, spec.constants, spec.consumes)), "what its row of the page says"
    assert spec.applies_to


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_the_page_has_a_row_for_it(file: Path) -> None:
    page = (ROOT / "docs" / "methods.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(f"| `{file.stem}`")]
    assert len(rows) == 1
    cells = [cell.strip() for cell in rows[0].strip("|").split("|")]
    assert len(cells) == 6
    assert all(cells)
    source = yaml.safe_load(file.read_text())["source"].removeprefix("arXiv ")
    assert all(number in cells[1] for number in source.split(", "))


def test_the_page_names_no_method_that_is_not_there() -> None:
    page = (ROOT / "docs" / "methods.md").read_text()
    named = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert named == {file.stem for file in FILES}


@pytest.mark.parametrize(
    ("name", "knob", "found", "said"),
    [
        ("accumulate", "cap", 1, "cap: found 1; allowed: a whole number, 2 or more"),
        ("accumulate_subsample", "size", 0, "size: found 0; allowed: a number above 0"),
        ("real_augmentation", "ratio", "much", "ratio: found 'much'; allowed: a number above 0"),
        ("golden_ratio", "k", -1, "k: found -1; allowed: a number above 0"),
        ("verifier_filter", "factor", 1, "factor: found 1; allowed: a whole number, 2 or more"),
        ("best_of_n", "per_prompt", 3, "per_prompt: found 3; allowed: true or false"),
        ("preference_choice", "scale", True, "scale: found True; allowed: a number above 0"),
        ("pluralistic_choice", "factor", 2, "factor: found 2; allowed: a whole number, 3 or more"),
        ("pluralistic_choice", "q", 1.5, "q: found 1.5; allowed: 0 or more, at most 1"),
        ("surprise_filter", "factor", 1, "factor: found 1; allowed: a whole number, 2 or more"),
        ("self_verification", "factor", True, "factor: found True; allowed: a whole number, 2 or more"),
        ("latent_filter", "k", 1, "k: found 1; allowed: a whole number, 2 or more"),
        ("diversity_selection", "factor", 2.5, "factor: found 2.5; allowed: a whole number, 2 or more"),
        ("detector_resampling", "b", -1.0, "b: found -1.0; allowed: a number above 0"),
        ("detector_resampling", "repeats", 0, "repeats: found 0; allowed: a whole number, 1 or more"),
        ("self_correction", "k", 0, "k: found 0; allowed: a whole number, 1 or more"),
        ("self_correction", "gamma", None, "gamma: found None; allowed: a number above 0"),
        ("to_edit", "threshold", 1.1, "threshold: found 1.1; allowed: 0 or more, at most 1"),
        ("to_edit", "candidates", 1, "candidates: found 1; allowed: a whole number, 2 or more"),
        ("corpus_injection", "rate", 0, "rate: found 0; allowed: above 0, at most 1"),
        ("content_injection", "rate", 2, "rate: found 2; allowed: above 0, at most 1"),
        ("partial_relabel", "fraction", 0, "fraction: found 0; allowed: above 0, at most 1"),
    ],
)
def test_a_bad_knob_is_one_clear_sentence(
    name: str, knob: str, found: object, said: str, planned: Callable[..., Plan], tmp_path: Path
) -> None:
    method = yaml.safe_load((SUITES / "mitigations" / f"{name}.yaml").read_text())
    method["init_args"] = {**method.get("init_args", {}), knob: found}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(method))
    with pytest.raises(UsageError) as error:
        planned(str(tmp_path / "bad.yaml"))
    assert str(error.value).endswith(f"bad.yaml: init_args: {said}")


def test_planning_every_method_imports_no_torch() -> None:
    names = [file.stem for file in FILES if file.stem not in ("none", "real")]
    code = (
        "import sys\nfrom benchmarks.planning.planner import make_plan\n"
        f"make_plan('board', ('--seeds', '[0]', '--iterations', '1'), {names})\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
