"""A conversation as Markdown: questions as quotations, citations as footnotes.

The answer keeps the Markdown that the model wrote, but none of its HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from moss_agent.events import Call, Citation, Picture
from moss_agent.history.export.texts import is_address, plain, said, source_text
from moss_agent.records import Turn, as_command
from moss_agent.store import Stored

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&^$]|^[#+=-])", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d+)([.)])", re.MULTILINE)
_INDENTED = re.compile(r"^[ \t]+(?=[^ \t\n])", re.MULTILINE)
_FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
_ANY_FENCE = re.compile(r"`{3,}|~{3,}")
_BLOCK_OR_FENCE = re.compile(
    r"""
    (?P<block>
        ^([ \t]*)(`{3,}|~{3,})[^`~\n]*\n             # a fence,
        (?:(?:\2(?!.*(?:`{3}|~{3})).*\S.*|[ \t]*)\n)*?  # lines that are indented as it is, without fences,
        \2\3[ \t]*$                                # and the same fence
    ) | `{3,} | ~{3,}
    """,
    re.MULTILINE | re.VERBOSE,
)
_HTML = re.compile(r"<(?=[A-Za-z/!?])")


def markdown(stored: Stored) -> str:
    """Return the conversation as a page of Markdown."""
    about = stored.about
    head = [f"# {escape(about.title)}", escape(f"{about.model or 'model unknown'}, {about.time}")]
    turns = (part for number, turn in enumerate(stored.turns, 1) for part in _turn(number, turn))
    return "\n\n".join([*head, *turns]) + "\n"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is. Blanks at the beginning of a line stay, and make no code of it."""
    escaped = _NUMBERED.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", plain(text)))
    return _INDENTED.sub(lambda found: "&nbsp;" * len(found[0].expandtabs(4)), escaped)


def without_html(text: str) -> str:
    """Return Markdown that holds no HTML and ends its blocks; code in fences at the beginning of a line stays."""
    lines = text.split("\n")
    if any(_ANY_FENCE.search(line) and not _FENCE.match(line) for line in lines):
        # Inside lists and quotations nobody knows where a fence without its counterpart ends.
        return _BLOCK_OR_FENCE.sub(_block_or_text, _HTML.sub("&lt;", text))
    fence, result = "", []
    for line in lines:
        found = _FENCE.match(line)
        result.append(line if fence or found else _HTML.sub("&lt;", line))
        if not fence and found:
            fence = found[1]
        elif fence and found and line.rstrip(" \t") == found[1] and found[1].startswith(fence):
            fence = ""
    return "\n".join([*result, fence] if fence else result)


def _block_or_text(found: re.Match[str]) -> str:
    return found[0] if found["block"] else "".join(f"\\{character}" for character in found[0])


def _turn(number: int, turn: Turn) -> Iterator[str]:
    yield f"## {number}"
    yield "\n".join(f"> {line}" for line in escape(turn.question).split("\n"))
    for call in turn.calls:
        yield _call(call)
    yield without_html(said(turn, str, lambda cited: f"[^{number}-{cited}]")) or "…"
    if turn.status == "stopped":
        yield "*stopped*"
    yield from map(_picture, turn.images)
    yield from (_footnote(number, source) for source in turn.citations)


def _call(call: Call) -> str:
    result = plain(call.result if call.ok else call.error or call.result)
    fence = "`" * (max(map(len, re.findall("`+", result)), default=2) + 1)
    fence = max(fence, "```", key=len)
    return f"**{escape(str(as_command(call)))}**\n\n{fence}\n{result}\n{fence}"


def _picture(picture: Picture) -> str:
    return f"Picture: {escape(' '.join(picture.description.split()))} ({escape(picture.path)})"


def _footnote(number: int, source: Citation) -> str:
    address = f" <{source.url}>" if is_address(source.url) else ""
    return f"[^{number}-{source.number}]: {escape(source_text(source))}{address}"
