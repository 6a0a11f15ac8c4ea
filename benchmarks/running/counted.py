"""What models are asked for while a method is tried, whoever asks: work that nobody counts makes a row look cheaper."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from typing import TYPE_CHECKING, Any, Self

from records.results import Cost

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext

#: Call -> (network evaluations, training steps) of what it returned.
CALLS: dict[str, Callable[[Any], tuple[int, int]]] = {
    "generate": lambda made: (made.network_evaluations, 0),
    "log_likelihood": lambda made: (len(made), 0),
    "fit_pairs": lambda report: (report.network_evaluations, report.steps),
}


class Work:
    """Counts the calls of the models that a context gives out, of their classes while it is entered.

    Args:
        context: What gives models to steps and hooks.
    """

    def __init__(self, context: RunContext) -> None:
        self.context, self._stack = context, ExitStack()
        self._classes, self._deep = set[type](), 0
        self.evaluations = self.steps = 0

    def __enter__(self) -> Self:
        """Look at every model that is given out from now on."""
        for name in ("model", "lend", "fresh_model"):
            setattr(self.context, name, self._giving(getattr(self.context, name)))
            self._stack.callback(delattr, self.context, name)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the classes as they were."""
        self._stack.close()

    def clear(self) -> None:
        """Begin anew with a step."""
        self.evaluations = self.steps = 0

    def uncounted(self, cost: Cost) -> list[str]:
        """Return what was asked for beyond what a step's cost says, in words."""
        said = []
        for what, found in (("network_evaluations", self.evaluations), ("training_steps", self.steps)):
            told = getattr(cost, what)
            if found > told:
                words = what.replace("_", " ")
                said.append(f"models did {found:,} {words} and {told:,} are counted: ctx.spend({what}=...)")
        return said

    def _giving(self, give: Callable[..., Any]) -> Callable[..., Any]:
        def given(*arguments: Any) -> Any:
            model = give(*arguments)
            kind: Any = type(model)
            if kind not in self._classes:
                self._classes.add(kind)
                for name, count in CALLS.items():
                    if callable(found := getattr(kind, name, None)):
                        own = vars(kind).get(name)
                        setattr(kind, name, self._counting(found, count))
                        undo = (delattr, kind, name) if own is None else (setattr, kind, name, own)
                        self._stack.callback(*undo)
            return model

        return given

    def _counting(self, call: Callable[..., Any], count: Callable[[Any], tuple[int, int]]) -> Callable[..., Any]:
        @wraps(call)
        def counted(*arguments: Any, **named: Any) -> Any:
            self._deep += 1  # what a call asks of the model itself is a part of it
            try:
                made = call(*arguments, **named)
            finally:
                self._deep -= 1
            if not self._deep:
                evaluations, steps = count(made)
                self.evaluations, self.steps = self.evaluations + evaluations, self.steps + steps
            return made

        return counted
