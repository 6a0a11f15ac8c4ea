"""What a suite is: typed, frozen, free of torch. Each dataclass checks itself; `study.loading` reads the YAML.

A scenario is the topology of the recursive loop as data (see docs/architecture.md for the table of the standard
ones). A suite names a testbed, scenarios, mitigations, seeds, sizes, decodings, fits and metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.study.executions import Executions
from lightning_modules.settings import ADDED, CaptionDecoding, FitSettings, ImageDecoding
from records.checks import at_least, distinct, modalities, require, schema, sides
from records.findings import ClaimSpec, Gate, check_findings
from records.names import CONTROLS, Modality, plain_name

#: What lies in the folder of runs beside those of suites: the store, and MLflow's copy.
TAKEN = ("store", "mlflow", "mlartifacts", "mlruns")


#: The side of real pairs that a chain begins with.
Begins = Literal["captions", "images"]


@dataclass(frozen=True)
class Members:
    """Who makes the pool of an ensemble.

    Attributes:
        count: k models a side; sample i comes from generator i mod k and captioner (i div k) mod k.
        kind: `diverse` = the testbed's members 0..k-1; `copies` = k copies of the anchor under other member seeds.
        live: Whether members 1..k-1 train too, or stay at base.
        segments: Whether the pool of an iteration is parted among the k, so that no two train on the same pair, instead
            of all training on all of it.
    """

    count: int = 1
    kind: Literal["diverse", "copies"] = "diverse"
    live: bool = True
    segments: bool = field(default=False, metadata=ADDED)

    def __post_init__(self) -> None:
        """Check the count."""
        at_least(self, "members.", count=1)


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
        trains: The modalities that are fine-tuned, and evaluated; none in a chain, where models stay as they are.
        prompts: What images are asked for: real captions, the captions of the previous iteration, or, in a chain, those
            of this iteration, which are of the images of the one before.
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
    prompts: Literal["real", "previous_captions", "new_captions"] = "real"
    frozen: tuple[Modality, ...] = ()
    start: Literal["previous", "base"] = "previous"
    members: Members = field(default_factory=Members)
    decoding: DecodingPatch = field(default_factory=DecodingPatch)
    budget: Budget | None = None
    parent: str | None = None
    variant: str = "default"

    def __post_init__(self) -> None:
        """Check the names, and that the topology can run."""
        schema(self.schema)
        plain_name(self.name, "name")
        plain_name(self.variant, "variants")
        for part in () if self.parent is None else self.parent.split("/", 1):
            plain_name(part, "parent")
        distinct(self.trains, "trains")
        distinct(self.frozen, "frozen")
        require(
            not (self.images == "real" and self.captions == "prompt"),
            "images: real with captions: prompt makes no synthetic data; set one of them to a model",
        )
        require(
            self.prompts == "real" or self.captions == "captioner",
            f"prompts: {self.prompts} needs captions: captioner",
        )
        chain = self.images == "generator" and self.captions == "captioner" and self.prompts != "real"
        require(
            len(self.trains) > 0 or chain,
            "trains: found nothing; allowed: captioner, generator, or both; or nothing in a chain, which has images: "
            "generator, captions: captioner and prompts: previous_captions or new_captions",
        )
        require(
            self.prompts != "new_captions" or not self.trains,
            f"prompts: found 'new_captions' with trains: {', '.join(self.trains)}; allowed: real or previous_captions, "
            "or trains: []",
        )
        for modality, makes in (("captioner", self.captions), ("generator", self.images)):
            require(
                modality not in self.trains or makes == modality,
                f"trains: {modality} is trained, but no {modality} makes data (see images and captions)",
            )

    @property
    def closed(self) -> bool:
        """Whether what one iteration makes goes into the next one."""
        return self.prompts != "real"

    @property
    def begins(self) -> Begins | None:
        """The side of the real pairs that a chain, in which nothing trains, begins with; None for any other loop."""
        if self.trains:
            return None
        return "images" if self.prompts == "new_captions" else "captions"

    @property
    def makes(self) -> set[Modality]:
        """Return the modalities that make data; one that trains is always among them."""
        sources: dict[Modality, str] = {"captioner": self.captions, "generator": self.images}
        return {modality for modality, source in sources.items() if source == modality}


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
        at_least(self, "evaluate.", seed=0, n=2)
        require(0 <= self.draw_inputs <= self.n, f"evaluate.draw_inputs: found {self.draw_inputs}; allowed: 0 to n")
        at_least(self, "evaluate.", draws=2 if self.draw_inputs else 0, floor_draws=2)


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
        metrics: Metric families by class path, in the order of the board; a file may also name groups.
        primary: The one metric a modality is judged by; that of `set` judges chains, in which nothing trains.
        shard: Samples a generation step makes at most.
        retain: What stays on the disk after its last reader; changes no number.
        execution: How a machine goes about it; changes no number.
        gates: Trends that `benchmarks check` holds against a baseline; never part of a key.
        claims: Findings that `benchmarks claims` tests; never part of a key.
        learning: Modality -> the suite whose rows `real_X` say whether method X still learns; never part of a key.
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
    mitigations: tuple[str, ...] = CONTROLS
    fit: Fits = field(default_factory=Fits)
    generate: Decodings = field(default_factory=Decodings)
    evaluate: Evaluation = field(default_factory=Evaluation)
    shard: int = 512
    retain: Retain = field(default_factory=Retain)
    execution: Executions = field(default_factory=Executions)
    gates: tuple[Gate, ...] = ()
    claims: tuple[ClaimSpec, ...] = ()
    learning: dict[str, str] = field(default_factory=dict)
    question: str = ""

    def __post_init__(self) -> None:
        """Check what needs no other file."""
        schema(self.schema)
        plain_name(self.name, "name")
        taken = self.name.lower().startswith(TAKEN) or self.name.lower().endswith(".claims")
        require(
            not taken, f"name: found {self.name!r}, a name of what lies beside the suites' folders; allowed: another"
        )
        require(len(self.seeds) > 0, "seeds: found none; allowed: one or more distinct integers")
        distinct(self.seeds, "seeds")
        for key in ("scenarios", "metrics"):
            require(len(getattr(self, key)) > 0, f"{key}: found none; allowed: one or more")
        at_least(self, "", iterations=1, n=1, shard=1)
        distinct(self.mitigations, "mitigations")
        check_findings(self.gates, self.claims, self.learning)
        sides(self.primary, "primary")
        for entry in self.scenarios:
            where = f"scenarios: {entry.file}: "
            if entry.seeds is not None:
                require(len(entry.seeds) > 0, f"{where}seeds: found none; allowed: one or more")
                distinct(entry.seeds, f"{where}seeds")
            at_least(entry, where, iterations=1, n=1)
            modalities(entry.fit_steps, f"{where}fit_steps")
