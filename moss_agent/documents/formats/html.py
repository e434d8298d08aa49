"""HTML with trafilatura: the article without menus and footers, in sections by heading.

Where trafilatura finds no article, and of a book in one file, all visible text is one section. Scripts are never run,
nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from moss_agent.documents.formats.document import Document, Section
from moss_agent.documents.formats.text import decode

if TYPE_CHECKING:
    from lxml.etree import _Element

_CHARSET = re.compile(rb"<(?:meta[^>]{1,200}?charset|\?xml[^>]{1,200}?encoding)\s*=\s*[\"']?([\w.:-]{1,40})", re.I)

_PAGE = 3_000_000  # characters; larger ones have no menus around an article, and take trafilatura minutes
_STYLE = "translate(@style, 'ABDEHILNOPSTVY \t\r\n', 'abdehilnopstvy')"  # in small letters, without spaces
_HIDDEN = (  # html and body aside, which scripts show when they have run
    "//*[not(self::html or self::body)][self::template or @hidden"
    f" or contains({_STYLE}, 'display:none') or contains({_STYLE}, 'visibility:hidden')]"
)
_ENDS = {"lb": "\n", "cell": " ", "row": "\n\n", "item": "\n\n", "p": "\n\n"}  # what follows trafilatura's elements


def read(data: bytes, charset: str = "") -> Document:
    """Return the text of a page. charset: what its server declares, which counts before what the page does."""
    from trafilatura import bare_extraction
    from trafilatura.settings import Document as Article

    declared = _CHARSET.search(data[:4096])
    text = decode(data, charset, declared[1].decode() if declared else "")
    article = None
    if len(text) <= _PAGE:
        article = bare_extraction(
            text, favor_recall=True, include_comments=False, with_metadata=True, prune_xpath=_HIDDEN
        )
    if not isinstance(article, Article) or not article.text:
        article = None
    document = Document((article.title if article else None) or "")
    for section in _sections(article.body) if article else [Section(visible(text))]:
        document.add(section)
    return document


def visible(html: str) -> str:
    """Return all text of a page or a piece of one that is not hidden, without its markup."""
    from lxml.etree import ParserError, strip_elements
    from lxml.html import HTMLParser, document_fromstring

    try:  # as bytes, because lxml refuses a text that names an encoding
        root = document_fromstring(html.encode("utf-8", "replace"), parser=HTMLParser(encoding="utf-8"))
    except ParserError:  # there is nothing in it
        return ""
    for element in root.xpath(_HIDDEN):
        element.tag = "template"  # stripped with all of them
    strip_elements(root, "script", "style", "template", "head", with_tail=False)
    return " ".join(map(str, root.itertext("*")))


def _sections(body: _Element) -> Iterator[Section]:
    heading = ""
    paragraphs: list[str] = []
    for block in body:
        if block.tag == "head":
            yield Section("\n\n".join(paragraphs), heading)
            heading, paragraphs = " ".join(block.itertext()), []
        else:
            paragraphs.append(_text(block))
    yield Section("\n\n".join(paragraphs), heading)


def _text(block: _Element) -> str:
    """Return the text of a block: each item of a list and row of a table is a paragraph."""
    for element in block.iter(*_ENDS):
        element.tail = _ENDS[element.tag] + (element.tail or "")
    for inner in block.iter("list", "table"):
        inner.text = "\n\n" + (inner.text or "")
    return "".join(map(str, block.itertext()))
