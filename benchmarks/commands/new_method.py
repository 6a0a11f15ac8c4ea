"""The two files that a new method begins with: each hook of them runs as it is, and says where to go on."""

from __future__ import annotations

import keyword
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.methods.hooks import HOOKS
from benchmarks.study.loading import SUITES
from records.errors import UsageError, naming
from records.files import write_text
from records.names import no_twins, plain_name
from records.sources import module_file

HEAD = '''"""What the method does, in a sentence, and where it is from."""

from __future__ import annotations

{standard}from typing import {typing}

{numpy}from benchmarks.methods.hooks import Mitigation
{pairs}
if TYPE_CHECKING:
    from benchmarks.methods.contexts import {contexts}


class {cls}(Mitigation):
    """What each iteration does otherwise than the control `none`.

    Args:
        share: A knob, in (0, 1); `{name}.yaml` sets it.
    """

{reads}    def __init__(self, share: float = 0.5):
        if not 0 < share < 1:
            raise ValueError(f"share: found {{share}}; allowed: between 0 and 1")
        self.share = share
'''
SETTINGS = """# docs/add-a-method.md says what else may stand here.
schema: 1
name: {name}
class_path: {name}.{cls}
init_args: {{share: 0.5}}
applies_to: [{sides}]
source: my notebook
"""
READS = "    reads: ClassVar[dict[str, tuple[str, ...]]] = {}\n\n"
#: Hook -> what it reads, and its code.
BODIES: dict[str, tuple[tuple[str, ...], str]] = {
    "prompts": (("real",), '''
    def prompts(self, ctx: PromptsContext) -> list[str]:
        """Return n texts: here a share of the prompts, by chance, are the captions of other real pairs."""
        random = np.random.default_rng(ctx.seed)
        real = ctx.real[-1].captions
        others = [real[row] for row in random.integers(len(real), size=len(ctx.prompts))]
        chosen = random.random(len(ctx.prompts)) < self.share
        return [other if take else own for own, other, take in zip(ctx.prompts, others, chosen, strict=True)]
'''),
    "sampling": ((), '''
    def sampling(self, ctx: SamplingContext) -> Any:
        """Return how to decode: here generators are guided less, and captioners write cooler."""
        if ctx.modality == "generator":
            return replace(ctx.decoding, guidance=1 + self.share * (ctx.decoding.guidance - 1))
        return replace(ctx.decoding, temperature=self.share * ctx.decoding.temperature)
'''),
    "relabel": (("base",), '''
    def relabel(self, ctx: RelabelContext) -> list[str]:
        """Return a caption an image: here the base captioner labels the first share of them, the live one the rest."""
        cut = round(self.share * len(ctx.pairs))
        return ctx.caption(ctx.base, slice(0, cut)) + ctx.caption(ctx.live, slice(cut, None))
'''),
    "curate": (("new", "real"), '''
    def curate(self, ctx: CurateContext) -> Pairs:
        """Return the N pairs to train on: here a share of them is real."""
        count = round(self.share * ctx.n)
        real, new = ctx.real[-1], ctx.new
        return Pairs.concat([real.take(range(count)), new.take(range(count, ctx.n))])
'''),
    "objective": ((), '''
    def objective(self, ctx: ObjectiveContext) -> Any:
        """Return losses (b,), context -> one loss: here the share of a batch that is lost least on."""
        return Easiest(self.share)
'''),
    "auxiliary": ((), '''
    def auxiliary(self, ctx: AuxiliaryContext) -> Any:
        """Return something extra, made from the curated pool: here how much of it is real. `merge` reads it."""
        return {"real": np.array([np.mean(ctx.pool.origin == 0)])}
'''),
    "merge": (("previous",), '''
    def merge(self, ctx: MergeContext) -> Any:
        """Return the next model: here between the previous one and the one just trained."""
        from lightning_modules.fitting.adapters import mix

        mix(ctx.new_model, [(1 - self.share, ctx.previous), (self.share, ctx.new_model)])
        return ctx.new_model
'''),
}  # fmt: skip
BELOW = '''

class Easiest:
    """A loss at the top level of its module, so that it can be sent to several devices."""

    def __init__(self, share: float):
        self.share = share

    def __call__(self, losses: Any, context: dict[str, Any]) -> Any:
        """Return the mean of the smaller losses."""
        kept = max(1, round(self.share * len(losses)))
        return (losses * context["weights"]).sort().values[:kept].mean()
'''


def write_method(name: str, hooks: Sequence[str], folder: Path) -> tuple[Path, Path]:
    """Write a method's module and its settings.

    Args:
        name: Of the method, its module and its files.
        hooks: The hooks that it has.
        folder: Where they go, made if missing.

    Returns:
        Both files.

    Raises:
        UsageError: The name is no module's or is taken, a hook is unknown, or a file is there.
    """
    _check_name(name, folder)
    odd = [hook for hook in hooks if hook not in HOOKS]
    if odd or not hooks:
        raise UsageError(f"--hooks: found {odd[0] if odd else 'none'!r}; allowed: one or more of {','.join(HOOKS)}")
    files = folder / f"{name}.py", folder / f"{name}.yaml"
    for file in files:
        if file.exists():
            raise UsageError(f"{file}: is there already; allowed: another name, or another --folder")
    mine = [hook for hook in HOOKS if hook in hooks or (hook == "merge" and "auxiliary" in hooks)]  # which reads it
    sides = "captioner" if mine == ["relabel"] else "captioner, generator"
    write_text(files[0], _code(name, mine))
    write_text(files[1], SETTINGS.format(name=name, cls=_class(name), sides=sides))
    return files


def _check_name(name: str, folder: Path) -> None:
    shipped = [file.stem for file in (SUITES / "mitigations").glob("*.yaml")]
    plain = name.isascii() and name.isidentifier() and name.islower() and not keyword.iskeyword(name)
    found = module_file(name) if plain else None
    if not plain or name in sys.stdlib_module_names or (found and found.parent.resolve() != folder.resolve()):
        why = f", and Python has {found or 'a module'} of that name" if plain else ""
        raise UsageError(
            f"new-method: found {name!r}{why}; allowed: small letters, digits and _, no other module's name"
        )
    with naming("new-method", ValueError):
        plain_name(name, "name")
        no_twins((*shipped, name), "name")
    if name in shipped:
        raise UsageError(f"new-method: found {name!r}, which ships; allowed: a name of its own")


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_")) or name


def _code(name: str, hooks: Sequence[str]) -> str:
    reads = {hook: BODIES[hook][0] for hook in hooks if BODIES[hook][0]}
    bodies = {hook: BODIES[hook][1] for hook in hooks}
    if {"auxiliary", "merge"} <= set(hooks):
        reads["merge"] += ("auxiliary",)
        said = '        ctx.note(real=float(ctx.auxiliary[ctx.modality]["real"][0]))\n'
        bodies["merge"] = bodies["merge"].replace("        mix(", f"{said}        mix(")
    code = "".join(bodies[hook] for hook in hooks) + (BELOW if "objective" in hooks else "")
    contexts = sorted(f"{hook.capitalize()}Context" for hook in hooks)
    entries = [f'"{hook}": {_tuple(names)}' for hook, names in reads.items()]
    if len(entries) > 2:
        entries = ["\n        " + entry for entry in entries]
        entries[-1] += ",\n    "
        written = "{" + ",".join(entries) + "}"
    else:
        written = "{" + ", ".join(entries) + "}"
    head = HEAD.format(
        standard="from dataclasses import replace\n" if "sampling" in hooks else "",
        typing="TYPE_CHECKING" + (", Any" if "Any" in code else "") + (", ClassVar" if reads else ""),
        numpy="import numpy as np\n\n" if "np." in code else "",
        pairs="from datamodules.pairs import Pairs\n" if "curate" in hooks else "",
        contexts=contexts[0] if len(contexts) == 1 else "(\n        " + ",\n        ".join(contexts) + ",\n    )",
        cls=_class(name), name=name, reads=READS.format(written) if reads else "",
    )  # fmt: skip
    return head + code


def _tuple(names: Sequence[str]) -> str:
    return "(" + ", ".join(f'"{name}"' for name in names) + ("," if len(names) == 1 else "") + ")"
