"""What many conversations share: a model, plugins, settings."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from weakref import WeakSet

from moss_agent.calls import OnApproval
from moss_agent.chat import Chat
from moss_agent.conversation import Conversation
from moss_agent.dialects.dialect import Dialect
from moss_agent.errors import UsageError
from moss_agent.opening.opened import OpenedModel
from moss_agent.opening.plugins import open_plugins
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.settings import Settings, make_settings
from moss_agent.store import Store


class Runtime:
    """A model with plugins, opened once; `chat` opens conversations on it. Thread-safe.

    max_rounds: how often the model may call plugins in one turn. model: what stored conversations call the model.
    opened: what it was opened from, if other plugins shall be able to use the model.
    """

    def __init__(
        self,
        dialect: Dialect,
        runner: PluginRunner,
        *,
        max_rounds: int = 1,
        model: str = "",
        opened: OpenedModel | None = None,
    ) -> None:
        self._dialect = dialect
        self._runner = runner
        self._max_rounds = max_rounds
        self.model = model
        self._opened = opened
        self._close_model = dialect.close
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
        opened, runner = OpenedModel.open(settings)
        try:
            return cls._of(opened, runner)
        except BaseException:
            opened.model.close()
            raise

    @classmethod
    def _of(cls, opened: OpenedModel, runner: PluginRunner) -> Runtime:
        try:
            dialect = opened.open_dialect(runner)
        except BaseException:
            runner.close()
            raise
        return cls(dialect, runner, max_rounds=opened.max_rounds, model=opened.name, opened=opened)

    def with_plugins(self, plugins: Sequence[str | Plugin] | None = None) -> Runtime:
        """Open a runtime with other plugins on the same model, which belongs to this one: close this one last.

        plugins: as in `Settings`: keys or command names, or plugins themselves; None for all.
        Raises MossAgentError as `open` does.
        """
        if self._opened is None:
            raise UsageError("only a runtime that was opened from settings can be given other plugins")
        chosen = None if plugins is None else tuple(plugins)
        self._check_open()
        runner = open_plugins(replace(self._opened.settings, plugins=chosen), self._opened.family)
        try:
            runner.warm_up()
        except BaseException:
            runner.close()
            raise
        runtime = self._of(self._opened, runner)
        runtime._close_model = lambda: None
        return runtime

    @property
    def plugins(self) -> dict[str, Plugin]:
        """The enabled plugins by command name."""
        return dict(self._runner.plugins)

    def chat(
        self,
        conversation: Conversation | None = None,
        *,
        on_approval: OnApproval | None = None,
        store: Store | None = None,
    ) -> Chat:
        """Open a conversation, or go on with an earlier one.

        on_approval: decides on the calls of plugins that need approval; without it they are refused.
        store: keeps every turn as it happens, such as `History()`; without it nothing is stored.
        """
        self._check_open()
        chat = Chat(
            self._dialect.open(),  # may ask a server, for which nobody else has to wait
            self._runner,
            preamble=self._dialect.preamble,
            conversation=conversation,
            on_approval=on_approval,
            max_rounds=self._max_rounds,
            store=store,
            model=self.model,
        )
        with self._lock:
            self._chats.add(chat)
            is_closed = self._is_closed
        if is_closed:
            chat.close()
            self._check_open()
        return chat

    def resume(self, name: str = "last", *, on_approval: OnApproval | None = None, store: Store | None = None) -> Chat:
        """Go on with a stored conversation. name: its id, which may be shortened, or `last`.

        store: where it is; without it the file that the command line uses.
        Raises UsageError if there is no such conversation, HistoryError if it cannot be read.
        """
        if store is None:
            from moss_agent.history import History

            store = History()
        chat = self.chat(on_approval=on_approval, store=store)
        try:
            chat.resume(name)
        except BaseException:
            chat.close()
            raise
        return chat

    def close(self) -> None:
        """Cancel all turns, free the model's memory and end the plugins' processes, whatever of it fails."""
        with self._lock:
            self._is_closed = True
            chats = list(self._chats)
        with ExitStack() as last_first:
            for close in (self._close_model, self._runner.close, *(chat.close for chat in chats)):
                last_first.callback(close)

    def _check_open(self) -> None:
        if self._is_closed:
            raise UsageError("the runtime is closed: open another one")

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
