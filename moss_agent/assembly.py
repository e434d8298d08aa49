"""From settings to an agent: the one place that knows all rooms."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.agent import Agent
from moss_agent.checkpoints.families import Family, family_of, load_family
from moss_agent.conversation import Conversation
from moss_agent.errors import UsageError
from moss_agent.plugin_host import Plugin, PluginRunner, Policy, discover
from moss_agent.protocol import SEGMENTS, Capability
from moss_agent.resources import user_path
from moss_agent.settings import Settings

if TYPE_CHECKING:
    from moss_agent.checkpoints.needs import Needs
    from moss_agent.checkpoints.placement import Request
    from moss_agent.engine.remote.served import ServedModel
    from moss_agent.engine.remote.session import RemoteSession
    from moss_agent.engine.session import Session

END_MARKERS = [segment.end for segment in SEGMENTS]


def build_agent(settings: Settings, conversation: Conversation | None = None) -> Agent:
    """Load the model and its plugins. What can be refused without loading the model is refused first."""
    from moss_agent.engine.sampling import Sampling

    served = find_served(settings) if settings.server else None
    family = load_family(settings.family or family_of(served.name if served else settings.model))
    runner = build_runner(settings, family)
    sampling = Sampling(**settings.sampling(family.sampling))
    session = open_remote(settings, family, served) if served else load_session(settings, family, runner.release)
    runner.warm_up()  # while the model reads its first question
    enabled = [Capability(plugin.label, plugin.api) for plugin in runner.plugins.values()]
    preamble = family.preamble.render(enabled)
    return Agent(session, runner, preamble=preamble, sampling=sampling, conversation=conversation)


def build_runner(settings: Settings, family: Family) -> PluginRunner:
    """The enabled plugins, in the family's order, with their settings."""
    available = discover(map(user_path, settings.plugin_dirs))
    plugins, policy = available.enabled(settings.plugins), Policy(settings.approval)
    if not available.problems:  # else the plugin may be one that does not load
        _check_tables(settings, policy, [*available.values(), *available.left_out, *plugins])
    known = [capability.label for capability in family.preamble.known]
    plugins.sort(key=lambda plugin: known.index(plugin.label) if plugin.label in known else len(known))
    return PluginRunner(plugins, settings.plugin_settings, policy)


def _check_tables(settings: Settings, policy: Policy, plugins: Sequence[Plugin]) -> None:
    """Raise UsageError for settings of a plugin that does not exist, and for rules of approval for one."""
    keys = {plugin.key for plugin in plugins}
    policy.check_names(keys)
    for key in settings.plugin_settings.keys() - keys:
        known = ", ".join(sorted(keys))
        raise UsageError(f"the settings have a table [plugins.{key}], but no plugin is called so; there are: {known}")


def find_served(settings: Settings) -> ServedModel:
    """The model that the server of the settings has. Raises ServerError, UsageError."""
    from moss_agent.engine.remote.connection import KEY_VARIABLE, Connection
    from moss_agent.engine.remote.served import connect

    key = os.environ.get(KEY_VARIABLE, "")
    return connect(Connection(settings.server, key=key, seconds=settings.server_timeout), settings.server_model)


def open_remote(settings: Settings, family: Family, served: ServedModel) -> RemoteSession:
    """A session on that model."""
    from moss_agent.engine.remote.session import RemoteSession

    limits = [family.context_length, settings.context_length, served.context_length]
    return RemoteSession(
        served, context_length=min(limit for limit in limits if limit), markers=END_MARKERS, seed=settings.seed
    )


def load_session(settings: Settings, family: Family, release: Callable[[], bool] = lambda: False) -> Session:
    """The model of the settings, ready for its first text. What can be refused is refused before it is fetched.

    release: lets others give back memory when the model has none left.
    """
    from moss_agent.checkpoints.hub import fetch
    from moss_agent.checkpoints.machine import this_machine
    from moss_agent.checkpoints.plan import make_plan
    from moss_agent.checkpoints.weights import check_weights
    from moss_agent.engine.loading import check_quantizer, load
    from moss_agent.engine.session import Session
    from moss_agent.engine.tensor_parallel import LeadingSession, check_processes, follow, is_follower

    check_processes(settings.tp)
    check_quantizer(settings.quantize)
    name, needs, request = survey(settings, family)
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
    return (LeadingSession if settings.tp > 1 else Session)(
        model,
        tokenizer,
        context_length=request.context_length,
        markers=END_MARKERS,
        seed=settings.seed,
        release=release,
    )


def survey(settings: Settings, family: Family) -> tuple[str, Needs, Request]:
    """The model's folder or hub name, what its config says that it needs, and what the settings want of the machine."""
    from moss_agent.checkpoints import moss
    from moss_agent.checkpoints.hub import fetch_config, read_config
    from moss_agent.checkpoints.needs import needs_of
    from moss_agent.checkpoints.placement import Request
    from moss_agent.checkpoints.plan import memory_limits
    from moss_agent.engine.loading import choose_device, choose_dtype

    moss.register()
    target = choose_device(settings.device)
    device = "mps" if target.type == "mps" else settings.device  # `auto` on CUDA means all GPUs
    dtype, limits = choose_dtype(settings.dtype, target), memory_limits(settings.max_memory)
    name = settings.model
    if name == "mini":
        from moss_agent.checkpoints.mini import prepare

        name = str(prepare())
    config = read_config(fetch_config(name))
    sees = getattr(config.get_text_config(), "max_position_embeddings", None)  # some have no limit of their own
    context_length = min(limit for limit in (family.context_length, settings.context_length, sees) if limit)
    offload_folder = str(user_path(settings.offload_folder)) if settings.offload_folder else ""
    request = Request(dtype, context_length, device, settings.quantize, settings.tp, limits, offload_folder)
    return name, needs_of(config), request
