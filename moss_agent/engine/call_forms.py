"""Reads what a chat model writes, while it is written: thoughts, words and calls, in the forms of its family.

Which forms apply, the chat template says. What is in none of them is content, exactly as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from moss_agent.engine.call_bodies import JsonEnd, calls_in_json, calls_in_tags, named_call, whole_message
from moss_agent.messages import Content, MessagePiece, Reasoning, Tool, ToolCall

THOUGHTS = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
SPACES = 8  # at most so many whitespace characters before a call belong to it
LISTED = "[TOOL_CALLS]"  # before a list of calls, or before the name of one
BEFORE_ARGUMENTS = ("[ARGS]", "[CALL_ID]")
PYTHON_TAG = "<|python_tag|>"
LLAMA = re.compile(r'\{"name":[^{}]{0,60}"parameters":')  # how Llama 3 is told to write a call
FUNCTION, FUNCTION_END = "<function=", "</function>"
SPACE = re.compile(r"\s*")
UNDECIDED = 64  # characters after which a message that may still be anything is content
# How a message begins that is nothing but calls, and what may still become such a beginning.
BARE = re.compile(r'\s*(?:```\w*\s*|<tools>\s*)?\[?\s*\{{1,2}\s*"(?:name|type|id|arguments|parameters|function)"')
BARE_BEGUN = re.compile(
    r'\s*(?:`{1,2}|```\w*\s*|<(?:t(?:o(?:o(?:l(?:s(?:>\s*)?)?)?)?)?)?)?\[?\s*(?:\{{1,2}\s*(?:"\w*)?)?'
)


@dataclass(frozen=True)
class Forms:
    """How a model writes.

    thought: begin and end of what it thinks first. opener, closer: around a call; without a closer JSON ends it.
    whole: a message that is nothing but JSON with the name of a tool is a call.
    """

    thought: tuple[str, str] | None = None
    opener: str = ""
    closer: str = ""
    whole: bool = False

    def without_calls(self) -> Forms:
        return Forms(thought=self.thought)


def forms_of(template: str) -> Forms | None:
    """Return the forms that a chat template teaches; None if none of them is known."""
    thought = next((pair for pair in THOUGHTS if pair[1] in template), None)
    if "<tool_call>" in template and ('"name"' in template.replace("\\", "") or "<function=" in template):
        return Forms(thought, "<tool_call>", "</tool_call>", whole=True)
    if LISTED in template:
        return Forms(thought, LISTED)
    if PYTHON_TAG in template or LLAMA.search(template.replace("\\", "")):
        return Forms(thought, PYTHON_TAG, whole=True)
    return None


class MessageReader:
    """Reads one message. The pieces may be cut anywhere.

    prompt: the text that the message continues, whose last line may have begun a thought already.
    """

    def __init__(self, forms: Forms, tools: Sequence[Tool], prompt: str = "") -> None:
        self._forms = forms
        self._schemas = {tool.name: tool.schema for tool in tools}
        self._text = ""
        self._written: list[MessagePiece] = []
        self._json: JsonEnd | None = None
        self._body_begin = 0  # of a call, behind its whitespace
        self._body_end = -1  # of the JSON or the function of a call
        self._searched = 0  # up to where the next sign of a call is not
        self._spaces = ""  # before a call
        self._is_first = True  # of a thought, or of what follows a thought or a call
        begun = forms.thought and prompt.rstrip().endswith(forms.thought[0])
        self._step = self._thinking if begun else self._beginning

    def push(self, text: str, is_last: bool = False) -> list[MessagePiece]:
        """Return what is certain with this piece."""
        self._text += text
        while self._step(is_last):
            pass
        written, self._written = self._written, []
        return written

    def _beginning(self, is_last: bool) -> bool:
        """Decide what the message begins with."""
        thought, begin = self._forms.thought, self._text.lstrip()
        if thought and begin.startswith(thought[0]):
            self._text, self._step = begin[len(thought[0]) :], self._thinking
            return True
        may_think = thought is not None and thought[0].startswith(begin)
        may_call = self._forms.whole and BARE_BEGUN.fullmatch(self._text)
        if not is_last and len(self._text) < UNDECIDED and (not begin or may_think or may_call):
            return False
        is_bare = self._forms.whole and BARE.match(self._text)
        self._step = self._bare if is_bare else self._speaking
        return True

    def _thinking(self, is_last: bool) -> bool:
        assert self._forms.thought
        closer = self._forms.thought[1]
        if self._is_first and not (begun := self._text.lstrip("\n")):
            self._text = begun
            return False
        self._text = self._text.lstrip("\n") if self._is_first else self._text
        self._is_first = False
        at = self._text.find(closer)
        end = at if at >= 0 else len(self._text) if is_last else _certain(self._text, closer)
        thought, rest = self._text[:end], self._text[end:]
        kept = "" if at >= 0 or is_last else thought[len(thought.rstrip("\n")) :]
        if thought := thought.rstrip("\n"):
            self._written.append(Reasoning(thought))
        self._text = kept + rest
        if at < 0:
            return False
        self._text, self._step, self._is_first = rest[len(closer) :], self._after_thought, True
        return True

    def _after_thought(self, is_last: bool) -> bool:
        self._text = self._text.lstrip()
        if not self._text and not is_last:
            return False
        self._step = self._beginning
        return True

    def _speaking(self, is_last: bool) -> bool:
        opener = self._forms.opener
        at = self._text.find(opener) if opener else -1
        end = at if at >= 0 else len(self._text) if is_last or not opener else _certain(self._text, opener)
        content, self._text = self._text[:end], self._text[end:]
        if opener and (at >= 0 or not is_last):
            spoken = _without_spaces(content)
            self._spaces = content[len(spoken) :]
            self._text = self._text if at >= 0 else self._spaces + self._text
            content = spoken
        if content:
            self._written.append(Content(content))
        if at < 0:
            return False
        self._text, self._step = self._text[len(opener) :], self._calling
        self._json, self._body_begin, self._body_end, self._searched = None, 0, -1, 0
        return True

    def _calling(self, is_last: bool) -> bool:
        end, behind = self._call_end()
        if end < 0:
            if not is_last:
                return False
            end = behind = len(self._text)
        body, whole = self._text[:end], self._spaces + self._forms.opener + self._text[:behind]
        self._text = self._text[behind:]
        calls = self._calls(body)
        self._written += calls or [Content(whole)]
        self._step = self._after_call if calls else self._speaking
        return True

    def _after_call(self, is_last: bool) -> bool:
        """Drop the whitespace after a call."""
        self._text = self._text.lstrip()
        if self._text:
            self._step = self._speaking
        return bool(self._text)

    def _bare(self, is_last: bool) -> bool:
        if is_last and self._text:
            self._written += whole_message(self._text, self._schemas.keys()) or [Content(self._text)]
            self._text = ""
        return False

    def _calls(self, body: str) -> list[ToolCall]:
        if self._forms.opener == LISTED:
            return named_call(body)
        return calls_in_tags(body, self._schemas) or calls_in_json(body)

    def _call_end(self) -> tuple[int, int]:
        """Return where the body of a call ends, and where the text after it begins; -1 while it is not complete."""
        closer, opener = self._forms.closer, self._forms.opener
        if self._body_end < 0:
            self._body_end = self._find_body_end()
        if self._body_end <= 0 or not closer:
            return self._body_end, self._body_end
        at = self._find(closer, opener, start=self._body_end)
        return at, at if self._text.startswith(opener, at) else at + len(closer)

    def _find_body_end(self) -> int:
        """Return from where on a call may end: within JSON and functions it cannot. 0: there is no call."""
        if self._json:
            return self._json.find(self._text)
        self._body_begin = _spaces_end(self._text, self._body_begin)
        begin = self._text[self._body_begin : self._body_begin + len(FUNCTION)]
        if any(sign.startswith(begin) for sign in (FUNCTION, *BEFORE_ARGUMENTS)):
            at = self._find(FUNCTION_END) if begin == FUNCTION else -1
            return at + len(FUNCTION_END) if at >= 0 else -1
        if self._forms.opener == LISTED:
            is_list = begin.startswith("[") and not begin.startswith(BEFORE_ARGUMENTS)
            start, other = self._text.find("[" if is_list else "{"), self._text.find(LISTED)
            if start < 0 or 0 <= other < start:
                return other
        elif not self._forms.closer:
            return -1  # it goes on to the end of the message
        elif begin[0] not in "{[":
            return 0
        else:
            start = self._body_begin
        self._json = JsonEnd(start)
        return self._json.find(self._text)

    def _find(self, *signs: str, start: int = 0) -> int:
        """Return where the first of the signs is, from `start` on; the next search goes on where this one ends."""
        start = max(start, self._searched)
        found = [at for sign in signs if (at := self._text.find(sign, start)) >= 0]
        if not found:
            self._searched = max(start, len(self._text) - max(map(len, signs)) + 1)
        return min(found, default=-1)


def _spaces_end(text: str, start: int) -> int:
    """Return where the whitespace ends that begins at `start`."""
    match = SPACE.match(text, start)
    return match.end() if match else start


def _certain(text: str, sign: str) -> int:
    """Return up to where the text cannot be the beginning of the sign."""
    kept = max((n for n in range(1, len(sign)) if text.endswith(sign[:n])), default=0)
    return len(text) - kept


def _without_spaces(text: str) -> str:
    """Return the text without the last whitespace characters, at most `SPACES` of them."""
    return text[:-SPACES] + text[-SPACES:].rstrip()
