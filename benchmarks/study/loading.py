"""Finding and reading the YAML files of a study: suites, testbeds, scenarios, methods, lists of attributes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.study.metric_groups import MetricGroup, families
from benchmarks.study.mitigation_file import MitigationFile
from benchmarks.study.suite import Fits, Scenario, Suite
from benchmarks.study.testbed import AttributeList, Testbed
from records.errors import UsageError, brief
from records.files import there
from records.inherit import Inherited, inherit
from records.merging import merged
from records.place import ROOT
from records.sources import add_to_path, module_file
from records.typed import typed
from records.yaml_text import read_yaml

T = TypeVar("T")
SUITES = ROOT / "suites"
#: Letters of a list of names that an error still writes out.
MOST_NAMES = 60


def load_suite(name_or_path: str, overrides: Sequence[str] = ()) -> tuple[Suite, Path]:
    """Read a suite by shipped name or by path, with command-line overrides such as `--iterations 3`.

    Returns:
        The suite, with metric groups written out, and the file it came from.

    Raises:
        UsageError: When the file is missing or anything in it is wrong.
    """
    file = find_file(name_or_path, SUITES, "suite")
    if file.parent != SUITES:
        add_to_path(file.parent)  # a model, metric or data set beside a suite is found
    suite = read(Suite, file, overrides)
    with extended(file).blaming(overrides):
        metrics = families(suite.metrics, file, lambda group: read(MetricGroup, group), SUITES / "metrics")
    return dataclasses.replace(suite, metrics=metrics), file


def load_testbed(suite: Suite, suite_file: Path) -> tuple[Testbed, Path]:
    """Read the testbed that a suite names."""
    file = find_file(suite.testbed, suite_file.parent, f"{suite_file}: testbed", SUITES / "testbeds", SUITES)
    return read(Testbed, file), file


def load_attributes(testbed: Testbed, testbed_file: Path) -> AttributeList | None:
    """Read the list of attributes that a testbed names, if it names one."""
    if testbed.attributes is None:
        return None
    where = f"{testbed_file}: attributes"
    return read(AttributeList, find_file(testbed.attributes, testbed_file.parent, where, SUITES / "attributes"))


def load_scenarios(name: str, suite_file: Path, wanted: Sequence[str] | None) -> list[Scenario]:
    """Read a scenario file and return its variants (all, or those wanted), resolved and typed.

    A scenario file holds the fields of `Scenario` and, optionally, `variants`: name -> fields that it changes.
    """
    file = find_file(name, suite_file.parent, f"{suite_file}: scenarios: file", SUITES / "scenarios")
    data = read_yaml(file)
    variants = data.pop("variants", None) or {"default": {}}
    if not isinstance(variants, dict):
        raise UsageError(f"{file}: variants: found {type(variants).__name__}; allowed: a mapping of name to fields")
    for name, fields in variants.items():
        if not isinstance(fields, dict | None):
            raise UsageError(
                f"{file}: variants: {brief(name)}: found {brief(repr(fields))}; allowed: a mapping of fields"
            )
    unknown = [w for w in wanted or () if w not in variants]
    if unknown:
        raise UsageError(f"{suite_file}: scenarios: {name}: variants: found {unknown}; allowed: {list(variants)}")
    chosen = [v for v in variants if wanted is None or v in wanted]
    return [typed(Scenario, merged(merged(data, variants[v] or {}), {"variant": v}), file) for v in chosen]


def load_mitigation(name_or_path: str, near: Path) -> MitigationFile:
    """Read a method: a shipped name, a YAML file, or `file.py:Class` / `package.module:Class` for one without YAML.

    The folder of the file is put on the Python path, so that its `class_path` is found.
    """
    head, _, cls = name_or_path.partition(":")
    if cls:
        module = head
        if head.endswith(".py"):
            file = find_file(head, Path.cwd(), "method")
            add_to_path(file.parent)
            module = file.stem
            found = module_file(module)
            taken = module in sys.stdlib_module_names or found is None or found.is_relative_to(ROOT)
            if taken and (found is None or found.resolve() != file):
                first = f"Python finds {found} first" if found else "Python cannot import that name"
                raise UsageError(f"method {file}: {first}; allowed: a file that is called otherwise")
            _require_own(module, file, name_or_path)
        spec = MitigationFile(schema=1, name=cls, class_path=f"{module}.{cls}")
        _require_own_name(spec, name_or_path)
        return spec
    if name_or_path.endswith(".py"):
        raise UsageError(f"method {name_or_path}: found a Python file; allowed: with its class, {name_or_path}:Class")
    file = mitigation_file(name_or_path, near)
    spec = read(MitigationFile, file)
    if file.parent != SUITES / "mitigations":
        add_to_path(file.parent)
        _require_own_name(spec, str(file))
    top = (spec.class_path or "").partition(".")[0]
    if (beside := file.parent / f"{top}.py").is_file():
        _require_own(top, beside, f"{file}: class_path")
    return spec


def _require_own_name(spec: MitigationFile, where: str) -> None:
    """Refuse another class under the name of a shipped method: its row would stand in that one's place."""
    file = SUITES / "mitigations" / f"{spec.name}.yaml"
    if there(file):
        shipped = read(MitigationFile, file)
        if (shipped.class_path, shipped.compose) != (spec.class_path, spec.compose):
            raise UsageError(f"method {where}: name: found {spec.name!r}, which ships; allowed: a name of its own")


def _require_own(module: str, file: Path, where: str) -> None:
    """Refuse a method whose file is not what its module's name stands for: other code would run in silence.

    A library that imports a module of Python's own would be given the method, too, in workers that start afresh.
    """
    if module in sys.stdlib_module_names:
        raise UsageError(
            f"{where}: found {file.name}, and Python itself has a module {module!r}; allowed: a file that is called "
            "otherwise"
        )
    found = module_file(module)
    if found is None or (found.resolve() != file.resolve() and found.read_bytes() != file.read_bytes()):
        raise UsageError(
            f"{where}: found {file.name}, and {found or 'nothing that can be imported'} is called {module!r} here; "
            "allowed: a file with a name of its own"
        )


def mitigation_file(name_or_path: str, near: Path) -> Path:
    """Find the YAML file of a method."""
    return find_file(name_or_path, near, "mitigation", SUITES / "mitigations")


def patch_fits(fits: Fits, patch: dict[str, Any], origin: str) -> Fits:
    """Return fit settings with a mitigation's `fit_patch` merged in."""
    return typed(Fits, merged(dataclasses.asdict(fits), patch), Path(f"{origin}: fit_patch"))


def patch_scenario(scenario: Scenario, patch: dict[str, Any], origin: str) -> Scenario:
    """Return the scenario with a mitigation's `scenario_patch` merged in."""
    return typed(Scenario, merged(dataclasses.asdict(scenario), patch), Path(origin))


def find_file(name: str, near: Path, what: str, *shelves: Path) -> Path:
    """Find a YAML file by path (working folder, then `near`) or by bare name on the shelves.

    Raises:
        UsageError: When nothing is there: where was looked, and the names that are there.
    """
    candidates = [Path(name), near / name]
    for shelf in (*shelves, near):
        candidates += [shelf / name, shelf / f"{name}.yaml"]
    for candidate in candidates:
        if there(candidate):
            return candidate.resolve()
    shelf, code = shelves[0] if shelves else near, name.endswith(".py")
    known = sorted(p.name if code else p.stem for p in shelf.glob("*.py" if code else "*.yaml"))
    looked = ", ".join(dict.fromkeys(str(folder) for folder in (Path.cwd(), near.resolve(), *shelves)))
    raise UsageError(f"{what}: no file {brief(name)!r} in {looked}; allowed: a path, {_among(known, name)}")


def _among(known: Sequence[str], name: str) -> str:
    """Return the names that are there in words: all of a few; of many those that were meant."""
    if len(str(known)) <= MOST_NAMES:
        return f"or one of {known}"
    meant = get_close_matches(name, known, 3, 0.6)
    return f"or one of {len(known)} names, such as {', '.join(meant or known[:3])}"


def read(cls: type[T], file: Path, overrides: Sequence[str] = ()) -> T:
    """Read one YAML file, and the files it extends, into a dataclass."""
    whole = extended(file)
    with whole.blaming(overrides):
        return typed(cls, whole.data, file, overrides)


def extended(file: Path) -> Inherited:
    """Read a file together with the files it extends."""
    return inherit(file, read_yaml, SUITES)
