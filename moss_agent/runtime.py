"""What many conversations share: a model, plugins, settings."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from weakref import WeakSet

from moss_agent.calls import OnApproval
from moss_agent.chat import Chat
from moss_agent.checkpoints.families import Family, family_of, load_family
from moss_agent.conversation import Conversation
from moss_agent.dialects.moss import MossDialect
from moss_agent.errors import UsageError
from moss_agent.opening import find_served, open_local, open_plugins, open_served
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.protocol import Capability
from moss_agent.session import Model, Sampling
from moss_agent.settings import Settings, make_settings

LEAST_ROOM = 64  # tokens that the preamble has to leave


class Runtime:
    """A model with plugins, opened once; `chat` opens conversations on it. Thread-safe.

    preamble: the text that every chat begins with.
    """

    def __init__(
        self, model: Model, runner: PluginRunner, *, preamble: str, sampling: Sampling, max_rounds: int = 1
    ) -> None:
        self._model = model
        self._runner = runner
        self._preamble = preamble
        self._sampling = sampling
        self._max_rounds = max_rounds
        self._chats: WeakSet[Chat] = WeakSet()
        self._lock = threading.Lock()
        self._is_closed = False

    @classmethod
    def open(cls, model: str = "mini", **settings: Any) -> Runtime:
        """Open `mini`, a folder or a hub name. `settings`: the fields of `Settings`; no settings file is read.

        Raises MossAgentError, with a message of one line, if the model or a plugin cannot be had.
        """
        return cls.from_settings(make_settings({"model": model, **settings}))

    @classmethod
    def from_settings(cls, settings: Settings) -> Runtime:
        """Open the model and the plugins. What can be refused without loading the model is refused first."""
        served = find_served(settings) if settings.server else None
        family = load_family(settings.family or family_of(served.name if served else settings.model))
        runner = open_plugins(settings, family)
        sampling = Sampling(**settings.sampling(family.sampling))
        if served:
            model: Model = open_served(settings, family, served)
        else:
            model = open_local(settings, family, runner.release)
        runner.warm_up()  # while the model reads its first question
        preamble = checked_preamble(model, family, list(runner.plugins.values()))
        return cls(model, runner, preamble=preamble, sampling=sampling, max_rounds=settings.max_rounds)

    @property
    def plugins(self) -> dict[str, Plugin]:
        """The enabled plugins by command name."""
        return dict(self._runner.plugins)

    def chat(self, conversation: Conversation | None = None, *, on_approval: OnApproval | None = None) -> Chat:
        """Open a conversation, or go on with an earlier one.

        on_approval: decides on the calls of plugins that need approval; without it they are refused.
        """
        with self._lock:
            if self._is_closed:
                raise UsageError("the runtime is closed: open another one")
            dialect = MossDialect(self._model.session(self._preamble), self._sampling, list(self._runner.plugins))
            chat = Chat(
                dialect,
                self._runner,
                preamble=self._preamble,
                conversation=conversation,
                on_approval=on_approval,
                max_rounds=self._max_rounds,
            )
            self._chats.add(chat)
            return chat

    def close(self) -> None:
        """Cancel all turns, free the model's memory and end the plugins' processes, whatever of it fails."""
        with self._lock:
            self._is_closed = True
            chats = list(self._chats)
        with ExitStack() as last_first:
            for close in (self._model.close, self._runner.close, *(chat.close for chat in chats)):
                last_first.callback(close)

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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
