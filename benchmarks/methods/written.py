"""What an author may have written otherwise than meant: a hook under another name, no hook, a name of no file."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from inspect import signature
from numbers import Integral
from pathlib import Path
from typing import Any

from benchmarks.methods.hooks import COUNTS, HOOKS, Mitigation
from benchmarks.methods.method import Method
from benchmarks.methods.nothing import Nothing
from benchmarks.study.loading import SUITES
from benchmarks.study.mitigation_file import MitigationFile
from records.checks import require
from records.errors import UsageError, brief, naming
from records.identity import identity
from records.names import MODALITIES, no_twins, plain_name

#: What a method may define, and of that the attributes that are no methods.
KNOWN = tuple(name for name in vars(Mitigation) if not name.startswith("_"))
PLAIN = ("reads", "modalities", "oversample", "version")
#: What a method is asked with, beside itself: hooks with a context, the others as `Mitigation` says.
ASKED_WITH = {
    **dict.fromkeys(HOOKS, ("ctx",)), "draw_count": ("iteration", "n"), "pool_size": ("iteration", "n"),
    "reserve_items": ("n",), "applies": ("scenario",),
}  # fmt: skip
#: How alike a name is to one of them that was meant: a letter or two of difference.
ALIKE = 0.8


def check_class(cls: type[Mitigation], class_path: str, name: str) -> None:
    """Refuse a class that does less than its author thinks, or has no name that an entry can hold.

    Raises:
        UsageError: Naming the attribute, what was found and what is allowed.
    """
    with naming(f"mitigation {name}", ValueError):
        plain_name(str(identity(class_path)["name"]), "name of the class", 64)
    for holder in (c for c in cls.__mro__ if issubclass(c, Mitigation) and c is not Mitigation):
        for found, value in vars(holder).items():
            meant = get_close_matches(found.lower(), KNOWN if callable(value) else PLAIN, 1, ALIKE)
            if meant and found not in KNOWN and not found.startswith("_"):
                raise UsageError(
                    f"mitigation {name}: {holder.__name__}: found {found!r}, which nothing calls; allowed: {meant[0]}, "
                    "or a name less like it"
                )


def check_attributes(hooks: Mitigation, name: str) -> None:
    """Refuse attributes of another kind than the loop reads, and hooks that it cannot ask.

    Raises:
        UsageError: Naming the attribute, what was found and what is allowed.
    """
    _check_signatures(hooks, name)
    reads, modalities, oversample = hooks.reads, hooks.modalities, hooks.oversample
    with naming(f"mitigation {name}", ValueError):
        lists = isinstance(reads, Mapping) and all(isinstance(names, tuple | list) for names in reads.values())
        require(lists, f"reads: found {brief(repr(reads))}; allowed: a mapping of hooks to tuples of names")
        whole = isinstance(oversample, int) and not isinstance(oversample, bool)
        require(whole, f"oversample: found {brief(repr(oversample))}; allowed: a whole number")
        require(
            isinstance(modalities, tuple | list) and bool(modalities) and set(modalities) <= set(MODALITIES),
            f"modalities: found {brief(repr(modalities))}; allowed: a tuple of {', '.join(MODALITIES)}",
        )


def _check_signatures(hooks: Mitigation, name: str) -> None:
    for own, given in ASKED_WITH.items():
        found = getattr(hooks, own)
        with naming(f"mitigation {name}", ValueError):
            require(callable(found), f"{own}: found {brief(repr(found))}; allowed: a method of self and {given[0]}")
        try:
            taken = signature(found)
            taken.bind(*given)
        except ValueError:  # what Python cannot look into
            continue
        except TypeError as error:
            raise UsageError(
                f"mitigation {name}: {type(hooks).__name__}.{own}: found {own}{taken}, self aside; "
                f"allowed: {own}({', '.join(given)})"
            ) from error


def check_unread(hooks: Mitigation, name: str) -> None:
    """Refuse what is declared to be read by a hook that the class has not: its author calls the hook something else.

    Raises:
        UsageError: Naming the hook and the class.
    """
    for hook in hooks.reads:
        if not hooks.overrides(hook):
            raise UsageError(
                f"mitigation {name}: reads: found hook {hook!r}, which {type(hooks).__name__} does not have; "
                f"allowed: a method {hook}, or no such line"
            )


def counted(count: Any, least: int, name: str, what: str) -> int:
    """Return what a method says of a size when it is planned.

    Raises:
        UsageError: It fails, or says no whole number.
    """
    with naming(f"mitigation {name}: {what}", Exception):  # an author's code may fail in any way of its own
        found = count()
        whole = isinstance(found, Integral) and not isinstance(found, bool) and int(found) >= least
        require(whole, f"found {brief(repr(found))}; allowed: a whole number, {least} or more")
    return int(found)


def check_acts(method: Method, name: str) -> None:
    """Refuse a class without any hook, other than that of `none`.

    Raises:
        UsageError: Naming the class.
    """
    if method.class_path and not method.active and type(method.hooks) is not Nothing:
        raise UsageError(
            f"mitigation {name}: {type(method.hooks).__name__} has no hook, so its row would be that of none; "
            f"allowed: one or more of {', '.join((*HOOKS, *COUNTS))}"
        )


def check_name(spec: MitigationFile, name: str) -> None:
    """Refuse a method that no entry could be written of, by its own name or by that of its file.

    Raises:
        UsageError: Naming the method, what was found and what is allowed.
    """
    shipped = [file.stem for file in (SUITES / "mitigations").glob("*.yaml")]
    with naming(f"mitigation {name}", ValueError):
        plain_name(spec.name, "name")
        plain_name(Path(name.partition(":")[0]).name, "file")
        no_twins((*shipped, spec.name), "name")
