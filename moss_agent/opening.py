"""From settings to a model, here or on a server, and to plugins."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.checkpoints.families import Family
from moss_agent.errors import UsageError
from moss_agent.extras import need
from moss_agent.plugin_host import Plugin, PluginRunner, Policy, discover
from moss_agent.protocol import SEGMENTS
from moss_agent.resources import user_path
from moss_agent.settings import Settings

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from moss_agent.checkpoints.needs import Needs
    from moss_agent.checkpoints.placement import Request
    from moss_agent.engine.backends.remote.served import ServedModel
    from moss_agent.engine.backends.remote.session import RemoteModel
    from moss_agent.engine.local import LocalModel
    from moss_agent.engine.sequence import Backend

END_MARKERS = [segment.end for segment in SEGMENTS]
CACHE_SHARE = 0.5  # of the memory that is free once the model is loaded


def open_plugins(settings: Settings, family: Family) -> PluginRunner:
    """Return the enabled plugins that the policy does not deny, in the family's order, with their settings."""
    available = discover(map(user_path, settings.plugin_dirs))
    plugins, policy = available.enabled(settings.plugins), Policy(settings.approval)
    if not available.problems:  # else the plugin may be one that does not load
        _check_tables(settings, policy, [*available.values(), *available.left_out, *plugins])
    plugins = [plugin for plugin in plugins if policy.decide(plugin) != "deny"]
    known = [capability.label for capability in family.preamble.known]
    plugins.sort(key=lambda plugin: known.index(plugin.label) if plugin.label in known else len(known))
    return PluginRunner(plugins, settings.plugin_settings, policy)


def _check_tables(settings: Settings, policy: Policy, plugins: Sequence[Plugin]) -> None:
    """Raise UsageError for settings of a plugin that does not exist, and for rules of approval for one."""
    keys = {plugin.key for plugin in plugins}
    policy.check_names(keys)
    for key in settings.plugin_settings.keys() - keys:
        known = ", ".join(sorted(keys))
        raise UsageError(f"the settings have a table [plugins.{key}] of an unknown plugin; there are: {known}")


def find_served(settings: Settings) -> ServedModel:
    """Ask the server of the settings for its model. Raises ServerError, UsageError."""
    from moss_agent.engine.backends.remote.connection import KEY_VARIABLE, Connection
    from moss_agent.engine.backends.remote.served import connect

    key = os.environ.get(KEY_VARIABLE, "")
    return connect(Connection(settings.server, key=key, seconds=settings.server_timeout), settings.server_model)


def open_served(settings: Settings, family: Family, served: ServedModel) -> RemoteModel:
    """Return the server's model, ready to open sessions."""
    from moss_agent.engine.backends.remote.session import RemoteModel

    limits = [family.context_length, settings.context_length, served.context_length]
    context_length = min(limit for limit in limits if limit)
    return RemoteModel(served, context_length=context_length, markers=END_MARKERS, seed=settings.seed)


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
