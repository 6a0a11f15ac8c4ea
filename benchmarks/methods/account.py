"""What a hook did, in words: what it read, what it returned and how that differs, what it said that it consumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

import numpy as np

from benchmarks.methods.hooks import SOURCES, Context
from datamodules.pairs import Pairs
from records.errors import brief


def read(seen: Context) -> list[str]:
    """Return what a hook touched of what it declares, each with its size."""
    return [f"{name}: {_size(value)}" for name, value in _touched(seen).items()]


def returned(seen: Context) -> tuple[str, bool]:
    """Return what a hook returned, in words, and whether that may differ from what there was without it."""
    return _TOLD[seen.hook](seen.returned, seen)


def remarks(seen: Context) -> list[str]:
    """Return what an author may not have meant: sources that nobody touched."""
    touched = _touched(seen)
    idle = [name for name in seen.declared if name not in touched]
    return [f"{seen.hook} declares {', '.join(idle)} and did not touch it: its steps wait for that"] if idle else []


def _touched(seen: Context) -> dict[str, Any]:
    return {name: vars(seen)[name] for name in SOURCES if name in vars(seen)}


def _size(value: Any) -> str:
    if isinstance(value, Pairs):
        return f"{len(value)} pairs"
    if isinstance(value, list | tuple):
        return f"{len(value)} ({', '.join(map(_size, value))})" if value else "none yet"
    if isinstance(value, Mapping):
        return ", ".join(map(str, value)) or "none"
    return "a function" if callable(value) and not hasattr(value, "save") else type(value).__name__


def _prompts(value: Sequence[str], seen: Context) -> tuple[str, bool]:
    other = sum(one != two for one, two in zip(value, seen.facts["prompts"], strict=True))
    return f"{len(value)} texts, {other} of them other than asked", other > 0


def _relabel(value: Sequence[str], seen: Context) -> tuple[str, bool]:
    drawn: Any = seen.facts["pairs"]
    other = sum(one != two for one, two in zip(value, drawn.captions, strict=True))
    return f"{len(value)} captions, {other} of them other than the prompts, such as {brief(repr(value[0]))}", True


def _sampling(value: Any, seen: Context) -> tuple[str, bool]:
    before = seen.facts["decoding"]
    if callable(getattr(value, "generate", None)) or not is_dataclass(value):
        return f"{type(value).__name__}, which samples in place of the model", True
    was, now = asdict(before), asdict(value)  # type: ignore[arg-type]
    changes = [f"{name} {was.get(name)} -> {now[name]}" for name in now if now[name] != was.get(name)]
    return ", ".join(changes) or "the decoding as it was", bool(changes)


def _curate(value: Pairs, seen: Context) -> tuple[str, bool]:
    made = Counter(value.origin.tolist())
    parts = [f"{count} {'real' if t == 0 else f'of t={t}'}" for t, count in sorted(made.items())]
    told = f"{len(value)} pairs: {', '.join(parts)}"
    if value.weights is not None:
        told += f"; weights {value.weights.min():.3g} to {value.weights.max():.3g}"
    new = _touched(seen).get("new")
    if not isinstance(new, Pairs):
        return told, True
    kept, whole = Counter(_named(value)), Counter(_named(new))
    plain = value.weights is None or bool((value.weights == value.weights[:1]).all())
    same = kept == whole and value.captions == new.captions and plain
    same = same and np.array_equal(np.asarray(value.images), np.asarray(new.images))
    return f"{told}; {sum((kept & whole).values())} of the {len(new)} new ones", not same


def _named(pairs: Pairs) -> list[tuple[int, int, int]]:
    draw = np.zeros(len(pairs), int) if pairs.draw is None else pairs.draw
    return list(zip(pairs.ids.tolist(), draw.tolist(), pairs.origin.tolist(), strict=True))


def _objective(value: Any, seen: Context) -> tuple[str, bool]:
    if value is None:
        return f"None: the {seen.facts['modality']} is trained on the weighted mean", False
    own = getattr(value, "own", value)
    return f"{getattr(own, '__name__', type(own).__name__)}, which a fit of the {seen.facts['modality']} asks", True


def _auxiliary(value: Any, seen: Context) -> tuple[str, bool]:
    made, report = value if isinstance(value, tuple) else (value, None)
    told = ", ".join(f"{k} {getattr(v, 'shape', v)}" for k, v in made.items()) if isinstance(made, dict) else ""
    trained = f", after {report.steps} training steps" if report is not None else ""
    return f"{type(made).__name__}{f' of {told}' if told else ''}{trained}", True


def _merge(value: Any, seen: Context) -> tuple[str, bool]:
    return f"the next {seen.facts['modality']}, a {type(value).__name__}", True


_TOLD = {
    "prompts": _prompts, "sampling": _sampling, "relabel": _relabel, "curate": _curate, "objective": _objective,
    "auxiliary": _auxiliary, "merge": _merge,
}  # fmt: skip
