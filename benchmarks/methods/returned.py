"""What a hook may return: one clear sentence where it is something else, at the hook and not three steps later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from datamodules.pairs import Pairs
from records.errors import StepError, brief

#: Losses of the project, such as `weighted_mean`, which a fit knows by what they are.
SHIPPED_LOSSES = "lightning_modules."


def check_returned(hook: str, owner: str, value: Any, facts: Mapping[str, Any]) -> Any:
    """Return what a hook returned: texts as a list, a loss as one that is looked at.

    Args:
        hook: Its name.
        owner: What the method is called.
        value: What it returned.
        facts: What it was told of its step.

    Raises:
        StepError: It is of another kind than the loop can use; says what was found and what is allowed.
    """
    if hook in ("prompts", "relabel"):
        return _texts(hook, owner, value, len(facts["prompts"] if hook == "prompts" else facts["pairs"]))
    right, allowed = _KINDS[hook]
    if not right(value, facts):
        raise _refusal(owner, hook, value, allowed)
    if hook == "objective" and value is not None and not getattr(value, "__module__", "").startswith(SHIPPED_LOSSES):
        return Checked(value, owner)
    return value


def check_generated(owner: str, made: Any, n: int) -> Any:
    """Return what a sampler of a method made in place of the model.

    Raises:
        StepError: It is no `Generated`, or not one output an input.
    """
    outputs = getattr(made, "outputs", None)
    if outputs is None or not isinstance(getattr(made, "network_evaluations", None), int) or isinstance(outputs, str):
        raise _refusal(owner, "generate", made, f"Generated (of {n} outputs, with the network evaluations they took)")
    if len(outputs) != n:
        raise StepError(f"{owner}.generate returned {len(outputs)} outputs; allowed: {n}, one an input")
    return made


@dataclass(frozen=True)
class Checked:
    """What `objective` returned, whose losses are looked at; it can be sent to another process where that can.

    Attributes:
        own: What it returned.
        owner: What the method is called.
    """

    own: Callable[[Any, dict[str, Any]], Any]
    owner: str

    def __call__(self, losses: Any, context: dict[str, Any]) -> Any:
        """Return the one loss of a batch.

        Raises:
            StepError: It is no single number that a backward pass can start from.
        """
        loss = self.own(losses, context)
        what = f"the function of {self.owner}.objective returned"
        if getattr(loss, "ndim", None) != 0 or not hasattr(loss, "backward"):
            shape = f" of {tuple(loss.shape)}" if hasattr(loss, "shape") else ""
            raise StepError(f"{what} {_kind(loss)}{shape}; allowed: one number, such as losses.mean()")
        if losses.requires_grad and not loss.requires_grad:
            raise StepError(f"{what} a number without a gradient; allowed: one that is computed from the losses")
        return loss


def _texts(hook: str, owner: str, value: Any, n: int) -> list[str]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise _refusal(owner, hook, value, f"a list of {n} texts")
    texts = list(value)
    odd = next((text for text in texts if not isinstance(text, str)), None)
    if len(texts) != n or odd is not None:
        found = f"{len(texts)} texts" if odd is None else f"a list with {_kind(odd)} in it"
        raise StepError(f"hook {hook} returned {found}; allowed: {n} texts ({owner}.{hook})")
    return texts


def _samples(value: Any, facts: Mapping[str, Any]) -> bool:
    own = callable(getattr(value, "generate", None)) and not isinstance(value, type)
    return own or isinstance(value, type(facts["decoding"]))


def _is_model(value: Any, facts: Mapping[str, Any]) -> bool:
    return _can_be_kept(value) and getattr(value, "modality", None) == facts["modality"]


def _extra(value: Any, facts: Mapping[str, Any]) -> bool:
    if isinstance(value, tuple):
        reported = len(value) == 2 and hasattr(value[1], "network_evaluations") and hasattr(value[1], "steps")
        return reported and _can_be_kept(value[0])
    return _can_be_kept(value) or (isinstance(value, dict) and _is_data(value))


def _is_data(value: dict[str, Any]) -> bool:
    """Whether a mapping can be kept as files: all arrays of numpy, or plain values."""
    if all(isinstance(v, np.ndarray) for v in value.values()):
        return True
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError):
        return False


def _can_be_kept(value: Any) -> bool:
    return callable(getattr(value, "save", None)) and not isinstance(value, type | Pairs)


#: Hook -> whether a value is of its kind, given the facts of the step, and that kind in words.
_KINDS: dict[str, tuple[Callable[[Any, Mapping[str, Any]], bool], str]] = {
    "sampling": (_samples, "a decoding as ctx.decoding, or an object with generate(model, inputs, decoding, seeds)"),
    "curate": (lambda value, _: isinstance(value, Pairs), "Pairs"),
    "objective": (lambda value, _: value is None or callable(value), "a function of (losses, context), or None"),
    "auxiliary": (_extra, "a model with save, a dict of numpy arrays or plain values, or (model, report of its fit)"),
    "merge": (_is_model, "a model such as ctx.new_model"),
}


def _refusal(owner: str, hook: str, value: Any, allowed: str) -> StepError:
    return StepError(f"{owner}.{hook} returned {_kind(value)}; allowed: {allowed}")


def _kind(value: Any) -> str:
    """Return what a value is in few words."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    length = f" of {len(value)}" if isinstance(value, list | tuple | Mapping) else ""
    return brief(f"{type(value).__name__}{length}")
