"""Word files (.docx) with python-docx: paragraphs and tables, in sections by heading.

Tracked insertions, fields and content controls are read, tracked deletions left out. Not covered: footnotes, comments,
text boxes, headers and footers, tables inside tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from moss_agent.documents.formats.document import Document, Section, Unreadable

if TYPE_CHECKING:
    from docx.oxml.document import CT_Body
    from docx.table import Table
    from docx.text.paragraph import Paragraph

UNPACKED = 256 << 20  # bytes of all parts together; python-docx holds them in memory
_ENCRYPTED = b"\xd0\xcf\x11\xe0"  # an OLE container: what Word puts around an encrypted file, and the old .doc
_HEADING = re.compile(r"(?:Heading [1-9]|Title)\Z")
_WRAPPERS = (  # python-docx does not look into them
    "w:ins", "w:moveTo", "w:sdt", "w:sdtContent", "w:smartTag", "w:customXml", "w:fldSimple", "w:dir", "w:bdo",
)  # fmt: skip


def read(data: bytes) -> Document:
    from docx import Document as WordFile
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.table import Table

    _check(data)
    try:
        file = WordFile(BytesIO(data))
    except (KeyError, ValueError, SyntaxError, BadZipFile):  # lxml's errors are SyntaxErrors
        raise Unreadable("damaged, or no Word file") from None
    _unwrap(file.element.body)
    parts = {related.reltype for related in file.part.package.rels.values()}
    has_title = RELATIONSHIP_TYPE.CORE_PROPERTIES in parts  # else python-docx makes one up
    document = Document(file.core_properties.title if has_title else "")
    heading = ""
    paragraphs: list[str] = []
    for block in file.iter_inner_content():
        if isinstance(block, Table):
            paragraphs += _rows(block)
        elif _is_heading(block):
            document.add(Section("\n\n".join(paragraphs), heading))
            heading, paragraphs = block.text, []
            document.title = document.title or heading
        else:
            paragraphs.append(block.text)
    document.add(Section("\n\n".join(paragraphs), heading))
    return document


def _check(data: bytes) -> None:
    """Raise Unreadable if it would unpack to too much. zipfile never unpacks more than the directory says."""
    if data.startswith(_ENCRYPTED):
        raise Unreadable("encrypted, or an old .doc: save it as .docx without a password")
    try:
        with ZipFile(BytesIO(data)) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except (BadZipFile, NotImplementedError, ValueError):
        raise Unreadable("damaged, or no Word file") from None
    if size > UNPACKED:
        raise Unreadable(f"unpacks to {size >> 20:,} MB, more than {UNPACKED >> 20}: split it into several files")


def _unwrap(body: CT_Body) -> None:
    """Replace the wrappers with what is in them."""
    from docx.oxml.ns import qn

    for wrapper in list(body.iter(*map(qn, _WRAPPERS))):
        for content in list(wrapper):
            wrapper.addprevious(content)
        wrapper.getparent().remove(wrapper)


def _is_heading(paragraph: Paragraph) -> bool:
    return bool(paragraph.style is not None and _HEADING.match(paragraph.style.name or "") and paragraph.text.strip())


def _rows(table: Table) -> Iterator[str]:
    """Yield a line per row, merged cells once."""
    for row in table.rows:
        yield " ".join({cell._tc: cell.text for cell in row.cells}.values())
