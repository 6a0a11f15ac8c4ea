"""No input is accepted by `plan` and refused by `run` for a reason that lay on the disk: one sentence, nothing written."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.commands.main import main
from records.errors import MOST, UsageError, brief, sentence
from records.yaml_text import yaml_text
from tests.engine.conftest import TESTBED, write_suite
from tests.inputs.refused import refused

LOOP = {"schema": 1, "name": "loop", "trains": ["generator"], "images": "generator", "captions": "prompt"}


def bed(place: str, **changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(TESTBED)
    holder = data[place][0] if isinstance(data[place], list) else data[place]
    holder["init_args"] = {**holder["init_args"], **changes}
    return data


def hub(**changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(TESTBED)
    data["generators"][0] |= {"hub": "org/model", **changes}
    return data


#: Seen to be planned and to fail in the run: wrong types where nothing but a class itself knows what it takes.
SUITES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "an argument of a model": (
        {"testbed_data": bed("generators", classes="three")},
        ("testbed.yaml: generators: g0: init_args: classes: found 'three'; allowed: int",),
    ),
    "a text for a number of a model": (
        {"testbed_data": bed("captioners", spacing="4.0")}, ("captioners: c0: init_args: spacing: found '4.0'", "float"),
    ),
    "a branch for a commit": (
        {"testbed_data": hub(revision="main")}, ("g0: revision: found 'main'; allowed: a commit",),
    ),
    "a short commit": ({"testbed_data": hub(revision="a" * 12)}, ("revision: found 'aaaaaaaaaaaa'",)),
    "a number for a truth of a model": (
        {"testbed_data": bed("captioners", reads_images=1)}, ("init_args: reads_images: found 1; allowed: bool",),
    ),
    "a list of texts for numbers": (
        {"testbed_data": bed("captioners", probabilities=["a"])}, ("init_args: probabilities[0]: found 'a'",),
    ),
    "an argument of the data": (
        {"testbed_data": bed("data", seed="0")}, ("testbed.yaml: data: init_args: seed: found '0'; allowed: int",),
    ),
    "a size that is a text": (
        {"testbed_data": bed("data", sizes={"prompts": "64"})}, ("sizes.prompts: found '64'; allowed: int",),
    ),
    "a size below zero": ({"testbed_data": bed("data", sizes={"prompts": -1})}, ("testbed.yaml: data:", "prompts", "-1")),
    "a key twice removed": ({"evaluate": {"decoding": {"generator": {"stepz": 1}}}}, ("stepz", "guidance")),
    "nothing": ({"scenarios": None}, ("scenarios: found null; allowed: a list",)),
    "a mapping for a text": ({"testbed": {"a": 1}}, ("testbed: found a mapping; allowed: str",)),
    "a testbed of a zero byte": ({"testbed": "a\x00b"}, ("testbed: no file",)),
    "a scenario by a long name": ({"scenarios": [{"file": "x" * 400}]}, ("scenarios: file: no file",)),
    "a group by a long name": ({"metrics": ["x" * 400]}, ("metrics: found",)),
    "an unknown metric": ({"primary": {"generator": "x" * 400}}, ("primary: generator: found",)),
    "nothing to judge what is trained": ({"primary": {"captioner": "heterozygosity"}}, ("primary: found none of generator",)),
    "no headline": ({"primary": {}}, ("single_model_generator: default: primary: found none",)),
    "many unknown keys": ({f"key{'x' * 99}{i}": i for i in range(9)}, ("is unknown",)),
}  # fmt: skip

SCENARIOS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a text for steps": ({"decoding": {"generator": {"steps": "many"}}}, ("decoding.generator: steps: found 'many'",)),
    "half a step": ({"decoding": {"generator": {"steps": 2.5}}}, ("decoding.generator: steps: found 2.5; allowed: int",)),
    "a truth for a number": ({"decoding": {"generator": {"guidance": True}}}, ("guidance: found True; allowed: float",)),
    "a number for a name": ({"decoding": {"generator": {"scheduler": 5}}}, ("scheduler: found 5; allowed: str",)),
    "an unknown field": ({"decoding": {"captioner": {"temp": 1}}}, ("'temp' is unknown; allowed: temperature",)),
    "out of range": ({"decoding": {"generator": {"steps": 0}}}, ("decoding.generator: steps must be at least 1",)),
    "a level of a budget": (
        {"budget": {"modality": "generator", "equal": "evaluations", "reference": {"steps": "x"}}},
        ("budget.reference: steps: found 'x'",),
    ),
    "variants that are a list": ({"variants": ["a"]}, ("variants: found list; allowed: a mapping",)),
    "a variant that is a list": ({"variants": {"a": [1]}}, ("variants: a: found [1]; allowed: a mapping of fields",)),
    "a variant that is a number": ({"variants": {"a": 0}}, ("variants: a: found 0",)),
}  # fmt: skip


@pytest.mark.parametrize("case", SUITES)
def test_suites_and_testbeds(case: str, tmp_path: Path) -> None:
    changes, parts = SUITES[case]
    refused(write_suite(tmp_path, **changes), *parts)


@pytest.mark.parametrize("case", SCENARIOS)
def test_scenarios(case: str, tmp_path: Path) -> None:
    changes, parts = SCENARIOS[case]
    (tmp_path / "loop.yaml").write_text(yaml_text({**LOOP, **changes}))
    refused(write_suite(tmp_path, scenarios=[{"file": "loop"}]), *parts)


METHODS = {
    "raises when made": "    def __init__(self): raise KeyError('gone')",
    "raises when asked": "    def reserve_items(self, n): return {}['gone']",
    "returns no number": "    def reserve_items(self, n): return 'all'",
    "asks nonsense of a scenario": "    def applies(self, scenario): return scenario.nothing",
    "no tuple of names": "    reads = {'curate': 5}",
    "reads that are no mapping": "    reads = ('new',)",
    "reads that are one name": "    reads = {'curate': 'new'}",
    "a misspelt modality": "    modalities = ('captoner',)",
    "a modality that is a text": "    modalities = 'captioner'",
    "half a candidate": "    oversample = 2.5",
    "a pool of no size": "    def pool_size(self, iteration, n): return n / 3",
}


@pytest.mark.parametrize("case", METHODS)
def test_methods_that_fail_in_their_own_way(case: str, tmp_path: Path) -> None:
    file = tmp_path / f"fails_{case.replace(' ', '_')}.py"
    curate = "    def curate(self, ctx): return ctx.new"
    file.write_text(
        f"from benchmarks.methods.hooks import Mitigation\n\n\nclass Method(Mitigation):\n{METHODS[case]}\n\n{curate}\n"
    )
    refused(write_suite(tmp_path), "mitigation ", arguments=["--method", f"{file}:Method"])


def test_weights_that_are_others_than_their_card_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights that are not here can be planned with; those that are here and wrong are refused by both commands."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "card.json").write_text(json.dumps({"digest": "0" * 64}))
    testbed = {**TESTBED, "generators": [{**TESTBED["generators"][0], "folder": str(folder)}]}
    refused(write_suite(tmp_path, testbed), "g0: folder: the files in", "or no card")
    testbed["generators"][0]["folder"] = str(tmp_path / "nowhere")
    assert main(["plan", str(write_suite(tmp_path, testbed)), "--runs", str(tmp_path / "runs")]) == 0
    assert "MISSING" in capsys.readouterr().out


def test_a_sentence_is_one_short_line() -> None:
    said = sentence(UsageError("a.yaml: found\n" + "\x1b[31m x" * 500 + "; allowed: less"))
    assert len(said) < MOST
    assert said.isprintable()
    assert said.startswith("a.yaml: found [31m x")
    assert said.endswith("; allowed: less")
    assert brief("short") == "short"
    assert len(brief("x" * 99)) == 60


@pytest.mark.parametrize("quote", ["'", '"'])
def test_a_long_sentence_keeps_the_command_that_one_can_copy(quote: str) -> None:
    deep = "/" + "/".join(["folder_with_a_long_name"] * 5)
    command = f"{quote}make bench SUITE={deep}/small.yaml{quote}"
    said = sentence(UsageError(f"{deep}/a.yaml: none, seed 2: no file in {deep}/results; allowed: one (run {command})"))
    assert said == (
        f".../folder_with_a_long_name/a.yaml: none, seed 2: no file in .../folder_with_a_long_name/results; "
        f"allowed: one (run {command})"
    )
    assert len(sentence(UsageError(f"{command}, {'very ' * 30}long"))) < MOST
