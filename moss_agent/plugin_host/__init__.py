"""Where plugins come from, what they must look like, and how they are run."""

from moss_agent.plugin_host.approval import Decision, Policy
from moss_agent.plugin_host.contract import Plugin, plugin
from moss_agent.plugin_host.loading import load_folder
from moss_agent.plugin_host.outputs import Result
from moss_agent.plugin_host.parameters import Parameter
from moss_agent.plugin_host.progress import Progress, report
from moss_agent.plugin_host.runner import Outcome, PluginRunner
from moss_agent.plugin_host.sources import Catalog, Found, Source, discover, select

__all__ = [
    "Catalog",
    "Decision",
    "Found",
    "Outcome",
    "Parameter",
    "Plugin",
    "PluginRunner",
    "Policy",
    "Progress",
    "Result",
    "Source",
    "discover",
    "load_folder",
    "plugin",
    "report",
    "select",
]
