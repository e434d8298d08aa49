"""A chat at a terminal: showing its turns, what is left of one that was stopped, other plugins, another model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from moss_agent.calls import OnApproval
from moss_agent.chat import Chat
from moss_agent.cli.conversations import KEPT, moved
from moss_agent.cli.printing import CUT, Printer, drain
from moss_agent.errors import MossAgentError
from moss_agent.events import Events
from moss_agent.plugin_host import Plugin
from moss_agent.records import Turn
from moss_agent.settings import Settings

if TYPE_CHECKING:
    from moss_agent.runtime import Runtime


class Talk:
    """A chat at a terminal. runtime: has its model and its plugins; settings: what it was opened from."""

    def __init__(
        self, runtime: Runtime, chat: Chat, printer: Printer, settings: Settings, on_approval: OnApproval | None = None
    ) -> None:
        self.runtime = self._model = runtime  # the second one keeps the model
        self.chat = chat
        self.printer = printer
        self.settings = settings
        self._on_approval = on_approval

    def use_plugins(self, plugins: Sequence[str | Plugin]) -> None:
        """Go on with other plugins on the same model. Raises MossAgentError; then all stays as it was."""
        old = self.runtime
        self._move(self._model.with_plugins(plugins))
        self.settings = replace(self.settings, plugins=tuple(plugins))
        if old is not self._model:
            old.close()

    def use_model(self, runtime: Runtime, settings: Settings) -> None:
        """Go on with another model. Raises MossAgentError; then all stays as it was, and the other one is closed."""
        old = (self.runtime, self._model)
        self._move(runtime)
        self._model, self.settings = runtime, settings
        for each in old:
            each.close()

    def close(self) -> None:
        self.runtime.close()
        self._model.close()

    def _move(self, runtime: Runtime) -> None:
        try:
            chat = moved(self.chat, runtime, self._on_approval)
        except BaseException:
            runtime.close()
            raise
        self.chat.close()
        self.chat, self.runtime = chat, runtime


def show(talk: Talk, turn: Events) -> None:
    """Print a turn as it happens; if it is stopped or fails, say what is kept of it."""
    chat, printer = talk.chat, talk.printer
    before = chat.conversation.turns[-1:]
    try:
        drain(turn, printer.show)
    except KeyboardInterrupt:
        printer.after_echo()
        printer.note(f"Stopped. {_left(chat, before)}")
    except MossAgentError as error:
        printer.settle(mark=CUT)
        printer.failure(str(error))
        if (left := _left(chat, before)) == KEPT:
            printer.note(left)


def _left(chat: Chat, before: Sequence[Turn]) -> str:
    """Return what a turn that was ended has left. before: the last turn until then, if there was one."""
    last = chat.conversation.turns[-1:]
    if last == before:
        return "The conversation is as it was before."
    return KEPT if last[0].status == "stopped" else "The answer is whole."
