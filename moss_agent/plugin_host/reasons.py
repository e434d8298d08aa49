"""What people are told of an exception that a plugin has raised, whose class may be the plugin's own."""

from __future__ import annotations

from moss_agent import errors
from moss_agent.errors import shorten_words

_LENGTH = 1000  # characters
_LOOKED_AT = 100_000


def reason(error: BaseException) -> str:
    """Return what the exception says of itself in one line, without its type for errors raised on purpose."""
    try:
        said = shorten_words(" ".join(str(error)[:_LOOKED_AT].split()))[:_LENGTH]
    except BaseException:  # not even asking for the text is safe
        said = "it cannot say why"
    if isinstance(error, errors.MossAgentError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def plain(error: errors.MossAgentError) -> errors.MossAgentError:
    """Return the error itself if its class is of the error tree, otherwise a PluginError that says the same."""
    return error if type(error).__module__ == errors.__name__ else errors.PluginError(reason(error))
