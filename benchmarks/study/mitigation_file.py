"""A method's YAML file, typed, frozen, free of torch; `benchmarks.methods.ready` makes it ready to plan with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from records.checks import distinct, modalities, require, schema
from records.names import MODALITIES, Modality


@dataclass(frozen=True)
class MitigationFile:
    """One method: a class with hooks, patches of the scenario or of the fit, or several methods composed.

    Attributes:
        name: Its row on the board; never part of a key.
        class_path: The class with the hooks, a `benchmarks.methods.hooks.Mitigation`.
        init_args: Its knobs.
        scenario_patch: Fields of the scenario that it changes instead.
        fit_patch: Fields of the fit settings that it changes, by modality, with a class or without; never how many
            steps are trained, or on how many samples each.
        compose: Other methods, by name or file, that make up this one.
        applies_to: The modalities it is ranked on.
        source: Where it was published.
        summary: What it does, in a sentence; like the two below for people only, and shown in `docs/methods.md`.
        constants: Which of its constants are published, and which are ours.
        consumes: What it takes beyond the control `none`.
        search: Knob -> the values that it may be tuned over; a knob is a key of init_args, or a path into a patch.
        tuned_on: The seeds that the knobs were chosen on; none of them may be scored.
    """

    schema: int
    name: str
    class_path: str | None = None
    init_args: dict[str, Any] = field(default_factory=dict)
    scenario_patch: dict[str, Any] = field(default_factory=dict)
    fit_patch: dict[str, Any] = field(default_factory=dict)
    compose: tuple[str, ...] = ()
    applies_to: tuple[Modality, ...] = MODALITIES
    source: str = ""
    summary: str = ""
    constants: str = ""
    consumes: str = ""
    search: dict[str, list[Any]] = field(default_factory=dict)
    tuned_on: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check that it says what it changes, once, and that it trains as long as any other method."""
        schema(self.schema)
        ways = [bool(w) for w in (self.class_path, self.scenario_patch, self.compose)]
        require(
            sum(ways) == 1 or (not any(ways) and bool(self.fit_patch)),
            f"mitigation {self.name!r}: give exactly one of class_path, scenario_patch, fit_patch and compose; "
            "a fit_patch may also stand beside a class_path",
        )
        require(
            not self.fit_patch or not (self.scenario_patch or self.compose),
            f"mitigation {self.name!r}: fit_patch: found beside scenario_patch or compose; allowed: alone, or with a "
            "class_path",
        )
        for modality, patch in self.fit_patch.items():
            where = f"mitigation {self.name!r}: fit_patch"
            modalities([modality], where)
            require(isinstance(patch, dict), f"{where}: {modality}: found {patch!r}; allowed: a mapping of settings")
            fixed = sorted({"steps", "batch_size", "precision"} & set(patch))
            require(
                not fixed,
                f"{where}: {modality}: found {', '.join(fixed)}; allowed: settings that leave every method the same "
                "steps, samples and precision",
            )
        distinct(self.compose, f"mitigation {self.name!r}: compose")
        distinct(self.tuned_on, f"mitigation {self.name!r}: tuned_on")
