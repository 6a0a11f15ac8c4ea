"""An accelerator that is not there: tensors that say they lie on `cuda:0`, and compute on the processor.

What CUDA refuses is refused: operations over both devices, indices on the accelerator into a tensor that is not there,
a generator of the other device, numpy of what lies there. So code that only a GPU would stop is stopped on any machine.
Autocast does nothing in here, and nothing is compiled. The backend stays registered with torch for as long as the
process lives, so use it in a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch.overrides import TorchFunctionMode
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

CUDA = torch.device("cuda", 0)
aten = torch.ops.aten
_MOVES = {aten._to_copy.default, aten.copy_.default}
_INDEXING = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default}
_MADE = (torch.tensor, torch.as_tensor, torch.asarray)


class _Backend(backend_registration._DummyBackendModule):
    """What torch asks a backend for, beside what its stand-in answers already."""

    def get_rng_state(self, device: Any = None) -> torch.Tensor:
        return torch.get_rng_state()

    def set_rng_state(self, state: Any, device: Any = None) -> None: ...

    def synchronize(self, device: Any = None) -> None: ...

    def empty_cache(self) -> None: ...

    def set_device(self, device: Any) -> None: ...


# The device that autograd sees: it asks every device for its streams, and a torch built for processors has none of CUDA.
backend_registration._setup_privateuseone_for_python_backend("pretended", _Backend())
_THERE = torch.device("pretended", 0)


class OnCuda(torch.Tensor):
    """A tensor on the accelerator; its numbers are those of `held`."""

    held: torch.Tensor
    is_cuda = True
    device = CUDA
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> OnCuda:
        with torch.inference_mode(False), _disable_current_modes():
            shape = torch.empty_strided(held.shape, held.stride(), dtype=held.dtype, device="meta")
        made = torch.Tensor._make_subclass(cls, shape, False, dispatch_device=True, device_for_backend_keys=_THERE)
        made.held = held
        return made

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"OnCuda({self.held!r})"

    def untyped_storage(self) -> Any:
        """Return the storage of its numbers, by which shared weights are found."""
        return self.held.untyped_storage()

    def data_ptr(self) -> int:
        """Return where its numbers lie."""
        return self.held.data_ptr()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _perform(func, args, kwargs or {})


def _perform(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    if func is torch.ops.prim.device.default:
        return _THERE
    if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):
        with _Dispatched():  # inference mode takes nothing apart
            return func.decompose(*args, **kwargs)
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    there = [x for x in tensors if isinstance(x, OnCuda)]
    asked = None if kwargs.get("device") is None else torch.device(kwargs["device"])
    ends_there = bool(there) if asked is None else asked.type in ("pretended", "cuda")
    if func is aten.copy_.default:
        ends_there = isinstance(args[0], OnCuda)
    _refuse(func, args, kwargs, there, ends_there)
    if func is aten._fused_sdp_choice.default and there:
        return 0  # plain products: the processor's fused attention has another name
    known = {id(x.held): x for x in there}
    given = tree_map(_held, kwargs)
    if asked is not None:
        given["device"] = torch.device("cpu") if ends_there else asked
    with _disable_current_modes():
        found = func(*tree_map(_held, args), **given)

    def placed(x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        return known.get(id(x)) if id(x) in known else OnCuda(x) if ends_there else x

    return tree_map(placed, found)


def _held(x: Any) -> Any:
    return x.held if isinstance(x, OnCuda) else x


def _refuse(func: Any, args: Any, kwargs: dict[str, Any], there: list[OnCuda], ends_there: bool) -> None:
    """Raise what CUDA raises."""
    generator = kwargs.get("generator")
    if generator is not None and (generator.device.type == "cuda") != ends_there:
        raise RuntimeError(f"Expected a generator of {'cuda' if ends_there else 'cpu'}, found {generator.device.type}")
    if func in _MOVES or not there:
        return
    others = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor) and not isinstance(x, OnCuda)]
    if func in _INDEXING:
        if not isinstance(args[0], OnCuda) and any(isinstance(x, OnCuda) for x in args[1]):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        inside = {id(x) for x in args[1]}
        others = [x for x in others if id(x) not in inside]
    if any(x.dim() for x in others):
        raise RuntimeError(f"Expected all tensors to be on the same device, found cuda:0 and cpu ({func})")


class _Dispatched(TorchDispatchMode):
    """Sees what makes tensors or moves them, where none is on the accelerator yet."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _perform(func, args, kwargs or {})


class _Named(TorchFunctionMode):
    """Turns the name of the accelerator into one that this torch knows, and does what torch does below its modes."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.device or "autocast" in getattr(func, "__name__", ""):
            return func(*args, **kwargs)
        if func is torch.Tensor.tolist and isinstance(args[0], OnCuda):
            return args[0].held.tolist()
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__) and isinstance(args[0], OnCuda):
            args = (args[0], _unlisted(args[1]), *args[2:])
        if func in _MADE and kwargs.get("device") is not None:
            rest = {name: value for name, value in kwargs.items() if name != "device"}
            return func(*args, **rest).to(_known(kwargs["device"]))
        return func(*map(_known, args), **{name: _known(value) for name, value in kwargs.items()})


def _known(x: Any) -> Any:
    if isinstance(x, str) and x in ("cuda", "cuda:0"):
        return _THERE
    return _THERE if isinstance(x, torch.device) and x.type == "cuda" else x


def _unlisted(index: Any) -> Any:
    """Return an index with tensors in place of lists, which torch would make on the device."""
    if isinstance(index, tuple):
        return tuple(_unlisted(x) for x in index)
    return torch.tensor(index) if isinstance(index, list) else index


@contextmanager
def pretended_cuda() -> Iterator[None]:
    """Have one accelerator in here, of 80 GiB."""
    card = SimpleNamespace(total_memory=80 * 2**30, major=9, minor=0, name="pretended", multi_processor_count=100)
    answers: dict[str, Any] = {
        "is_available": True, "device_count": 1, "current_device": 0, "is_bf16_supported": True,
        "get_device_name": "pretended", "get_device_properties": card, "get_device_capability": (9, 0),
        "is_initialized": False, "is_current_stream_capturing": False, "set_device": None, "empty_cache": None,
        "synchronize": None, "manual_seed": None, "manual_seed_all": None, "_lazy_init": None, "set_rng_state": None,
    }  # fmt: skip
    swapped = torch.__future__.get_swap_module_params_on_conversion()
    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch.object(torch.cuda, name, return_value=answer))
        stack.enter_context(
            mock.patch.object(torch.cuda, "get_rng_state", side_effect=lambda *_: torch.get_rng_state())
        )
        for place in (torch, torch.amp, torch.amp.autocast_mode):
            stack.enter_context(mock.patch.object(place, "autocast", return_value=nullcontext()))
        # Else a module that is moved would keep its parameters' class, which says where they are.
        torch.__future__.set_swap_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_swap_module_params_on_conversion, swapped)
        stack.enter_context(_Named())
        stack.enter_context(_Dispatched())
        yield
