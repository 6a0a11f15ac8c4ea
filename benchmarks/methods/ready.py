"""Methods ready to plan with: from YAML to hooks and patches, composed where asked for, all checked."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.methods.compose import Composed
from benchmarks.methods.entering import entering
from benchmarks.methods.hooks import FITTING, HOOKS, NOT_YET, SCORED, SOURCES, Mitigation
from benchmarks.methods.method import Method
from benchmarks.methods.nothing import Nothing
from benchmarks.methods.written import check_attributes, check_class, check_unread
from benchmarks.study.loading import load_mitigation, mitigation_file
from benchmarks.study.mitigation_file import MitigationFile
from benchmarks.study.opening import check_arguments
from records.errors import UsageError, naming
from records.loaded import current, imported
from records.merging import merged
from records.sources import import_class, read_class


@dataclass(frozen=True, eq=False)
class Ready:
    """A method with all that it changes.

    Attributes:
        spec: Its file.
        method: Its hooks; a method that only patches has none.
        scenario_patch: Fields of the scenario that it changes.
        fit_patch: Fields of the fit settings that it changes, by modality.
    """

    spec: MitigationFile
    method: Method
    scenario_patch: dict[str, Any]
    fit_patch: dict[str, Any]

    def fits_as_real(self, modality: str) -> bool:
        """Whether models of a modality train, and are evaluated, as under `real`: the method changes data alone.

        How a pool is drawn, and with what besides (`sampling`, `auxiliary`), reaches neither fits nor evaluations.
        """
        parted = self.scenario_patch.get("members", {}).get("segments", False)
        elsewhere = parted or self.scenario_patch.keys() & {"start", "trains"}
        acts = any(self.method.hooks.acts(hook, modality) for hook in FITTING)
        return not (acts or elsewhere or self.fit_patch.get(modality))


def make_method(name: str, near: Path) -> Ready:
    """Read a method and make it ready.

    Args:
        name: A shipped name, a YAML file, or `file.py:Class`.
        near: Folder of the suite.

    Raises:
        UsageError: When anything in it is wrong, or what it is composed of collides.
    """
    spec = load_mitigation(name, near)
    check_search(spec, name)
    if spec.compose:
        return _composed(spec, name, near)
    if spec.class_path is None:
        method = Method(spec.name, Nothing(), "", {})
    else:
        method = Method(spec.name, make_hooks(spec.class_path, spec.init_args, name), spec.class_path, spec.init_args)
        check_hooks(method.hooks, name)
    return Ready(spec, method, spec.scenario_patch, spec.fit_patch)


def _composed(spec: MitigationFile, name: str, near: Path) -> Ready:
    parts, patches = [], {"scenario_patch": _Patch(name), "fit_patch": _Patch(name)}
    home = mitigation_file(name, near).parent
    for part in spec.compose:
        ready = make_method(part, home if (home / part).exists() else near)
        if ready.spec.compose:
            raise UsageError(f"mitigation {name}: compose: found {part!r}, itself composed; allowed: plain methods")
        parts.append(ready)
        for key, patch in patches.items():
            patch.add(getattr(ready, key), part)
    acting = [(p.spec.name, p.method.hooks) for p in parts if p.method.active]
    hooks: Mitigation = Composed(acting, f"mitigation {name}: compose") if acting else Nothing()
    active = [(p.method.class_path, p.method.init_args) for p in parts if p.method.active]
    made = [{"class_path": path, "init_args": entering(path, knobs)} for path, knobs in active]
    method = Method(
        spec.name, hooks, "benchmarks.methods.compose.Composed" if made else "", {"parts": made} if made else {}
    )
    check_hooks(hooks, name)
    return Ready(spec, method, patches["scenario_patch"].whole, patches["fit_patch"].whole)


class _Patch:
    """Patches of several methods, as long as no two set the same thing."""

    def __init__(self, name: str):
        self.name = name
        self.whole: dict[str, Any] = {}
        self.owners: dict[str, str] = {}

    def add(self, patch: dict[str, Any], part: str) -> None:
        for path in _leaves(patch):
            for other, owner in self.owners.items():
                if other.startswith(path) or path.startswith(other):
                    raise UsageError(
                        f"mitigation {self.name}: compose: {owner!r} and {part!r} both set {path.rstrip('.')}; "
                        "allowed: methods that change different things"
                    )
        self.owners |= dict.fromkeys(_leaves(patch), part)
        self.whole = merged(self.whole, patch)


def _leaves(patch: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield the dotted path of everything that a patch sets, each with a dot behind."""
    for key, value in patch.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{path}{key}.")
        else:
            yield f"{path}{key}."


def make_hooks(class_path: str, init_args: dict[str, Any], name: str) -> Mitigation:
    """Make the hooks of a method.

    Raises:
        UsageError: The class is none, or does not take these arguments.
    """
    with naming(f"mitigation {name}"):
        cls = import_class(class_path)
    if not (inspect.isclass(cls) and issubclass(cls, Mitigation)):
        raise UsageError(f"mitigation {name}: class_path {class_path!r} is no benchmarks.methods.hooks.Mitigation")
    if imported(class_path) != current(class_path):
        raise UsageError(
            f"mitigation {name}: class_path {class_path!r} was edited after this process imported it; "
            "allowed: a new process"
        )
    check_class(cls, class_path, name)
    source = read_class(class_path)
    allowed = source.parameters
    unknown = [k for k in init_args if allowed is not None and k not in allowed]
    if unknown:
        raise UsageError(
            f"mitigation {name}: init_args: key {unknown[0]!r} is unknown; allowed: {', '.join(allowed or ())}"
        )
    try:
        made: Mitigation = cls(**init_args)
    except Exception as error:  # a class may refuse in any way of its own
        raise UsageError(f"mitigation {name}: init_args: {error}") from error
    check_arguments(source, init_args, f"mitigation {name}")  # what it has not looked at itself
    return made


def check_hooks(hooks: Mitigation, name: str) -> None:
    """Refuse hooks that the loop cannot serve.

    Raises:
        UsageError: Naming the attribute, what was found and what is allowed.
    """
    check_attributes(hooks, name)
    curates = hooks.overrides("curate")
    if hooks.oversample != 1 and not (curates and hooks.oversample > 1):
        raise UsageError(
            f"mitigation {name}: oversample: found {hooks.oversample}; allowed: 1, or more where curate chooses"
        )
    if hooks.overrides("pool_size") and not curates:
        raise UsageError(f"mitigation {name}: pool_size: found without the hook curate; allowed: both, or neither")
    for hook, reads in hooks.reads.items():
        if hook not in HOOKS:
            raise UsageError(f"mitigation {name}: reads: found hook {hook!r}; allowed: {', '.join(HOOKS)}")
        unknown = [r for r in reads if r not in SOURCES]
        if unknown:
            raise UsageError(f"mitigation {name}: reads: {hook}: found {unknown[0]!r}; allowed: {', '.join(SOURCES)}")
        unready = [r for r in reads if r in NOT_YET.get(hook, ())]
        if "fitted" in hooks.reads.get("auxiliary", ()) and hook in ("objective", "merge"):
            unready += [r for r in reads if r == "auxiliary"]
        if unready:
            raise UsageError(
                f"mitigation {name}: reads: {hook}: found {unready[0]!r}, which is made later than it asks"
            )
    check_unread(hooks, name)


def check_scorers(ready: Ready, name: str, testbed: str, scorers: int) -> None:
    """Refuse a method that measures with scorers on a testbed that has none.

    Raises:
        UsageError: Naming both.
    """
    read = [(hook, r) for hook, reads in ready.method.hooks.reads.items() for r in reads if r in SCORED]
    if read and not scorers:
        raise UsageError(
            f"mitigation {name}: reads: {read[0][0]}: found {read[0][1]!r}, and testbed {testbed!r} names no scorers; "
            "allowed: a testbed with scorers"
        )


def check_search(spec: MitigationFile, name: str) -> None:
    """Refuse a search space of knobs that the method has not, or without the value that it is run with.

    Raises:
        UsageError: Naming the knob, what was found and what is allowed.
    """
    for knob, values in spec.search.items():
        if not values or any(value in values[:i] for i, value in enumerate(values)):
            raise UsageError(f"mitigation {name}: search: {knob}: found {values}; allowed: one or more distinct values")
        found, there = knob_of(spec, knob)
        if not there:
            raise UsageError(
                f"mitigation {name}: search: found {knob!r}, which the file does not set; allowed: a key of init_args, "
                "or a path such as fit_patch.captioner.lora.rank"
            )
        if found not in values:
            raise UsageError(
                f"mitigation {name}: {knob}: found {found!r}, outside of its search space; allowed: {values}"
            )


def knob_of(spec: MitigationFile, knob: str) -> tuple[Any, bool]:
    """Return the value that a method's file gives a knob, and whether it gives one."""
    value: Any = {"scenario_patch": spec.scenario_patch, "fit_patch": spec.fit_patch, **spec.init_args}
    for key in knob.split("."):
        if not isinstance(value, dict) or key not in value:
            return None, False
        value = value[key]
    return value, True


def with_knobs(spec: MitigationFile, knobs: dict[str, Any], name: str) -> MitigationFile:
    """Return a method's file under another name, with other values of some knobs."""
    changes: dict[str, Any] = {}
    for knob, value in knobs.items():
        head, _, rest = knob.partition(".")
        field, path = (head, rest) if rest and head not in spec.init_args else ("init_args", knob)
        for key in reversed(path.split(".")):
            value = {key: value}
        changes[field] = merged(changes.get(field, getattr(spec, field)), value)
    return replace(spec, name=name, search={}, **changes)
