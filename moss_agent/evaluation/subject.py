"""What is evaluated: a model, opened once, that is asked every case in a chat of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING
from weakref import WeakSet

from moss_agent.chat import Chat
from moss_agent.conversation import Conversation
from moss_agent.dialects.dialect import Dialect
from moss_agent.errors import Cancelled, UsageError, one_line
from moss_agent.evaluation.cases import Case, FunctionsCase, QuestionCase, RecordedCase
from moss_agent.evaluation.standins import plugins_for
from moss_agent.opening.dialect import choose_family, open_dialect, open_model
from moss_agent.opening.plugins import open_plugins
from moss_agent.opening.served import find_served
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.records import Turn

if TYPE_CHECKING:
    from moss_agent.settings import Settings

OpenDialect = Callable[[Sequence[Plugin]], Dialect]


class Subject:
    """A model and the plugins that it may have. Thread-safe.

    dialect: tells the model of these plugins. runner: of all plugins. close: frees the model. name: of the model.
    """

    def __init__(
        self,
        dialect: OpenDialect,
        runner: PluginRunner,
        close: Callable[[], None],
        *,
        max_rounds: int = 1,
        name: str = "",
    ) -> None:
        self.runner = runner
        self.name = name
        self._dialect = dialect
        self._close = close
        self._max_rounds = max_rounds
        self._chats: WeakSet[Chat] = WeakSet()
        self._lock = threading.Lock()
        self._is_closed = False

    @classmethod
    def open(cls, settings: Settings, cases: Sequence[Case]) -> Subject:
        """Open the model of the settings. Raises MossAgentError, also if it cannot be told of what the cases have."""
        served = find_served(settings) if settings.server else None
        family = choose_family(settings, served)
        if family.dialect != "tools" and any(isinstance(case, FunctionsCase) for case in cases):
            raise UsageError(
                "BFCL's functions are declared to chat models that call tools, and this model speaks MOSS's text: "
                "name a chat model with --model or --server, or try --dialect tools"
            )
        runner = open_plugins(settings, family)
        _check_names(cases, runner.plugins.values())
        model = open_model(settings, family, served, runner.release)
        runner.warm_up()
        return cls(
            lambda plugins: open_dialect(model, settings, family, plugins),
            runner,
            model.close,
            max_rounds=settings.max_rounds or family.max_rounds,
            name=served.name if served else settings.model,
        )

    def ask(self, case: Case) -> Turn:
        """Ask the question of the case after the turns that were before it. Raises MossAgentError."""
        plugins = plugins_for(case, self.runner)
        before = case.before if isinstance(case, RecordedCase) else ()
        rounds = 1 if isinstance(case, FunctionsCase) else self._max_rounds
        session, history = self._dialect(plugins).open(), Conversation("", list(before))
        chat = Chat(session, PluginRunner(plugins), conversation=history, max_rounds=rounds)
        with self._lock:
            if self._is_closed:
                raise Cancelled("the evaluation was stopped")
            self._chats.add(chat)
        try:
            chat.ask(case.question)
            return chat.conversation.turns[-1]
        finally:
            chat.close()

    def close(self) -> None:
        """Cancel what is being asked, free the model, end the plugins' processes."""
        with self._lock:
            self._is_closed = True
            chats = list(self._chats)
        with ExitStack() as last_first:
            for close in (self._close, self.runner.close, *(chat.close for chat in chats)):
                last_first.callback(close)

    def __enter__(self) -> Subject:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def told_plugins(settings: Settings) -> set[str]:
    """Return the names of the plugins that a model opened with these settings is told of. Raises MossAgentError."""
    served = find_served(settings) if settings.server else None
    with closing(open_plugins(settings, choose_family(settings, served))) as runner:
        return set(runner.plugins)


def _check_names(cases: Sequence[Case], plugins: Collection[Plugin]) -> None:
    """Raise UsageError if a question wants a plugin to be called that the model is not told of."""
    known = {name for plugin in plugins for name in (plugin.name, plugin.key)}
    for case in cases:
        wanted = (isinstance(case, QuestionCase) and case.plugins) or ()
        if missing := [name for name in wanted if name not in known]:
            there = ", ".join(f"{plugin.name} ({plugin.key})" for plugin in plugins) or "none"
            raise UsageError(
                f"{case.id} wants the plugin {one_line(missing[0], 40)}, which is not enabled: "
                f"correct the data or --plugins; there are: {there}"
            )
