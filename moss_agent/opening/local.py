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
    from moss_agent.checkpoints.plan import parse_size

    cache_limit = parse_size("cache_memory", settings.cache_memory) if settings.cache_memory else None
    if is_light(settings) and family.dialect == "moss":
        return _open_mini(settings, family, cache_limit, release)
    need("local")
    from moss_agent.checkpoints.hub import fetch
    from moss_agent.checkpoints.machine import this_machine
    from moss_agent.checkpoints.placement import cache_room
    from moss_agent.checkpoints.plan import make_plan
    from moss_agent.checkpoints.weights import check_weights
    from moss_agent.engine.backends.tensor_parallel import check_processes, follow, is_follower
    from moss_agent.engine.loading import check_quantizer, end_tokens, first_tokens, limit_libraries, load, own_sampling
    from moss_agent.engine.local import LocalModel

    limit_libraries()
    check_processes(settings.tp)
    check_quantizer(settings.quantize)
    name, needs, request = inspect_model(settings, family)
    plan = make_plan(needs, this_machine(Path(request.offload_folder)), request)
    folder = fetch(name)
    check_weights(folder, needs.model)
    model, tokenizer = load(
        str(folder),
        device=settings.device,
        dtype=settings.dtype,
        quantize=settings.quantize,
        tp=settings.tp,
        device_map=plan.device_map,
        offload_folder=request.offload_folder,
    )
    if settings.tp > 1 and is_follower():
        follow(model)
        raise SystemExit(0)
    cache_size = _cache_size(cache_limit, cache_room(plan, this_machine(), request))
    return LocalModel(
        tokenizer,
        _backend(model, settings.tp),
        context_length=request.context_length,
        first_tokens=first_tokens(tokenizer) if family.name == "shown" else (),  # MOSS and mini were trained without
        end_tokens=end_tokens(model, tokenizer),
        own_sampling=own_sampling(model),
        cache_tokens=cache_size // needs.cache(1, request.dtype),
        markers=END_MARKERS,
        seed=settings.seed,
        release=release,
    )


def is_light(settings: Settings) -> bool:
    """Return whether the model is mini and nothing is asked of it that needs torch."""
    asked = (settings.dtype, settings.quantize, settings.tp, settings.max_memory)
    return settings.model == "mini" and settings.device in ("auto", "cpu") and asked == ("auto", "", 1, {})


def _open_mini(settings: Settings, family: Family, cache_limit: int | None, release: Callable[[], bool]) -> LocalModel:
    """Load mini without torch, which alone takes longer to import than all of this."""
    need("mini")
    from moss_agent.checkpoints.mini import ONNX_MANIFEST, prepare_onnx
    from moss_agent.engine.backends.onnx_llama import OnnxLlama
    from moss_agent.engine.local import LocalModel
    from moss_agent.engine.plain_tokenizer import PlainTokenizer
    from moss_agent.free_memory import free_ram

    folder = prepare_onnx()
    backend = OnnxLlama(folder / ONNX_MANIFEST)
    return LocalModel(
        PlainTokenizer(folder / "tokenizer.json"),
        backend,
        context_length=min(
            limit for limit in (family.context_length, settings.context_length, backend.longest) if limit
        ),
        end_tokens=[backend.end_token],
        cache_tokens=_cache_size(cache_limit, free_ram()) // backend.token_bytes,
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


def _backend(model: PreTrainedModel, tp: int) -> Backend:
    from moss_agent.engine.attention import leaves_attention
    from moss_agent.engine.backends.batched import BatchedBackend
    from moss_agent.engine.backends.tensor_parallel import LeadingBackend
    from moss_agent.engine.backends.transformers import TransformersBackend

    if tp > 1:
        return LeadingBackend(model)
    return BatchedBackend(model) if leaves_attention(model) else TransformersBackend(model)


def _cache_size(limit: int | None, free: int) -> int:
    """Return how many bytes the KV caches may take, of so many that are free."""
    return int(free * CACHE_SHARE) if limit is None else limit


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
