"""Which dialect a model speaks, and the model that speaks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from moss_agent.checkpoints.families import Family, load_family, written_family
from moss_agent.dialects.dialect import Dialect
from moss_agent.dialects.messages import tool_of
from moss_agent.dialects.moss import MossDialect
from moss_agent.dialects.tools import ToolsDialect
from moss_agent.errors import UsageError
from moss_agent.messages import ChatModel
from moss_agent.opening.local import open_local, open_local_chat
from moss_agent.opening.served import is_taught_moss, open_served, open_served_chat
from moss_agent.plugin_host import Plugin
from moss_agent.protocol import Capability
from moss_agent.session import Model, Sampling
from moss_agent.settings import Settings

if TYPE_CHECKING:
    from moss_agent.engine.backends.remote.served import ServedModel

LEAST_ROOM = 64  # tokens that the preamble has to leave


def choose_family(settings: Settings, served: ServedModel | None) -> Family:
    """Return the family that the settings name, or that fits the model. Raises UsageError."""
    name = settings.family or _family_of(settings, served)
    family = load_family(name)
    if settings.family and settings.dialect and settings.dialect not in (family.dialect, family.name):
        raise UsageError(f"the family {name} speaks the dialect {family.dialect}: leave out one of the two settings")
    return family


def _family_of(settings: Settings, served: ServedModel | None) -> str:
    if settings.dialect in ("tools", "shown"):
        return settings.dialect
    if served:
        if settings.dialect == "moss" or is_taught_moss(served):
            return "mini" if served.name == "mini" else "moss"
        return "tools"
    if settings.model == "mini":
        return "mini"
    from moss_agent.checkpoints.chat_template import has_tool_template
    from moss_agent.checkpoints.hub import fetch_config

    folder = fetch_config(settings.model)
    if not settings.dialect and (noted := written_family(folder)):
        return noted
    return "tools" if not settings.dialect and has_tool_template(folder) else "moss"


def open_model(
    settings: Settings, family: Family, served: ServedModel | None, release: Callable[[], bool] = lambda: False
) -> Model | ChatModel:
    """Open the model in the way that the family's dialect needs. Raises MossAgentError.

    release: lets others give back memory when the model has none left.
    """
    sampling = settings.sampling(family.sampling)
    Sampling(**sampling)  # raises if a value is none
    if family.dialect == "moss":
        return open_served(settings, family, served) if served else open_local(settings, family, release)
    longest = sampling.pop("max_new_tokens")
    if served:
        return open_served_chat(settings, family, served, sampling, longest)
    return open_local_chat(settings, family, sampling, longest, release)


def open_dialect(model: Model | ChatModel, settings: Settings, family: Family, plugins: Sequence[Plugin]) -> Dialect:
    """Return the dialect that tells the model of the plugins. Raises UsageError if its context is too small."""
    sampling = Sampling(**settings.sampling(family.sampling))
    if isinstance(model, Model):
        preamble = checked_preamble(model, family, plugins)
        return MossDialect(model, preamble, sampling, [plugin.name for plugin in plugins])
    tools = [tool_of(plugin) for plugin in plugins]
    return ToolsDialect(model, family.preamble.instruction.strip(), tools, sampling.max_new_tokens)


def checked_preamble(model: Model, family: Family, plugins: Sequence[Plugin]) -> str:
    """Return the preamble of the plugins. Raises UsageError if it leaves no room for a conversation."""
    capabilities = [Capability(plugin.label, plugin.api) for plugin in plugins]
    preamble = family.preamble.render(capabilities)
    needed, alone = model.count(preamble), model.count(family.preamble.render(()))
    limit = model.context_length - LEAST_ROOM
    if alone > limit:
        raise UsageError(f"the preamble takes {alone} tokens: set a context_length of {alone + 256} or more")
    if needed > limit or needed - alone > model.context_length // 2:
        sizes = [(model.count(each.line(True)), plugin.key) for each, plugin in zip(capabilities, plugins, strict=True)]
        longest = ", ".join(f"{key} ({size} tokens)" for size, key in sorted(sizes, reverse=True)[:3])
        raise UsageError(
            f"{len(sizes)} plugins make the preamble {needed} tokens long, and the context has {model.context_length}: "
            f"enable fewer with --plugins; the longest lines: {longest}"
        )
    return preamble
