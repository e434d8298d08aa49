"""Proof that a merged model computes what base and adapter compute, on a random prompt.

Rounding moves every changed weight a little, and by how much that moves the logits depends on the depth of the model.
So each changed module is compared by itself, given the input that it had with the adapter. All that is computed here is
computed in float32, for which a module's weights are widened while it computes, and no longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moss_agent.checkpoints.convert.checking import random_prompt
from moss_agent.errors import CheckpointError

if TYPE_CHECKING:
    import torch

TOLERANCES = {"fp32": 1e-4, "fp16": 1e-2, "bf16": 5e-2}  # rounding moves a weight by up to 1/2048 (fp16), 1/256 (bf16)
READ_AGAIN = 1e-6  # between the logits of two models with the same weights


@dataclass(frozen=True)
class Call:
    """What a module was given and what it computed."""

    given: tuple[Any, ...]
    computed: torch.Tensor


def logits_of(model: torch.nn.Module) -> torch.Tensor:
    """Return the logits (prompt, vocabulary) of the random prompt."""
    causal: Any = model
    ids = random_prompt(len(causal.get_input_embeddings().weight))
    with _in_float32(model):
        computed: torch.Tensor = causal(input_ids=ids[None], use_cache=False).logits[0]
    return computed.float()


@contextmanager
def recorded(model: torch.nn.Module, names: Mapping[str, str]) -> Iterator[dict[str, Call]]:
    """Yield the last call of each module while the model computes. names: those in the model, by what to call them."""
    import torch

    calls: dict[str, Call] = {}

    def record(name: str, given: tuple[Any, ...], computed: object) -> None:
        if isinstance(computed, torch.Tensor):
            calls[name] = Call(tuple(each.clone() for each in given), computed.clone())

    hooks = [
        model.get_submodule(place).register_forward_hook(
            lambda _, given, computed, name=name: record(name, given, computed)
        )
        for name, place in names.items()
    ]
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


def check_calls(model: torch.nn.Module, calls: Mapping[str, Call], tolerance: float) -> None:
    """Raise CheckpointError if a module computes something else of what it was given. tolerance: relative error."""
    with _in_float32(model):
        for name, call in calls.items():
            error, size = (model.get_submodule(name)(*call.given) - call.computed).norm(), call.computed.norm()
            if not error <= tolerance * size:
                raise CheckpointError(
                    f"{name}, merged, computes something else than base and adapter ({error / size:.2g} apart, "
                    f"{tolerance:g} allowed): nothing is kept; please report this"
                )


@contextmanager
def _in_float32(model: torch.nn.Module) -> Iterator[None]:
    """Let each module compute with its weights in float32."""
    kept: dict[torch.nn.Parameter, torch.Tensor] = {}

    def widen(module: torch.nn.Module, _: object) -> None:
        for weight in module.parameters(recurse=False):
            kept[weight] = weight.data
            weight.data = weight.data.float()

    def narrow(module: torch.nn.Module, *_: object) -> None:
        for weight in module.parameters(recurse=False):
            weight.data = kept.pop(weight)

    modules = [module for module in model.modules() if next(module.parameters(recurse=False), None) is not None]
    hooks = [module.register_forward_pre_hook(widen) for module in modules]
    hooks += [module.register_forward_hook(narrow) for module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
