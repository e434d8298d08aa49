"""A model that writes what a test tells it to: the narrow double of the engine, for tests of what is above it."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from weakref import WeakSet

from moss_agent.calls import OnApproval
from moss_agent.cancellation import NEVER, Cancellation
from moss_agent.chat import Chat
from moss_agent.checkpoints.families import load_family
from moss_agent.conversation import Conversation
from moss_agent.dialects.moss import MossDialect
from moss_agent.opening.opened import OpenedModel
from moss_agent.opening.plugins import open_plugins
from moss_agent.plugin_host import Plugin, PluginRunner, Policy
from moss_agent.protocol import first_marker
from moss_agent.runtime import Runtime
from moss_agent.session import Generation, Sampling, check_room, count_common
from moss_agent.settings import Settings

PREAMBLE = "You are a test.\n"


class CutOff(str):
    """A reply that ran into the limit of tokens."""


class ScriptedSession:
    """Implements `session.Session` on characters instead of tokens."""

    def __init__(self, model: ScriptedModel, preamble: str) -> None:
        self.context_length = model.context_length
        self.model = model
        self.text = self.preamble = preamble
        self.computed = len(preamble) if preamble in model.known else 0
        self.closed = False

    @property
    def length(self) -> int:
        return len(self.text)

    @property
    def room(self) -> int:
        return self.context_length - len(self.text)

    def count(self, text: str, cancellation: Cancellation = NEVER) -> int:
        self.model.counted += len(text)
        return len(text)

    def extend(self, text: str, cancellation: Cancellation = NEVER) -> None:
        self.model.counted += len(text)
        check_room(len(text), self.room, self.context_length)
        self.text += text

    def generate(
        self, stop: Sequence[str], sampling: Sampling, cancellation: Cancellation
    ) -> Generator[str, None, Generation]:
        self.model.known.add(self.preamble)
        cached, prefilled = self.computed, len(self.text) - self.computed
        reply = self.reply()
        if isinstance(reply, BaseException):
            raise reply
        found = first_marker(reply)
        body, marker = (reply[: found[0]], found[1]) if found else (reply, "")
        for start in range(0, len(body), 3):
            cancellation.check()
            self.text += body[start : start + 3]
            self.computed = len(self.text)
            yield body[start : start + 3]
        assert not marker or marker in stop
        self.text += marker
        self.computed = len(self.text) - len(marker)
        finish = "stop" if marker else "length" if isinstance(reply, CutOff) else "end"
        return Generation(body, marker, finish, cached, prefilled, len(body))

    def reply(self) -> str | BaseException:
        """What the model writes next."""
        return self.model.replies.pop(0) if self.model.replies else ""

    def replace(self, length: int, text: str, cancellation: Cancellation = NEVER) -> None:
        self.model.counted += len(text)
        check_room(len(text), self.context_length - length, self.context_length)
        common = count_common(self.text[length:], text)
        self.rewind(length + common)
        self.text += text[common:]

    def rewind(self, length: int) -> None:
        self.text = self.text[: max(length, len(self.preamble))]
        self.computed = min(self.computed, len(self.text))

    def close(self) -> None:
        self.rewind(0)
        self.closed = True


class SlowSession(ScriptedSession):
    """Writes with a pause before each piece, in seconds."""

    pause = 0.02

    def generate(
        self, stop: Sequence[str], sampling: Sampling, cancellation: Cancellation
    ) -> Generator[str, None, Generation]:
        pieces = super().generate(stop, sampling, cancellation)
        while True:
            time.sleep(self.pause)
            try:
                yield next(pieces)
            except StopIteration as end:
                return end.value


class ScriptedModel:
    """Implements `session.Model`.

    replies: what the model writes, one text per generation, each with the marker that ends it (or none).
    An exception among them is raised in its place; a `CutOff` was not finished. Pieces have three characters.
    counted: characters that were tokenised. sessions: those that were opened.
    """

    session_type = ScriptedSession

    def __init__(self, replies: Sequence[str | BaseException], context_length: int = 100_000) -> None:
        self.replies = list(replies)
        self.context_length = context_length
        self.known: set[str] = set()  # preambles that have been computed
        self.counted = 0
        self.sessions: list[ScriptedSession] = []
        self.closed = False

    def count(self, text: str) -> int:
        return len(text)

    def session(self, preamble: str) -> ScriptedSession:
        check_room(len(preamble), self.context_length, self.context_length)
        self.sessions.append(self.session_type(self, preamble))
        return self.sessions[-1]

    def close(self) -> None:
        self.closed = True

    @property
    def text(self) -> str:
        """What the last session holds."""
        return self.sessions[-1].text


def scripted_runtime(
    model: ScriptedModel, plugins: Sequence[Plugin], *, policy: Policy | None = None, max_rounds: int = 1
) -> Runtime:
    """A runtime on the model, with plugins that really run."""
    runner = PluginRunner(plugins, policy=policy)
    dialect = MossDialect(model, PREAMBLE, Sampling(max_new_tokens=64), list(runner.plugins))
    return Runtime(dialect, runner, max_rounds=max_rounds)


def opened_runtime(model: ScriptedModel, settings: Settings) -> Runtime:
    """A runtime on the model as it is opened from settings, so that it can be given other plugins."""
    opened = OpenedModel(model, settings, load_family("mini"), "scripted", WeakSet())
    runner = open_plugins(settings, opened.family)
    return Runtime(opened.open_dialect(runner), runner, model=opened.name, opened=opened)


def scripted_chat(
    replies: Sequence[str | BaseException],
    plugins: Sequence[Plugin] = (),
    *,
    context_length: int = 100_000,
    conversation: Conversation | None = None,
    on_approval: OnApproval | None = None,
    policy: Policy | None = None,
    max_rounds: int = 1,
) -> tuple[Chat, ScriptedModel]:
    """A chat on a model that writes the replies."""
    model = ScriptedModel(replies, context_length)
    runtime = scripted_runtime(model, plugins, policy=policy, max_rounds=max_rounds)
    return runtime.chat(conversation, on_approval=on_approval), model
