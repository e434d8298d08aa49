"""PDF with PDFium: one section per page, words that were broken at a line's end made whole.

Not covered: pictures of text (scanned pages) and the reading order of unusual layouts.
"""

from __future__ import annotations

import re

from moss_agent.documents.formats.document import Document, Section, Unreadable

_BROKEN_WORD = re.compile("[\ufffe\x02](?:\r?\n)?")  # PDFium's sign for a hyphen at the end of a line

_NO_TITLE = re.compile(r"untitled|Microsoft \w+ - .*|.*\.(?:docx?|tex|indd|pptx?)", re.IGNORECASE)  # made by programs


def read(data: bytes, most: int | None = None) -> Document:
    """Return the text of a PDF, of its first `most` pages if that is given."""
    from pypdfium2 import PdfDocument, PdfiumError
    from pypdfium2.raw import FPDF_ERR_PASSWORD

    try:
        pdf = PdfDocument(data)
    except PdfiumError as error:
        locked = error.err_code == FPDF_ERR_PASSWORD
        raise Unreadable("encrypted: save a copy without the password" if locked else "damaged, or no PDF") from None
    title = pdf.get_metadata_value("Title")
    document = Document("" if _NO_TITLE.fullmatch(title) else title)
    for number in range(len(pdf))[:most]:
        page = pdf[number]
        text = page.get_textpage().get_text_range()
        page.close()  # a long book would fill the memory
        document.add(Section(_BROKEN_WORD.sub("", text), page=number + 1))
    if not any(section.text.strip() for section in document.sections):
        raise Unreadable("a PDF without text: its pages are pictures, run text recognition (OCR) on it first")
    return document
