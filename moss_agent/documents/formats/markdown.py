"""Markdown (CommonMark with tables): the words without the markup, in sections by heading."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moss_agent.documents.formats.document import Document, Section
from moss_agent.documents.formats.html import visible
from moss_agent.documents.formats.text import decode

if TYPE_CHECKING:
    from markdown_it.token import Token

_KEY = r"[^\s#:-][^:\n]*:(?:[ \t].*)?\n"
_FRONT_MATTER = re.compile(  # only what looks like YAML: a text may begin with a rule, and have another
    rf"---[ \t]*\n{_KEY}(?:{_KEY}|[ \t].*\n|-(?:[ \t].*)?\n|#.*\n|\n){{0,999}}(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
_TITLE = re.compile(r"^title:[ \t]*(?:[>|].*\n[ \t]+)?([^\s>|].*)$", re.MULTILINE)
_BREAK = re.compile(r"<br\b", re.IGNORECASE)


def read(data: bytes) -> Document:
    from markdown_it import MarkdownIt

    text = decode(data).replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    named = _TITLE.search(front[0]) if front else None
    document = Document(named[1].strip(" \"'") if named else "")
    heading, in_heading = "", False
    paragraphs: list[str] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text[front.end() :] if front else text):
        if token.type == "heading_open":
            document.add(Section("\n\n".join(paragraphs), heading))
            paragraphs, in_heading = [], True
        elif token.type == "inline" and in_heading:
            heading, in_heading = _words(token), False
            document.title = document.title or heading
        elif token.type == "inline":
            paragraphs.append(_words(token))
        elif token.type in ("fence", "code_block"):
            paragraphs.append(token.content)
        elif token.type == "html_block":
            paragraphs.append(visible(token.content))
    document.add(Section("\n\n".join(paragraphs), heading))
    return document


def _words(token: Token) -> str:
    """Return the visible text of a line or paragraph."""
    return "".join(map(_visible, token.children or ()))


def _visible(part: Token) -> str:
    if part.type in ("softbreak", "hardbreak"):
        return "\n"
    if part.type == "html_inline":
        return "\n" if _BREAK.match(part.content) else ""
    return part.content
