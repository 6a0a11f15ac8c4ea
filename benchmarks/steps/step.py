"""What a step is: one pure unit of work as a frozen dataclass, whose key is known before anything has run.

A kind of step is one class in one file: its fields say what it is, `run` what it does, `work` what that costs and
`kept` how long its artifact stays. A step's key is the sha256 of its kind, its version, its fields and the keys of its
inputs. Because it never depends on what a step *made*, the whole graph is known at plan time, equal steps of different
cells fall together, and a second run does only what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from records.canonical import canonical, text_digest

if TYPE_CHECKING:
    from benchmarks.steps.context import RunContext
    from benchmarks.study.suite import Retain
    from records.results import Cost

#: The key of an artifact, or the keys of several that are read as one.
Keys = str | tuple[str, ...]


def reads(**default: Any) -> Any:
    """Declare an input: a field that holds the key, or keys, of what is read."""
    return field(metadata={"part": "input"}, **default)


def aside(**default: Any) -> Any:
    """Declare a field that is for people and changes nothing: it enters no key."""
    return field(metadata={"part": "aside"}, **default)


@dataclass(frozen=True)
class Work:
    """What one step will do.

    Attributes:
        samples: Images, captions or items made or looked at.
        evaluations: Forward passes of a network, one sample each, guidance and beams included.
        trained: Samples trained on.
        pieces: What the size of its artifact grows with; 0 = with samples.
    """

    samples: int = 0
    evaluations: int = 0
    trained: int = 0
    pieces: int = 0

    @property
    def unit(self) -> int:
        """Seconds are taken to grow with evaluations, else with training samples, else with samples."""
        return self.evaluations or self.trained or max(1, self.samples)

    @property
    def left(self) -> int:
        """What bytes are taken to grow with."""
        return self.pieces or max(1, self.samples)


@dataclass(frozen=True, eq=False, kw_only=True)
class Step:
    """One pure unit of work.

    A field with a default is left out of the key at that default. `where` and `iteration` say for people in which cell,
    and where in the loop, the step was first met; `authored` names the authors' classes of the whole testbed, each with
    the digest of its code, and `versions` those of the project, each with its version, so that whoever runs the step
    can tell whether that is still the code.

    Attributes:
        kind: Its name, in keys and for people.
        version: Bumped whenever `run` changes numbers by design.
        stays_with: What of `retain:` keeps its artifact; "" = always kept, as results, features and bases are.
        worker: The input that is the model whose work it is; "" = no model's.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    stays_with: ClassVar[str] = ""
    worker: ClassVar[str] = ""
    where: str = aside(default="")
    iteration: int = aside(default=0)
    authored: tuple[tuple[str, str], ...] = aside(default=())
    versions: tuple[tuple[str, Any], ...] = aside(default=())

    def run(self, context: RunContext) -> tuple[Any, Cost]:
        """Do the work and return what it made, and what it cost; whatever needs torch is imported here.

        Raises:
            StepError: It cannot be done; the cells that need it fail, others go on.
        """
        raise NotImplementedError

    def work(self) -> Work:
        """Return what the step will do, for the estimate; a method's own sampling may differ."""
        return Work()

    def kept(self, retain: Retain) -> bool:
        """Return whether the artifact outlives its last reader."""
        return not self.stays_with or getattr(retain, self.stays_with)

    @property
    def first(self) -> bool:
        """Whether it runs before all others, one such step after another; where one fails, no other is started."""
        return False

    @property
    def part_of(self) -> str:
        """The key of the step that this is a part of, of this run alone; "" = it is one of the plan's own."""
        return ""

    @property
    def fits(self) -> str | None:
        """The modality of a model that is trained, on as many devices as `execution` says; None = none is."""
        return None

    @property
    def network(self) -> str | None:
        """The key of the model whose work it is, if it is one's."""
        return getattr(self, self.worker) if self.worker else None

    @property
    def rated(self) -> str:
        """What steps of one kind that take equally long have in common, beside their network."""
        return ""

    @property
    def pictures(self) -> int:
        """How many pictures the artifact adds to the disk."""
        return 0

    @property
    def links(self) -> bool:
        """Whether the artifact may hold on to pictures of its inputs, which stay on the disk as long as it does."""
        return False

    @property
    def label(self) -> str:
        """What people call it."""
        return f"{self.where} t={self.iteration} {self.kind}"

    @property
    def identity(self) -> dict[str, Any]:
        """The fields that enter the key."""
        kind: Any = type(self)
        held = ((name, getattr(self, name), default) for name, default in _parts(kind, "field"))
        return {name: value for name, value, default in held if value is not default}

    @property
    def inputs(self) -> Mapping[str, Keys]:
        """Name -> key, or keys, of the artifacts that are read."""
        kind: Any = type(self)
        held = ((name, getattr(self, name), default) for name, default in _parts(kind, "input"))
        return {name: value for name, value, default in held if value is not default}

    @cached_property
    def text(self) -> str:
        """The canonical JSON of the fields that enter the key."""
        return canonical(self.identity)

    @cached_property
    def key(self) -> str:
        """The content key: 64 hex digits."""
        return text_digest(f'["{self.kind}",{self.version},{self.text},{_inputs_text(self.inputs)}]')

    @cached_property
    def parents(self) -> tuple[str, ...]:
        """The keys of all inputs."""
        return tuple(key for keys in self.inputs.values() for key in ((keys,) if isinstance(keys, str) else keys))

    def reading(self, where: str, iteration: int, /, **inputs: Keys) -> Self:
        """Return the same work on other inputs; the text of the fields, which both share, is made once."""
        made = object.__new__(type(self))
        shared = {name: value for name, value in self.__dict__.items() if name not in ("key", "parents")}
        made.__dict__.update(shared, text=self.text, where=where, iteration=iteration, **inputs)
        return made


@cache
def _parts(kind: Any, part: str) -> tuple[tuple[str, Any], ...]:
    """Return the names of a kind's fields or inputs, each with the default at which it is left out."""
    mine = [f for f in fields(kind) if f.metadata.get("part", "field") == part]
    return tuple((f.name, _NEVER if f.default is MISSING else f.default) for f in mine)


#: Equal to nothing that a field can hold.
_NEVER = object()


def _inputs_text(inputs: Mapping[str, Keys]) -> str:
    """Return the canonical JSON of inputs that the engine names and whose values are keys: nothing to escape."""

    def text(keys: Keys) -> str:
        return f'"{keys}"' if isinstance(keys, str) else "[" + ",".join(map(text, keys)) + "]"

    return "{" + ",".join(f'"{name}":{text(inputs[name])}' for name in sorted(inputs)) + "}"
