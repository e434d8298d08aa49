"""Subjects whose model writes what a test says for each question; calculator and solver run in this process."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from moss_agent.dialects.messages import tool_of
from moss_agent.dialects.moss import MossDialect
from moss_agent.dialects.tools import ToolsDialect
from moss_agent.evaluation.subject import Subject
from moss_agent.plugin_host import Plugin, PluginRunner
from moss_agent.protocol import SEGMENTS
from moss_agent.session import Sampling
from plugins.calculator import calculate
from plugins.equation_solver import solve
from plugins.web_search import web_search
from tests.scripted import PREAMBLE, ScriptedModel, ScriptedSession
from tests.scripted_chat import Reply, ScriptedChatModel

PLUGINS = [web_search, replace(calculate, isolated=False, imports=()), replace(solve, isolated=False, imports=())]
Written = Mapping[str, tuple[str, str] | BaseException]
"""For each question what is written as commands and as the answer, or what is raised."""


class AnsweringSession(ScriptedSession):
    """Writes what its model has for the question that stands in the text."""

    def reply(self) -> str | BaseException:
        assert isinstance(self.model, AnsweringModel)
        question = re.findall(r"<\|Human\|>: (.*?)<eoh>", self.text, re.DOTALL)[-1]
        self.model.before_writing(question)
        written = self.model.written[question]
        if isinstance(written, BaseException):
            return written
        begun = max(SEGMENTS, key=lambda segment: self.text.rfind(segment.header)).name
        return {"thoughts": " x<eot>", "commands": f" {written[0]}<eoc>"}.get(begun, f" {written[1]}<eom>")


class AnsweringModel(ScriptedModel):
    session_type = AnsweringSession

    def __init__(self, written: Written, before_writing: Callable[[str], object] = lambda question: None) -> None:
        super().__init__([])
        self.written = written
        self.before_writing = before_writing


def moss_subject(
    written: Written, plugins: list[Plugin] = PLUGINS, before_writing: Callable[[str], object] = lambda question: None
) -> Subject:
    model = AnsweringModel(written, before_writing)

    def dialect(told: list[Plugin]) -> MossDialect:
        return MossDialect(model, PREAMBLE, Sampling(max_new_tokens=64), [plugin.name for plugin in told])

    return Subject(dialect, PluginRunner(plugins), model.close, name="scripted")


def chat_subject(replies: list[Reply]) -> Subject:
    """A chat model that writes the replies, one message after the other."""
    model = ScriptedChatModel(replies)
    return Subject(
        lambda plugins: ToolsDialect(model, "Be kind.", [tool_of(plugin) for plugin in plugins], 0),
        PluginRunner([]),
        model.close,
        max_rounds=4,
        name="scripted",
    )
