"""What a suite is: typed, frozen, free of torch. Each dataclass checks itself; `benchmarks.loading` reads the YAML.

A scenario is the topology of the recursive loop as data (see docs/architecture.md for the table of the standard
ones). A suite names a testbed, scenarios, mitigations, seeds, sizes, decodings, fits and metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.findings import ClaimSpec, Gate, check_findings
from lightning_modules.settings import ADDED, CaptionDecoding, Execution, FitSettings, ImageDecoding

Modality = Literal["captioner", "generator"]
MODALITIES: tuple[Modality, ...] = ("captioner", "generator")
SCHEMA = 1


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _distinct(values: tuple[Any, ...], key: str) -> None:
    _require(len(set(values)) == len(values), f"{key}: {list(values)} holds a value twice; each may stand once")


def _schema(found: int) -> None:
    _require(found == SCHEMA, f"schema: found {found}; this version reads {SCHEMA}")


@dataclass(frozen=True)
class ClassSpec:
    """A class by its import path, and the arguments it is made with."""

    class_path: str
    init_args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelSpec:
    """A model of a testbed.

    Attributes:
        name: How people call it; never part of a key.
        class_path: The wrapper class.
        folder: Weights in the `save_pretrained` layout with a `card.json`; relative to the project root or absolute.
            None for a model that is made from `init_args` alone.
        hub: Name on the Hugging Face hub instead of a folder, with a pinned `revision`.
        revision: Commit of the hub repository.
        recipe: Name in `lightning_modules.recipes` of what made the weights; where the recipe has changed since, the
            model gets another key and is trained anew before it is used.
        init_args: Arguments of the class beside its weights, such as a captioner's `prompt`; part of the key.
        trained_on: The splits of the data that its weights have seen (a judge and a scorer may share none).
        dtype: What its frozen weights are held in and it is run with; trained weights are float32 always.
    """

    name: str
    class_path: str
    folder: str | None = None
    hub: str | None = None
    revision: str | None = None
    recipe: str | None = None
    init_args: dict[str, Any] = field(default_factory=dict)
    trained_on: tuple[str, ...] = ()
    dtype: Literal["float32", "bfloat16"] = field(default="float32", metadata=ADDED)

    def __post_init__(self) -> None:
        """Check that the weights have one source, pinned."""
        _require(self.folder is None or self.hub is None, f"{self.name}: give folder or hub, not both")
        _require(self.hub is None or self.revision is not None, f"{self.name}: hub needs a pinned revision")
        weightless = self.folder is None and self.hub is None
        _require(not weightless or self.dtype == "float32", f"{self.name}: dtype needs weights: a folder or a hub name")


@dataclass(frozen=True)
class Testbed:
    """What a suite runs on: data with its splits, base models (member 0 is the anchor), judges and scorers.

    Attributes:
        attributes: File with the list of attributes that judges read off images, for data without an oracle.
    """

    schema: int
    name: str
    data: ClassSpec
    captioners: tuple[ModelSpec, ...]
    generators: tuple[ModelSpec, ...]
    judges: tuple[ModelSpec, ...] = ()
    scorers: tuple[ModelSpec, ...] = ()
    attributes: str | None = None

    def __post_init__(self) -> None:
        """Check the schema, the names, and that no judge is also a scorer."""
        _schema(self.schema)
        for key in ("captioners", "generators", "judges", "scorers"):
            _distinct(tuple(m.name for m in getattr(self, key)), f"{key}: names")
        for judge in self.judges:
            for scorer in self.scorers:
                same = judge.name == scorer.name or (judge.folder is not None and judge.folder == scorer.folder)
                shared = sorted(set(judge.trained_on) & set(scorer.trained_on))
                _require(
                    not same and not shared,
                    f"judges and scorers: {judge.name!r} and {scorer.name!r} share "
                    f"{'their weights' if same else f'the training split {shared}'}; a judge may never be a scorer",
                )

    def models(self, modality: str) -> tuple[ModelSpec, ...]:
        """Return the base members of one modality."""
        return self.captioners if modality == "captioner" else self.generators


@dataclass(frozen=True)
class AttributeList:
    """What a judge of images and captions is to read off images: attribute -> value -> phrases that say the value."""

    schema: int
    name: str
    attributes: dict[str, dict[str, tuple[str, ...]]]

    def __post_init__(self) -> None:
        """Check that there is something to choose between, under names that can be part of a metric's."""
        _schema(self.schema)
        _require(len(self.attributes) > 0, "attributes: found none; allowed: one or more")
        for attribute, values in self.attributes.items():
            where = f"attributes: {attribute}"
            _require(len(values) > 1, f"{where}: found {', '.join(values) or 'no value'}; allowed: two values or more")
            for name in (attribute, *values):
                plain = bool(name) and all(c.isalnum() or c in "_-" for c in name)
                _require(plain, f"{where}: found {name!r}; allowed: letters, digits, _ and -")
            for value, phrases in values.items():
                _require(len(phrases) > 0, f"{where}: {value}: found no phrase; allowed: one or more")


@dataclass(frozen=True)
class Members:
    """Who makes the pool of an ensemble.

    Attributes:
        count: k models a side; sample i comes from generator i mod k and captioner (i div k) mod k.
        kind: `diverse` = the testbed's members 0..k-1; `copies` = k copies of the anchor under other member seeds.
        live: Whether members 1..k-1 train too, or stay at base.
    """

    count: int = 1
    kind: Literal["diverse", "copies"] = "diverse"
    live: bool = True

    def __post_init__(self) -> None:
        """Check the count."""
        _require(self.count >= 1, f"members.count: found {self.count}; allowed: 1 or more")


@dataclass(frozen=True)
class Decodings:
    """One decoding a modality."""

    captioner: CaptionDecoding = field(default_factory=CaptionDecoding)
    generator: ImageDecoding = field(default_factory=ImageDecoding)


@dataclass(frozen=True)
class DecodingPatch:
    """Fields of a decoding that a scenario or method sets; the rest is the suite's."""

    captioner: dict[str, Any] = field(default_factory=dict)
    generator: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """How a decoding budget is compared.

    Attributes:
        equal: `n` = every level makes N samples; `evaluations` = N' = round(N x E_reference / E) samples, so every
            level spends the same number of network evaluations on its pool.
        modality: Whose decoding is swept.
        reference: Decoding fields of the level that keeps N.
    """

    modality: Modality
    equal: Literal["n", "evaluations"] = "n"
    reference: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """The topology of one recursive loop.

    Attributes:
        trains: The modalities that are fine-tuned, and evaluated.
        prompts: What images are asked for: real captions, or the captions of the previous iteration.
        images: Real images of the prompt split, or a generator's.
        captions: The prompt itself, or a captioner's.
        frozen: Modalities whose labelling copy stays at base (both still train and are evaluated).
        start: What each fit starts from.
        members: The ensemble, k = 1 by default.
        decoding: What this scenario changes of the suite's `generate` decoding.
        budget: Set for a budget sweep.
        parent: `scenario/variant` whose `none` and `real` this scenario is scored with, where it already mitigates.
    """

    schema: int
    name: str
    trains: tuple[Modality, ...]
    images: Literal["real", "generator"]
    captions: Literal["prompt", "captioner"]
    prompts: Literal["real", "previous_captions"] = "real"
    frozen: tuple[Modality, ...] = ()
    start: Literal["previous", "base"] = "previous"
    members: Members = field(default_factory=Members)
    decoding: DecodingPatch = field(default_factory=DecodingPatch)
    budget: Budget | None = None
    parent: str | None = None
    variant: str = "default"

    def __post_init__(self) -> None:
        """Check that the topology can run."""
        _schema(self.schema)
        _require(len(self.trains) > 0, "trains: found nothing; allowed: captioner, generator, or both")
        _distinct(self.trains, "trains")
        _distinct(self.frozen, "frozen")
        _require(
            not (self.images == "real" and self.captions == "prompt"),
            "images: real with captions: prompt makes no synthetic data; set one of them to a model",
        )
        _require(
            self.prompts != "previous_captions" or self.captions == "captioner",
            "prompts: previous_captions needs captions: captioner",
        )
        for modality, makes in (("captioner", self.captions), ("generator", self.images)):
            _require(
                modality not in self.trains or makes == modality,
                f"trains: {modality} is trained, but no {modality} makes data (see images and captions)",
            )


@dataclass(frozen=True)
class MitigationFile:
    """One method: a class with hooks, patches of the scenario or of the fit, or several methods composed.

    Attributes:
        name: Its row on the board; never part of a key.
        class_path: The class with the hooks, a `benchmarks.hooks.Mitigation`.
        init_args: Its knobs.
        scenario_patch: Fields of the scenario that it changes instead.
        fit_patch: Fields of the fit settings that it changes, by modality, with a class or without; never how many
            steps are trained, or on how many samples each.
        compose: Other methods, by name or file, that make up this one.
        applies_to: The modalities it is ranked on.
        source: Where it was published.
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
    search: dict[str, list[Any]] = field(default_factory=dict)
    tuned_on: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Check that it says what it changes, once, and that it trains as long as any other method."""
        _schema(self.schema)
        ways = [bool(w) for w in (self.class_path, self.scenario_patch, self.compose)]
        _require(
            sum(ways) == 1 or (not any(ways) and bool(self.fit_patch)),
            f"mitigation {self.name!r}: give exactly one of class_path, scenario_patch, fit_patch and compose; "
            "a fit_patch may also stand beside a class_path",
        )
        _require(
            not self.fit_patch or not (self.scenario_patch or self.compose),
            f"mitigation {self.name!r}: fit_patch: found beside scenario_patch or compose; allowed: alone, or with a "
            "class_path",
        )
        for modality, patch in self.fit_patch.items():
            where = f"mitigation {self.name!r}: fit_patch"
            _require(modality in MODALITIES, f"{where}: found {modality!r}; allowed: captioner, generator")
            _require(isinstance(patch, dict), f"{where}: {modality}: found {patch!r}; allowed: a mapping of settings")
            fixed = sorted({"steps", "batch_size", "precision"} & set(patch))
            _require(
                not fixed,
                f"{where}: {modality}: found {', '.join(fixed)}; allowed: settings that leave every method the same "
                "steps, samples and precision",
            )
        _distinct(self.compose, f"mitigation {self.name!r}: compose")
        _distinct(self.tuned_on, f"mitigation {self.name!r}: tuned_on")


@dataclass(frozen=True)
class Fits:
    """Fine-tuning of each modality."""

    captioner: FitSettings = field(default_factory=lambda: FitSettings(steps=100, learning_rate=1e-4))
    generator: FitSettings = field(default_factory=lambda: FitSettings(steps=100, learning_rate=1e-4))


@dataclass(frozen=True)
class Evaluation:
    """How models are measured; the same for every variant, so that no sweep moves its own ruler.

    Attributes:
        n: Evaluation items, and as many of the floor split.
        seed: Of all evaluation noise, equal at every iteration.
        decoding: Of the headline samples.
        draw_inputs: Inputs with several samples each, for the within-input variance; 0 = not measured.
        draws: Samples of each such input.
        draw_decoding: Of those samples (stochastic; a greedy caption has no variance).
        floor_draws: Draws of the real-against-real floor.
    """

    n: int = 512
    seed: int = 0
    decoding: Decodings = field(default_factory=Decodings)
    draw_inputs: int = 64
    draws: int = 4
    draw_decoding: Decodings = field(default_factory=lambda: Decodings(captioner=CaptionDecoding(temperature=1.0)))
    floor_draws: int = 20

    def __post_init__(self) -> None:
        """Check the sizes."""
        _require(self.seed >= 0, f"evaluate.seed: found {self.seed}; allowed: 0 or more")
        _require(self.n >= 2, f"evaluate.n: found {self.n}; allowed: 2 or more")
        _require(0 <= self.draw_inputs <= self.n, f"evaluate.draw_inputs: found {self.draw_inputs}; allowed: 0 to n")
        _require(self.draw_inputs == 0 or self.draws >= 2, f"evaluate.draws: found {self.draws}; allowed: 2 or more")
        _require(self.floor_draws >= 2, f"evaluate.floor_draws: found {self.floor_draws}; allowed: 2 or more")


@dataclass(frozen=True)
class Retain:
    """Which artifacts outlive their readers; adapters, features and results always do.

    Attributes:
        pools: Synthetic and real pairs, as they were made and as they were trained on.
        models: Fully fine-tuned weights.
        samples: Evaluation samples. Where they go, pictures of them are made first; a metric that is added later needs
            them made again.
    """

    pools: bool = True
    models: bool = True
    samples: bool = True


@dataclass(frozen=True)
class Executions:
    """How each modality's fits and generations are run; never part of a key."""

    captioner: Execution = field(default_factory=Execution)
    generator: Execution = field(default_factory=Execution)


@dataclass(frozen=True)
class ScenarioEntry:
    """A scenario in a suite, and what this suite changes for it (None = the suite's own value)."""

    file: str
    variants: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    iterations: int | None = None
    n: int | None = None
    evaluate_n: int | None = None
    fit_steps: dict[str, int] = field(default_factory=dict)
    mitigations: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Suite:
    """One study: see the attributes of the same names in `Scenario`, `Evaluation` and `FitSettings`.

    Attributes:
        testbed: File of the testbed, relative to the suite's folder.
        scenarios: What runs, each with what this suite changes for it.
        mitigations: Files of methods and controls; `none` and `real` are the controls.
        metrics: Metric families by class path; in the order of the board.
        primary: The one metric a modality is judged by.
        shard: Samples a generation step makes at most.
        retain: What stays on the disk after its last reader; changes no number.
        execution: How a machine goes about it; changes no number.
        gates: Trends that `benchmarks check` holds against a baseline; never part of a key.
        claims: Findings that `benchmarks claims` tests; never part of a key.
    """

    schema: int
    name: str
    testbed: str
    scenarios: tuple[ScenarioEntry, ...]
    iterations: int
    n: int
    seeds: tuple[int, ...]
    metrics: tuple[str, ...]
    primary: dict[str, str]
    mitigations: tuple[str, ...] = ("none", "real")
    fit: Fits = field(default_factory=Fits)
    generate: Decodings = field(default_factory=Decodings)
    evaluate: Evaluation = field(default_factory=Evaluation)
    shard: int = 512
    retain: Retain = field(default_factory=Retain)
    execution: Executions = field(default_factory=Executions)
    gates: tuple[Gate, ...] = ()
    claims: tuple[ClaimSpec, ...] = ()
    question: str = ""

    def __post_init__(self) -> None:
        """Check what needs no other file."""
        _schema(self.schema)
        plain = self.name.strip(".") and all(c.isalnum() or c in "._-" for c in self.name)
        _require(bool(plain), f"name: found {self.name!r}; allowed: letters, digits, and . _ - (it names a folder)")
        _require(len(self.seeds) > 0, "seeds: found none; allowed: one or more distinct integers")
        _distinct(self.seeds, "seeds")
        for key in ("scenarios", "metrics"):
            _require(len(getattr(self, key)) > 0, f"{key}: found none; allowed: one or more")
        for key in ("iterations", "n", "shard"):
            _require(getattr(self, key) >= 1, f"{key}: found {getattr(self, key)}; allowed: 1 or more")
        _distinct(self.mitigations, "mitigations")
        check_findings(self.gates, self.claims)
        for modality in self.primary:
            _require(modality in MODALITIES, f"primary: found {modality!r}; allowed: captioner, generator")
        for entry in self.scenarios:
            if entry.seeds is not None:
                _require(len(entry.seeds) > 0, f"scenarios: {entry.file}: seeds: found none; allowed: one or more")
                _distinct(entry.seeds, f"scenarios: {entry.file}: seeds")
            for key in ("iterations", "n"):
                found = getattr(entry, key)
                _require(
                    found is None or found >= 1, f"scenarios: {entry.file}: {key}: found {found}; allowed: 1 or more"
                )
            for modality in entry.fit_steps:
                _require(
                    modality in MODALITIES,
                    f"scenarios: {entry.file}: fit_steps: found {modality!r}; allowed: captioner, generator",
                )
