"""Real files of every kind, made with the libraries that people's programs make them with, in both languages."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

ENGLISH = "Walruses rest on drifting ice. They dive for clams and mussels."
CHINESE = "海象在浮冰上休息。它们潜入海底寻找蛤蜊和贻贝。"


def pdf(pages: Sequence[Sequence[str]], title: str = "", password: str | None = None) -> bytes:
    """A PDF with the given lines on its pages."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    file = BytesIO()
    canvas = Canvas(file, encrypt=password)
    canvas.setTitle(title)
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.setFont("Helvetica" if line.isascii() else "STSong-Light", 12)
            canvas.drawString(50, 800 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def docx(heading: str, paragraphs: Sequence[str], rows: Sequence[Sequence[str]] = (), title: str = "") -> bytes:
    """A Word file with one heading, paragraphs, and a table if there are rows."""
    from docx import Document

    document = Document()
    document.core_properties.title = title
    document.add_heading(heading, level=1)
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for cells, row in zip(rows, table.rows, strict=True):
            for text, cell in zip(cells, row.cells, strict=True):
                cell.text = text
    file = BytesIO()
    document.save(file)
    return file.getvalue()


def html(title: str, body: str, charset: str = "utf-8") -> bytes:
    page = f'<html><head><meta charset="{charset}"><title>{title}</title></head><body>{body}</body></html>'
    return page.encode(charset)
