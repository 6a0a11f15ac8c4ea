"""Low-rank adapters (2106.09685) through peft: attached once, continued, saved beside a base that is never copied.

What an adapter adds to a layer is the product B A alpha / rank. The factors are not unique, so averages and
extrapolations act on products (`product`, `set_product`); of fully trained models they act on the weights themselves
(`trained_state`, `set_trained_state`).
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from lightning_modules.fitting.module import FitModule
from lightning_modules.seeds import derive
from lightning_modules.settings import FitSettings, Lora

NAME = "default"


def prepare(module: FitModule, settings: FitSettings, seed: int) -> None:
    """Make ready what a fit trains: an adapter where settings ask for one, and float32 weights of what is trained.

    It is a ValueError if the module has another adapter than is asked for, or none can be put on it.
    """
    if module.loaded_as != "float32" and settings.precision == "32":
        raise ValueError(f"the model is loaded as {module.loaded_as}: a fit of it needs precision bf16, not 32")
    if settings.lora is None:
        if module.lora is not None:
            raise ValueError(f"the model carries an adapter ({_words(module.lora)}), and the fit asks for none")
        if settings.steps:
            module.origin = None  # its weights are about to be no longer those of a base
    else:
        wanted = with_targets(module, settings.lora)
        if module.lora is None:
            attach(module, wanted, seed)
        elif module.lora != wanted:
            raise ValueError(
                f"the model carries an adapter of {_words(module.lora)}; the fit asks for {_words(wanted)}"
            )
    for parameter in module.parameters():
        if parameter.requires_grad and parameter.dtype != torch.float32:
            parameter.data = parameter.data.float()


def with_targets(module: FitModule, lora: Lora) -> Lora:
    """Return what is asked for with the layers spelled out: those given, or the usual ones of the module's family."""
    targets = lora.targets or getattr(getattr(module, "family", None), "lora_targets", ())
    if not targets:
        raise ValueError(f"{_family(module)} names no lora_targets; give lora.targets, the layers that get an adapter")
    return Lora(lora.rank, float(lora.alpha), tuple(sorted(targets)))


def attach(module: FitModule, lora: Lora, seed: int) -> None:
    """Put one adapter on the trained network: A from the seed, B zero, so that nothing changes yet.

    A target that matches no layer, or one of a kind that takes no adapter, is a ValueError.
    """
    part = module.trained_part()
    frozen = tuple(getattr(module.family, "frozen", ()))
    layers = {n: m for n, m in part.named_modules() if not n.startswith(frozen or ("\0",))}
    for target in lora.targets:
        matched = [m for n, m in layers.items() if n == target or n.endswith("." + target)]
        if not matched:
            raise ValueError(f"lora.targets: no trained layer of {_family(module)} is called {target!r}")
        if not all(isinstance(m, (nn.Linear, nn.Conv2d, Conv1D)) for m in matched):
            raise ValueError(
                f"lora.targets: {target!r} is a {type(matched[0]).__name__}; allowed: linear layers, 2D convolutions"
            )
    excluded = "|".join(re.escape(prefix) + ".*" for prefix in frozen)
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, target_modules=list(lora.targets), exclude_modules=excluded or None
    )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"peft.*")  # of layers that are transposed, which it sees by itself
        inject_adapter_in_model(config, part, NAME)
        torch.manual_seed(derive(seed, "lora"))
        for _, layer in _layers(part):
            a, b = _factors(layer)
            # Drawn on the CPU in float32, whatever the network is: the same numbers on every machine.
            a.data = nn.init.kaiming_uniform_(torch.empty(a.shape), a=math.sqrt(5)).to(a.device)
            b.data = torch.zeros(b.shape, device=b.device)
    module.requires_grad_(False)
    for _, layer in _layers(part):
        for factor in _factors(layer):
            factor.requires_grad_(True)
    module.lora = lora
    module.eval()


def _layers(part: nn.Module) -> Iterator[tuple[str, Any]]:
    for name, layer in sorted(part.named_modules()):
        if isinstance(layer, LoraLayer):
            yield name, layer


def _factors(layer: Any) -> tuple[nn.Parameter, nn.Parameter]:
    return layer.lora_A[NAME].weight, layer.lora_B[NAME].weight


def _words(lora: Lora) -> str:
    return f"rank {lora.rank}, alpha {lora.alpha:g}, targets {', '.join(lora.targets)}"


def _family(module: FitModule) -> str:
    family = getattr(module, "family", None)
    return type(module).__name__ if family is None else f"the family {type(family).__module__.rpartition('.')[2]}"


# --- arithmetic


def product(module: FitModule) -> dict[str, Tensor]:
    """Return what the adapter adds, by layer: B A alpha / rank, (out, in) float32 on the CPU; {} without an adapter.

    A convolution's kernel counts as inputs.
    """
    if module.lora is None:
        return {}
    found = {}
    for name, layer in _layers(module.trained_part()):
        a, b = (factor.detach().cpu().double().flatten(1) for factor in _factors(layer))
        found[name] = (b @ a * layer.scaling[NAME]).float()
    return found


@dataclass(frozen=True)
class Refactored:
    """What putting products back into factors lost.

    Attributes:
        layers: Frobenius norm of what is lost over that of the product, by layer.
        overall: the same over all layers together.
    """

    layers: dict[str, float]
    overall: float


@torch.no_grad()
def set_product(module: FitModule, products: Mapping[str, Tensor]) -> Refactored:
    """Make the adapter add given products, as well as its rank allows: truncated singular value decompositions.

    Without an adapter, or with products of other layers than `product` gives of it, it is a ValueError.
    """
    layers = {} if module.lora is None else dict(_layers(module.trained_part()))
    if not layers or set(layers) != set(products):
        raise ValueError(f"products of {len(products)} layers for an adapter of {len(layers)}: they must be the same")
    lost, size = {}, {}
    for name, layer in layers.items():
        a, b = _factors(layer)
        wanted = products[name].detach().cpu().double()
        first, second = _truncated(wanted / layer.scaling[NAME], layer.r[NAME])
        a.copy_(second.reshape(a.shape))
        b.copy_(first.reshape(b.shape))
        stored = b.detach().cpu().double().flatten(1) @ a.detach().cpu().double().flatten(1) * layer.scaling[NAME]
        lost[name], size[name] = float((wanted - stored).norm()), float(wanted.norm())
    errors = {name: lost[name] / size[name] if size[name] else 0.0 for name in layers}
    total = math.hypot(*size.values())
    return Refactored(errors, math.hypot(*lost.values()) / total if total else 0.0)


def _truncated(matrix: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return the factors (out, rank) and (rank, in) of the nearest matrix of that rank."""
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    sign = torch.gather(u, 0, u.abs().argmax(0, keepdim=True)).sign()  # the decomposition leaves signs open
    u, vh = u * sign, vh * sign.T
    alive = s > s.max().clamp_min(torch.finfo(s.dtype).tiny) * max(matrix.shape) * torch.finfo(torch.float32).eps
    # A direction with both factors 0 would never train again: like a fresh one it keeps A, of a fresh one's length.
    left = torch.where(alive, s.sqrt(), 0.0)
    right = torch.where(alive, s.sqrt(), 3**-0.5)
    first, second = (u * left)[:, :rank], (right[:, None] * vh)[:rank]
    missing = rank - first.shape[1]
    if missing > 0:  # a rank above the layer's own size
        first = torch.cat([first, first.new_zeros(len(first), missing)], 1)
        second = torch.cat([second, second.new_zeros(missing, second.shape[1])])
    return first, second


def trained_state(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the trainable weights by name, float32 on the CPU."""
    return {k: p.detach().float().cpu().clone() for k, p in module.named_parameters() if p.requires_grad}


@torch.no_grad()
def set_trained_state(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put weights in place of the trainable ones, under the same names: others are a ValueError."""
    own = {k: p for k, p in module.named_parameters() if p.requires_grad}
    if set(own) != set(state):
        odd = sorted(set(own) ^ set(state))
        raise ValueError(f"weights of {len(state)} tensors for {len(own)} trainable ones; they differ in {odd[0]!r}")
    for name, parameter in own.items():
        parameter.copy_(state[name])


def mix(module: FitModule, terms: Iterable[tuple[float, FitModule]]) -> Refactored:
    """Put a weighted sum of models in place of a module's trained weights, which may be those of a term.

    Of fully trained models the weights themselves are summed; of adapters the products, a base's being 0, so that the
    weights of all terms should sum to one.

    Args:
        module: gets the sum.
        terms: a weight and a model each, of one architecture; an adapter's base is the same for all.

    Returns:
        Refactored: what was lost in putting products back into factors; nothing for fully trained models.
    """
    if module.lora is not None:
        return set_product(module, combine((weight, product(model)) for weight, model in terms))
    set_trained_state(module, combine((weight, trained_state(model)) for weight, model in terms))
    return Refactored({}, 0.0)


def squared_distance(module: FitModule, base: Mapping[str, Tensor]) -> Tensor:
    """Return the squared distance of the trained weights from a base's, which gradients go through.

    `base` is its `trained_state`; that of an adapter, whose base adds nothing, is not looked at.
    """
    if module.lora is None:
        own = {k: p for k, p in module.named_parameters() if p.requires_grad}
        return torch.stack([(p - base[k].to(p)).square().sum() for k, p in own.items()]).sum()
    found = []
    for _, layer in _layers(module.trained_part()):
        a, b = (factor.flatten(1) for factor in _factors(layer))
        # The squared norm of B A without the large matrix: the inner product of B'B and AA'.
        found.append(((b.T @ b) * (a @ a.T)).sum() * layer.scaling[NAME] ** 2)
    return torch.stack(found).sum()


def combine(terms: Iterable[tuple[float, Mapping[str, Tensor]]]) -> dict[str, Tensor]:
    """Return the weighted sum of products or states; what a term lacks counts as 0 (a base has no product)."""
    total: dict[str, Tensor] = {}
    for weight, term in terms:
        for name, value in term.items():
            total[name] = total[name] + weight * value if name in total else weight * value
    return total
