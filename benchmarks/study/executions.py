"""How a machine goes about a study: recorded, and never part of a key."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightning_modules.settings import Execution
from records.checks import require


@dataclass(frozen=True)
class Executions:
    """How each modality's fits and generations are run; never part of a key.

    Attributes:
        captioner: Of captioners.
        generator: Of generators.
        time_limit: Kind of step -> the seconds after which one is ended, and has failed; others may take for ever.
    """

    captioner: Execution = field(default_factory=Execution)
    generator: Execution = field(default_factory=Execution)
    time_limit: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the limits."""
        for kind, limit in self.time_limit.items():
            require(limit > 0, f"execution.time_limit.{kind}: found {limit}; allowed: a number of seconds above 0")
