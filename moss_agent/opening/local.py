"""A model in this process, from the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moss_agent.checkpoints.families import Family
from moss_agent.extras import need
from moss_agent.protocol import END_MARKERS
from moss_agent.resources import user_path
from moss_agent.settings import Settings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from moss_agent.checkpoints.needs import Needs
    from moss_agent.checkpoints.placement import Request
    from moss_agent.engine.local import LocalModel
    from moss_agent.engine.local_chat import LocalChatModel
    from moss_agent.engine.sequence import Backend

CACHE_SHARE = 0.5  # of the memory that is free once the model is loaded


def open_local(settings: Settings, family: Family, release: Callable[[], bool] = lambda: False) -> LocalModel:
    """Load the model of the settings. What can be refused is refused before it is fetched.

    release: lets others give back memory when the model has none left.
    """
    need("local")
    from moss_agent.checkpoints.hub import fetch
    from moss_agent.checkpoints.machine import this_machine
    from moss_agent.checkpoints.plan import make_plan
    from moss_agent.checkpoints.weights import check_weights
    from moss_agent.engine.backends.tensor_parallel import check_processes, follow, is_follower
    from moss_agent.engine.loading import check_quantizer, limit_libraries, load
    from moss_agent.engine.local import LocalModel

    limit_libraries()
    check_processes(settings.tp)
    check_quantizer(settings.quantize)
    name, needs, request = inspect_model(settings, family)
    plan = make_plan(needs, this_machine(Path(request.offload_folder)), request)
    folder = fetch(name)
    check_weights(folder, needs.model)
    is_open = (settings.dtype, settings.quantize) == ("auto", "")  # in which precision is computed
    packs = settings.model == "mini" and is_open and plan.device_map == {"": "cpu"}
    model, tokenizer = load(
        str(folder),
        device=settings.device,
        dtype="bf16" if packs else settings.dtype,
        quantize=settings.quantize,
        tp=settings.tp,
        device_map=plan.device_map,
        offload_folder=request.offload_folder,
    )
    if packs:
        pack_mini(model)
    dtype = model.get_decoder().norm.weight.dtype if packs else request.dtype
    if settings.tp > 1 and is_follower():
        follow(model)
        raise SystemExit(0)
    return LocalModel(
        model,
        tokenizer,
        _backend(model, settings.tp),
        context_length=request.context_length,
        cache_tokens=cache_tokens(settings, needs, request.device, dtype),
        markers=END_MARKERS,
        seed=settings.seed,
        release=release,
    )


def open_local_chat(
    settings: Settings,
    family: Family,
    sampling: Mapping[str, Any],
    max_new_tokens: int,
    release: Callable[[], bool] = lambda: False,
) -> LocalChatModel:
    """Load the chat model of the settings. sampling: what the user has chosen; the rest is the model's own."""
    from moss_agent.engine.local_chat import LocalChatModel

    model = open_local(settings, family, release)
    return LocalChatModel(model, sampling=sampling, max_new_tokens=max_new_tokens)


def pack_mini(model: PreTrainedModel) -> None:
    """Compute mini, loaded in bfloat16, from the 4-bit weights of its base where that is faster."""
    from moss_agent.checkpoints.mini import packed_layers
    from moss_agent.engine.packed import Levels, pack

    pack(model, ((name, Levels(*weights)) for name, weights in packed_layers()))


def _backend(model: PreTrainedModel, tp: int) -> Backend:
    from moss_agent.engine.backends import llama_cpu
    from moss_agent.engine.backends.tensor_parallel import LeadingBackend
    from moss_agent.engine.backends.transformers import TransformersBackend

    if tp > 1:
        return LeadingBackend(model)
    return llama_cpu.LlamaBackend(model) if llama_cpu.fits(model) else TransformersBackend(model)


def cache_tokens(settings: Settings, needs: Needs, device: str, dtype: torch.dtype) -> int:
    """Return how many tokens the KV caches of all conversations may cover together, in that precision."""
    from moss_agent.checkpoints.machine import this_machine
    from moss_agent.checkpoints.plan import parse_size

    machine = this_machine()
    free = sum(machine.gpus) if machine.gpus and device != "cpu" else machine.ram
    size = parse_size("cache_memory", settings.cache_memory) if settings.cache_memory else int(free * CACHE_SHARE)
    return size // needs.cache(1, dtype)


def inspect_model(settings: Settings, family: Family) -> tuple[str, Needs, Request]:
    """Return the model's folder or hub name, what it needs by its config, and what the settings ask for."""
    from moss_agent.checkpoints import moss
    from moss_agent.checkpoints.hub import fetch_config, read_config
    from moss_agent.checkpoints.needs import needs_of
    from moss_agent.checkpoints.placement import Request
    from moss_agent.checkpoints.plan import memory_limits
    from moss_agent.engine.loading import choose_device, choose_dtype

    name = settings.model
    folder = None if name == "mini" else fetch_config(name)
    moss.register()
    target = choose_device(settings.device)
    device = "mps" if target.type == "mps" else settings.device  # `auto` on CUDA means all GPUs
    dtype, limits = choose_dtype(settings.dtype, target), memory_limits(settings.max_memory)
    if folder is None:
        from moss_agent.checkpoints.mini import prepare

        folder = prepare()
        name = str(folder)
    config = read_config(folder)
    sees = getattr(config.get_text_config(), "max_position_embeddings", None)  # some have no limit of their own
    context_length = min(limit for limit in (family.context_length, settings.context_length, sees) if limit)
    offload_folder = str(user_path(settings.offload_folder)) if settings.offload_folder else ""
    request = Request(dtype, context_length, device, settings.quantize, settings.tp, limits, offload_folder)
    return name, needs_of(config), request
