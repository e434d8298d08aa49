"""A tool-augmented agent runtime for MOSS, for its small sibling mini, and for chat models that call tools.

    from moss_agent import Agent
    agent = Agent.from_pretrained("mini")
    print(agent.ask("What is 37*89?").text)

Names are loaded on first use: importing the package imports neither torch nor transformers.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moss_agent.agent import Agent
    from moss_agent.calls import Approval
    from moss_agent.chat import Chat
    from moss_agent.conversation import Conversation
    from moss_agent.errors import MossAgentError, PluginError
    from moss_agent.events import Hit, Picture, Reply
    from moss_agent.history import History
    from moss_agent.plugin_host import plugin
    from moss_agent.runtime import Runtime
    from moss_agent.settings import Settings

__version__ = "0.2.0.dev0"

__all__ = [
    "Agent",
    "Approval",
    "Chat",
    "Conversation",
    "History",
    "Hit",
    "MossAgentError",
    "Picture",
    "PluginError",
    "Reply",
    "Runtime",
    "Settings",
    "plugin",
]

_HOME = {
    "Agent": "moss_agent.agent",
    "Approval": "moss_agent.calls",
    "Chat": "moss_agent.chat",
    "Conversation": "moss_agent.conversation",
    "History": "moss_agent.history",
    "Hit": "moss_agent.events",
    "MossAgentError": "moss_agent.errors",
    "Picture": "moss_agent.events",
    "PluginError": "moss_agent.errors",
    "Reply": "moss_agent.events",
    "Runtime": "moss_agent.runtime",
    "Settings": "moss_agent.settings",
    "plugin": "moss_agent.plugin_host",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
