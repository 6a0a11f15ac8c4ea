"""YAML into the dataclasses of `benchmarks.study.suite`, with one clear sentence for whatever is wrong.

All of jsonargparse's surface that the engine uses is in this module.
"""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Hashable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from benchmarks.study.inherit import Inherited, inherit
from benchmarks.study.metric_groups import MetricGroup, families
from benchmarks.study.mitigation_file import MitigationFile
from benchmarks.study.suite import Fits, Scenario, Suite
from benchmarks.study.testbed import AttributeList, ClassSpec, ModelSpec, Testbed
from records.errors import UsageError
from records.findings import ClaimSpec
from records.sources import add_to_path

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / "suites"


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
        return MitigationFile(schema=1, name=cls, class_path=f"{module}.{cls}")
    file = mitigation_file(name_or_path, near)
    if file.parent != SUITES / "mitigations":
        add_to_path(file.parent)
    return read(MitigationFile, file)


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
        UsageError: When nothing is there, with the names that are.
    """
    candidates = [Path(name), near / name]
    for shelf in (*shelves, near):
        candidates += [shelf / name, shelf / f"{name}.yaml"]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    shelf = shelves[0] if shelves else near
    known = sorted(p.stem for p in shelf.glob("*.yaml"))
    raise UsageError(f"{what}: no file {name!r}; allowed: a path, or one of {known}")


def read(cls: type[T], file: Path, overrides: Sequence[str] = ()) -> T:
    """Read one YAML file, and the files it extends, into a dataclass."""
    whole = extended(file)
    with whole.blaming(overrides):
        return typed(cls, whole.data, file, overrides)


def extended(file: Path) -> Inherited:
    """Read a file together with the files it extends."""
    return inherit(file, read_yaml, SUITES)


def read_yaml(file: Path) -> dict[str, Any]:
    """Read a YAML mapping through the safe loader."""
    try:
        data = yaml.load(file.read_text(encoding="utf-8"), Loader=_SafeLoader)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: not UTF-8, or a date that is none
        raise UsageError(f"{file}: not valid YAML ({_one_line(error)})") from error
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error
    if not isinstance(data, dict):
        raise UsageError(f"{file}: found {type(data).__name__}; allowed: a mapping of keys to values")
    return data


class _SafeLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The safe loader, reading 4e-4 as a number and refusing a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.YAMLError(f"key {key!r} is no plain text, line {key_node.start_mark.line + 1}")
            if key in seen:
                raise yaml.YAMLError(f"key {key!r} stands twice, line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


_SafeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


def typed(cls: type[T], data: dict[str, Any], file: Path, overrides: Sequence[str] = ()) -> T:
    """Turn plain data into a dataclass: unknown keys first, then types, then the class's own checks."""
    check_keys(cls, data, file)
    for override in overrides:
        _check_override(cls, override, file)
    parser = _parser(cls)  # type: ignore[arg-type]
    try:
        namespace = parser.parse_object(_wrapped(cls, data, top=True))
        if overrides:
            namespace = parser.parse_args(list(overrides), namespace=namespace)
        return cls(**{k: _renamed(v, _OPAQUE, "class_path") for k, v in vars(parser.instantiate(namespace)).items()})
    except SystemExit as error:
        raise UsageError(f"{file}: the overrides {list(overrides)} cannot be read") from error
    except Exception as error:
        where = f"{file}" + (f" with {' '.join(overrides)}" if overrides else "")
        raise UsageError(f"{where}: {_plain(error)}") from error


def _check_override(cls: type, override: str, file: Path) -> None:
    """Refuse `--key value` of an unknown key; values are left to the parser."""
    if override.startswith("--"):
        known: Any = None
        for part in reversed(override[2:].partition("=")[0].split(".")):
            known = {part: known}
        check_keys(cls, known, Path(f"{file} with {override}"))


@cache
def _parser(cls: type) -> ArgumentParser:
    set_parsing_settings(subclasses_enabled=[ClassSpec, ModelSpec, ClaimSpec])
    parser = ArgumentParser(exit_on_error=False, allow_abbrev=False, add_help=False)
    parser.add_class_arguments(cls, None)
    return parser


def check_keys(cls: Any, data: Any, file: Path, path: str = "") -> None:
    """Refuse a key that the dataclass does not have, naming where it stands and what is allowed there."""
    for inner in _dataclasses_in(cls) if data is not None else ():
        hints = typing.get_type_hints(inner)
        listed = isinstance(data, (list, tuple))
        if typing.get_origin(cls) is tuple and not listed:
            raise UsageError(f"{file}: {path}: found {data!r}; allowed: a list")
        for item in data if listed else [data]:
            if item is None:
                continue
            if not isinstance(item, dict):
                raise UsageError(f"{file}: {path}: found {item!r}; allowed: a mapping with keys {', '.join(hints)}")
            for key, value in item.items():
                here = f"{path}.{key}" if path else str(key)
                if key not in hints:
                    raise UsageError(f"{file}: key {here!r} is unknown; allowed: {', '.join(hints)}")
                check_keys(hints[key], value, file, here)
        return


def _wrapped(hint: Any, data: Any, top: bool = False) -> Any:
    """Say of every dataclass that holds a `class_path` field which class it is.

    jsonargparse takes any mapping of class_path and init_args for its own notation of "make that class"; here they
    are plain text, so the dataclass itself is named in that notation and they become its arguments.
    """
    inner = _dataclasses_in(hint)
    if isinstance(data, (list, tuple)):
        return [_wrapped(hint, item) for item in data]
    if not inner or not isinstance(data, dict):
        return data
    hints = typing.get_type_hints(inner[0])
    free = {k for k in hints if top and typing.get_origin(hints[k]) is dict}  # arguments and patches: plain data
    fields = {k: _renamed(v, "class_path", _OPAQUE) if k in free else _wrapped(hints[k], v) for k, v in data.items()}
    if top or "class_path" not in hints:
        return fields
    return {"class_path": f"{inner[0].__module__}.{inner[0].__qualname__}", "init_args": fields}


#: What a `class_path` within arguments is called while jsonargparse has them: it would make that class.
_OPAQUE = "class_path:"


def _renamed(data: Any, key: str, name: str) -> Any:
    """Return plain data with a key of its mappings called another name."""
    if isinstance(data, dict):
        return {name if k == key else k: _renamed(v, key, name) for k, v in data.items()}
    return [_renamed(v, key, name) for v in data] if isinstance(data, list) else data


def _dataclasses_in(hint: Any) -> list[type]:
    """Return the dataclass that a hint such as ``tuple[X, ...]`` or ``X | None`` holds, if any."""
    if dataclasses.is_dataclass(hint):
        return [typing.cast(type, hint)]
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) in (tuple, list, typing.Union):
        return [c for arg in typing.get_args(hint) for c in _dataclasses_in(arg)]
    return []


def merged(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with ``patch`` laid over it, mappings merged key by key, everything else replaced."""
    result = dict(base)
    for key, value in patch.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def _plain(error: BaseException) -> str:
    """Return what jsonargparse says, in the words of this project."""
    text = re.sub(r'Parser key "([^"]*)": ', r"\1: ", _one_line(error))
    text = re.sub(r"Expected an? <class '(\w+)'>\. Got value: (.*)", r"found \2; allowed: \1", text)
    text = re.sub(r"^(\S+): Unable to load config '(.*?)' - .*", r"\1: found \2; allowed: a mapping", text)
    text = text.partition(" Subclass types expect")[0]
    text = re.sub(r"allowed: tuple$", "allowed: a list", text)
    return text.replace("unrecognized arguments: ", "allowed: --key value; found: ")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
