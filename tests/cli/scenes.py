"""Chats on scripted models, and the program itself, for the tests of the command line.

Run as a script on a terminal, it is `moss-agent chat` with a scripted model that writes slowly.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from types import SimpleNamespace

from moss_agent import Hit, Picture, PluginError, plugin
from moss_agent.calls import OnApproval
from moss_agent.cancellation import Cancellation
from moss_agent.chat import Chat
from moss_agent.cli import chat, streams
from moss_agent.cli.prompt import Prompt
from moss_agent.plugin_host import Policy
from moss_agent.runtime import Runtime
from moss_agent.session import Generation, Sampling
from tests.scripted import ScriptedModel, ScriptedSession, SlowSession, scripted_runtime

THINK, NONE = " Let me think.<eot>", " None<eoc>"
SUM = [THINK, ' Add("1,2")<eoc>', " It is 3<sup><|1|></sup>.<eom>"]
POST = [THINK, ' Post("hi", place="there")<eoc>', " Done.<eom>"]
REST = [" and this is the rest.<eom>"]
HELLO = [THINK, NONE, " Hello.<eom>"]


@plugin("Add", label="Adder")
def add(numbers: str) -> str:
    return str(sum(map(int, numbers.split(","))))


@plugin("Find", label="Web search")
def find(query: str) -> list[Hit]:
    return [Hit(f"About {query}.\x1b[2J", "A \x1b]0;owned\x07page", "https://example.org/\u202epage")]


@plugin("Draw", label="Text-to-image")
def draw(path: str) -> Picture:
    return Picture(path, "moss")


@plugin("Fail", label="Failing")
def fail(text: str) -> str:
    raise PluginError("the machine is\nout of \x1b[31mcoffee")


class Stopped(str):
    """A reply after which Ctrl-C is pressed."""


class StoppableSession(ScriptedSession):
    def generate(
        self, stop: Sequence[str], sampling: Sampling, cancellation: Cancellation
    ) -> Generator[str, None, Generation]:
        is_stopped = any(isinstance(reply, Stopped) for reply in self.model.replies[:1])
        generation = yield from super().generate(stop, sampling, cancellation)
        if is_stopped:
            raise KeyboardInterrupt
        return generation


class StoppableModel(ScriptedModel):
    session_type = StoppableSession


class SlowModel(ScriptedModel):
    session_type = SlowSession


@plugin("Post", label="Board", effects={"network"}, approval="ask")
def post(message: str, place: str = "here") -> str:
    return f"{message!r} posted {place}"


def make_runtime(replies: Sequence[str | BaseException], model: type[ScriptedModel] = StoppableModel) -> Runtime:
    return scripted_runtime(model(replies), [add, find, draw, fail, post], policy=Policy())


def make_chat(replies: Sequence[str | BaseException], on_approval: OnApproval | None = None) -> Chat:
    return make_runtime(replies).chat(on_approval=on_approval)


class WatchedPrompt(Prompt):
    """Says so if the terminal shows keys that come while a prompt is made or gone."""

    def read(self, prompt: str) -> str:
        if streams.echoes():
            print("KEYS ARE SHOWN")
        return super().read(prompt)


def chat_on_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that this terminal's Ctrl-C reaches this process
    endless = " word" * 999
    chat.Prompt = WatchedPrompt
    chat.open_runtime = lambda *_: make_runtime([*SUM, *(POST * 2), THINK, NONE, endless, *HELLO], SlowModel)
    sys.exit(chat.run_command(SimpleNamespace(load=None, resume=None, log=False, plain=False)))


if __name__ == "__main__":
    chat_on_terminal()
