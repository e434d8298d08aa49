"""The tree of errors.

MossAgentError
├── UsageError            the request itself is wrong: settings, flags, names (exit code 2)
│   └── PluginContractError   a plugin that breaks the contract, named with the remedy
├── MissingDependency     an optional package is not installed; names the extra
├── CheckpointError       a model that cannot be found, fetched, verified or loaded
├── EngineError           the model cannot go on; the session stays usable
│   ├── ContextFull           no room left in the context window
│   ├── ServerError           the server that has the model does not answer as it should
│   └── OutOfMemory           the device ran out of memory
├── Cancelled             the turn was cancelled from another thread
├── DocumentIndexError    an index of documents that cannot be read or written
├── HistoryError          stored conversations that cannot be read or written
└── PluginError           a plugin call failed: raised by plugins, never by `Agent`
    └── PluginTimeout         it took longer than its limit

Every message is one line that says what to do about it.
"""

import re


class MossAgentError(Exception):
    """Base of all errors that this package raises on purpose."""


class UsageError(MossAgentError):
    """The request cannot be carried out as asked: a wrong setting, flag, name or file."""


class PluginContractError(UsageError):
    """A plugin breaks the contract; the message begins with the plugin's name."""

    def __init__(self, plugin: str, problem: str) -> None:
        super().__init__(plugin, problem)

    def __str__(self) -> str:
        return "plugin {}: {}".format(*self.args)


class MissingDependency(MossAgentError):
    """An optional package is missing; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)

    def __str__(self) -> str:
        return "{} is not installed: pip install 'moss-agent[{}]'".format(*self.args)


class CheckpointError(MossAgentError):
    """A model cannot be found, fetched, verified or loaded."""


class EngineError(MossAgentError):
    """Generation cannot go on; the session is as it was before the failed step."""


class ContextFull(EngineError):
    """The text does not fit in the model's context window."""


class ServerError(EngineError):
    """The server that has the model cannot be reached, refuses, or sends what is no answer.

    refusal: its own words, where it refuses a request for what stands in it.
    """

    def __init__(self, message: str, refusal: str = "") -> None:
        super().__init__(message)
        self.refusal = refusal


class OutOfMemory(EngineError):
    """The device ran out of memory."""


class Cancelled(MossAgentError):
    """The turn was cancelled from another thread, which is not waiting for an answer any more."""


class DocumentIndexError(MossAgentError):
    """An index of documents cannot be made, read or written."""


class HistoryError(MossAgentError):
    """The file of the stored conversations cannot be made, read or written."""


class PluginError(MossAgentError):
    """A plugin call failed. The human sees this message, MOSS sees `No result.`, chat models both."""


class PluginTimeout(PluginError):
    """A plugin call took longer than its limit."""


def cut(text: str, length: int) -> str:
    """Return the text, cut to at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def one_line(text: object, length: int = 300) -> str:
    """Return the text in one line of at most `length` characters."""
    return cut(" ".join(str(text).split()), length)


def said_by(error: BaseException) -> str:
    """Return what an error says of itself in one line; its type if it says nothing."""
    return one_line(error) or type(error).__name__


def shorten_words(message: str, length: int = 200) -> str:
    """Return the message with the beginnings of longer words: what is said of a name stays in sight behind it."""
    return re.sub(rf"(\S{{{length}}})\S+", r"\1…", message)
