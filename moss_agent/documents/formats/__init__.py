"""The kinds of files that can be read: one module for each, chosen by the end of the file's name.

Every module has `read(data: bytes) -> Document`, which raises `Unreadable` for content that it cannot read.
Libraries are imported inside it.
"""

from __future__ import annotations

from importlib import import_module

from moss_agent.documents.formats.document import Document

BY_SUFFIX = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}


def read(data: bytes, suffix: str) -> Document:
    """Return the text of a file. Raises Unreadable, and whatever a library raises for content that nobody foresaw."""
    document: Document = import_module(f"moss_agent.documents.formats.{BY_SUFFIX[suffix]}").read(data)
    return document
