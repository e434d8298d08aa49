"""The result of a format's reader, and its error."""

from __future__ import annotations

from dataclasses import dataclass

CHARACTERS = 20_000_000  # of text in one document: more is a dump of data or an attack


class Unreadable(Exception):
    """This content cannot be read; the message says why and what to do, in one line for people."""


@dataclass
class Section:
    """Text under one heading or on one page; blank lines separate its paragraphs."""

    text: str
    heading: str = ""
    page: int | None = None


class Document:
    """The text of a file. The title is empty where the file has none."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self.sections: list[Section] = []
        self._length = 0

    def add(self, section: Section) -> None:
        """Append a section. Raises Unreadable for a document that is too long."""
        self._length += len(section.text)
        if self._length > CHARACTERS:
            raise Unreadable(f"more than {CHARACTERS:,} characters of text: split it into several files")
        self.sections.append(section)
