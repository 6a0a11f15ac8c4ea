"""What a run asks of Ray, without Ray: processes that are objects of this one, and answer when they are waited for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


class TaskError(Exception):
    """As Ray says what a process raised: the whole traceback, and what it was."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"\x1b[36mray::Process.work()\x1b[39m (pid=1)\nTraceback:\n  File x\n{cause!r}")
        self.cause = cause


class Call:
    """What a process was asked; it does it when somebody waits."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.ask, self.done, self.value, self.error = ask, False, None, None

    def answer(self) -> None:
        if not self.done:
            self.done = True
            try:
                self.value = self.ask()
            except Exception as error:
                self.error = error


class Actor:
    """A process."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.made, name)

        class Asked:
            @staticmethod
            def remote(*given: Any) -> Call:
                return Call(lambda: method(*given))

        return Asked


class Ray:
    """A cluster of nodes with a processor each.

    Attributes:
        lost: What asking it raises from now on.
        killed: The processes that were ended.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.killed, self.lost = names, list[Any](), None

    def _require(self) -> None:
        if self.lost is not None:
            raise self.lost

    def nodes(self) -> list[dict[str, Any]]:
        self._require()
        return [{"NodeID": name, "Alive": True, "Resources": {"CPU": 1}} for name in self.names]

    def remote(self, cls: Any) -> Any:
        class Options:
            @staticmethod
            def options(scheduling_strategy: str = "", **more: Any) -> Any:
                class Made:
                    @staticmethod
                    def remote(*given: Any) -> Actor:
                        return Actor(cls(*given, node=scheduling_strategy) if scheduling_strategy else cls(*given))

                return Made

        return Options

    def wait(self, calls: list[Call], num_returns: int = 1, timeout: float = 0) -> tuple[list[Call], list[Call]]:
        self._require()
        for call in calls:
            call.answer()
        return calls, []

    def get(self, call: Call, timeout: float = 0) -> Any:
        call.answer()
        if call.error is not None:
            raise call.error
        return call.value

    def kill(self, actor: Any) -> None:
        self.killed.append(actor)

    def shutdown(self) -> None: ...


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    """Two nodes, in the place of Ray."""
    strategies, errors = ModuleType("ray.util.scheduling_strategies"), ModuleType("ray.exceptions")
    strategies.NodeAffinitySchedulingStrategy = lambda node, soft: node  # type: ignore[attr-defined]
    errors.RayTaskError = TaskError  # type: ignore[attr-defined]
    for name, module in (("ray.util.scheduling_strategies", strategies), ("ray.exceptions", errors)):
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("ray", "ray.util"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    return Ray(("one", "two"))
