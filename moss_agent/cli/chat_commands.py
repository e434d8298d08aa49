"""What can be typed in a chat besides questions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from moss_agent.cli import switching
from moss_agent.cli.calling import call_plugin
from moss_agent.cli.conversations import check_replaceable, count, tell
from moss_agent.cli.screen import PLAIN
from moss_agent.cli.tables import SHORT, conversation_table
from moss_agent.cli.talk import Talk, show
from moss_agent.cli.text import clean, fitted, one_line, readable, wrapped
from moss_agent.conversation import Conversation
from moss_agent.errors import MossAgentError, PluginError, UsageError
from moss_agent.events import Call, CallFinished, CallStarted, Notice
from moss_agent.history import History
from moss_agent.history.export import FORMATS
from moss_agent.plugin_host import PluginRunner
from moss_agent.protocol import Command
from moss_agent.resources import replace_file, user_path
from moss_agent.store import About, Stored, title_of

LISTED = 10  # conversations
MEANINGS = 14  # column where they begin in the list of commands
DRAWING = "Text2Image"  # name of the plugin that draws


def _help(talk: Talk, rest: str) -> None:
    width = talk.printer.screen.width
    talk.printer.note("\n".join(wrapped(line, width, " " * MEANINGS) for line in HELP.split("\n")))


def _again(talk: Talk, rest: str) -> None:
    show(talk, talk.chat.stream_again(keep_stopped=True))


def _continue(talk: Talk, rest: str) -> None:
    show(talk, talk.chat.stream_on(keep_stopped=True))


def _drop(talk: Talk, rest: str) -> None:
    talk.printer.note(f"Removed: {one_line(talk.chat.drop().question, 60)}")


def _save(talk: Talk, rest: str) -> None:
    path = _file(rest)
    check_replaceable(path)
    talk.chat.conversation.save(path)
    talk.printer.note(f"Saved to {one_line(str(path))}.")


def _load(talk: Talk, rest: str) -> None:
    path = _file(rest)
    talk.chat.conversation = Conversation.load(path)
    talk.printer.note(f"Going on after {count(talk.chat.conversation.turns)}.")


def _file(name: str) -> Path:
    if not name:
        raise UsageError("name the file, as in /save talk.chat.json or /load talk.chat.json")
    return user_path(name)


def _edit(talk: Talk, rest: str) -> None:
    number, _, question = rest.partition(" ")
    if not number.isdecimal():
        raise UsageError("name the question and what to ask instead, as in /edit 2 And in French?; /turns lists them")
    show(talk, talk.chat.stream_edited(int(number[:9]), question.strip(), keep_stopped=True))


def _turns(talk: Talk, rest: str) -> None:
    turns = talk.chat.conversation.turns
    lines = [f"{number}. {fitted(turn.question, 100)}" for number, turn in enumerate(turns, 1)]
    talk.printer.note("\n".join(lines) or "Nothing was asked yet.")


def _log(talk: Talk, rest: str) -> None:
    listed = talk.chat.store.list(LISTED)
    talk.printer.note(conversation_table(listed) if listed else "No conversation is stored yet.")


def _resume(talk: Talk, rest: str) -> None:
    title = talk.chat.store.load(rest or "last").about.title
    talk.chat.resume(rest or "last")
    tell(talk.chat.conversation.turns, title, talk.printer)


def _fork(talk: Talk, rest: str) -> None:
    talk.printer.note(f"Going on in {talk.chat.fork()[:SHORT]}, a copy; the conversation until here stays as it is.")


def _thoughts(talk: Talk, rest: str) -> None:
    talk.printer.note(talk.printer.thoughts.strip() or "Nothing was thought yet.")


def _show_result(talk: Talk, rest: str) -> None:
    calls = talk.printer.calls
    number = int(rest[:9]) if rest.isdecimal() else len(calls) if not rest else 0
    if not 1 <= number <= len(calls):
        raise UsageError(f"name a result from 1 to {len(calls)}, as in /show 1" if calls else "nothing was called yet")
    talk.printer.note(clean(calls[number - 1].result), PLAIN)


def _search(talk: Talk, rest: str) -> None:
    if not rest:
        raise UsageError("name the words to look for, as in /search battery storage")
    with History() as history:
        found = history.search(rest, LISTED)
    lines = [f"{match.turn[:SHORT]}  {fitted(match.question, 80)}\n    {fitted(match.passage, 100)}" for match in found]
    talk.printer.note("\n".join(lines) or "Nothing was found.")


def _export(talk: Talk, rest: str) -> None:
    """Write the conversation in the format that the ending of the file says."""
    formats = {".md": "markdown", ".html": "html", ".json": "json"}
    if Path(rest).suffix not in formats:
        raise UsageError("name a file that ends with .md, .html or .json, as in /export talk.html")
    path, turns = user_path(rest), talk.chat.conversation.turns
    if not turns:
        raise UsageError("there is nothing to export: ask something first")
    about = About(title_of(turns[0].question), talk.runtime.model, time=turns[0].time)
    if os.path.lexists(path):
        raise UsageError(f"cannot write to {path}: it exists: name another file")
    try:
        replace_file(path, FORMATS[formats[path.suffix]](Stored(about, turns)).encode())
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot write to {path}: {getattr(error, 'strerror', None) or error}") from None
    talk.printer.note(f"Written to {one_line(str(path))}.")


def _copy(talk: Talk, rest: str) -> None:
    turns = talk.chat.conversation.turns
    if not turns or not talk.printer.screen.copy(readable(turns[-1].text)):
        raise UsageError("there is no answer to copy, or this terminal cannot copy")
    talk.printer.note("Copied the last answer, if the terminal allows it.")


def _image(talk: Talk, rest: str) -> None:
    """Draw without the model; the conversation does not change."""
    plugin = talk.runtime.plugins.get(DRAWING)
    if not plugin or not rest:
        reason = "say what to draw, as in /image a small blue owl" if plugin else "no plugin that draws is enabled"
        raise UsageError(reason)
    started = CallStarted(0, plugin.name, rest, (rest,))
    talk.printer.show(started)
    try:
        with closing(PluginRunner([plugin], talk.settings.plugin_settings)) as runner:
            call = call_plugin(runner, Command(plugin.name, (rest,)), talk.printer.show)
    except (PluginError, UsageError) as error:
        call = Call(plugin.name, rest, "", False, 0.0, str(error), arguments=(rest,))
    finally:
        talk.printer.settle()
    talk.printer.show(CallFinished(0, call))
    for notice in dict.fromkeys(notice for image in call.images for notice in image.notices):
        talk.printer.show(Notice(notice))
    talk.printer.show_images(call.images)


def _usage(talk: Talk, rest: str) -> None:
    turns = talk.chat.conversation.turns
    read, cached = sum(t.usage.prompt_tokens for t in turns), sum(t.usage.cached_tokens for t in turns)
    written, seconds = sum(t.usage.generated_tokens for t in turns), sum(t.seconds for t in turns)
    talk.printer.note(f"{count(turns)}: {read} tokens read ({cached} cached), {written} written, {seconds:.0f} s")


@dataclass(frozen=True)
class Action:
    """A command of the chat. form: how its argument is written; meaning: what it does, for the list."""

    run: Callable[[Talk, str], None]
    form: str
    meaning: str


COMMANDS: Mapping[str, Action] = {
    "/retry": Action(_again, "", "answer the last question anew; the other answer stays stored"),
    "/continue": Action(_continue, "", "go on with an answer that was stopped"),
    "/undo": Action(_drop, "", "remove the last question and its answer"),
    "/edit": Action(_edit, "N ...", "ask another question in place of that number; what followed stays stored"),
    "/turns": Action(_turns, "", "list the questions of this conversation, with their numbers"),
    "/thoughts": Action(_thoughts, "", "show what the model thought for the last answer"),
    "/show": Action(_show_result, "N", "show the whole result of a call; without N of the last one"),
    "/log": Action(_log, "", "list the stored conversations"),
    "/search": Action(_search, "WORDS", "search them"),
    "/resume": Action(_resume, "ID", "go on with one of them; without ID with the last one"),
    "/fork": Action(_fork, "", "go on in a copy of this conversation"),
    "/export": Action(_export, "FILE", "write it as Markdown (.md), a page (.html) or data (.json)"),
    "/save": Action(_save, "FILE", "save the conversation"),
    "/load": Action(_load, "FILE", "go on with a saved conversation"),
    "/image": Action(_image, "TEXT", "draw what the text says, without asking the model"),
    "/copy": Action(_copy, "", "copy the last answer"),
    "/plugins": Action(switching.plugins, "", "list the plugins; /plugins off NAME and on NAME switch them"),
    "/model": Action(switching.model, "NAME", "go on with another model; alone: say which one this is"),
    "/usage": Action(_usage, "", "count tokens and time of this conversation"),
    "/help": Action(_help, "", "show this list"),
    "/again": Action(_again, "", ""),
    "/drop": Action(_drop, "", ""),
}

_LISTED = {f"{name} {action.form}".strip(): action.meaning for name, action in COMMANDS.items() if action.meaning}
_ALWAYS = {
    "clear": "start over: the conversation is forgotten, and stays stored",
    "stop, /quit": "leave the chat, as Ctrl-D does",
    "Ctrl-C": "stop the answer that is being written; what there is of it stays",
    "Ctrl-J": "break the line, as Alt-Enter does; Ctrl-R looks for what was typed before",
}
HELP = "\n".join(f"{what:{MEANINGS}}{meaning}" for what, meaning in {**_LISTED, **_ALWAYS}.items())


def completed(words: Sequence[str], talk: Talk | None) -> Iterator[tuple[str, str]]:
    """Complete the commands of a chat, ids of conversations, plugins. talk: None while the model is loaded."""
    if len(words) == 1:
        yield from ((name, action.meaning) for name, action in COMMANDS.items() if _begins(name, words[0], action))
    elif words[0] == "/resume" and len(words) == 2:
        with suppress(MossAgentError), History() as history:
            listed = history.list(LISTED)
            yield from ((one.id[:SHORT], fitted(one.title, 50)) for one in listed if one.id.startswith(words[1]))
    elif words[0] == "/plugins" and talk:
        yield from switching.completed(talk, words[1:])


def _begins(name: str, typed: str, action: Action) -> bool:
    return bool(typed) and name.startswith(typed) and bool(action.meaning)
