"""Pages that cost a parser seconds, gigabytes or its life."""

from __future__ import annotations

import zlib

from tests.plugins.web_search.site import answer

PDF = "application/pdf"


def attributes(count: int = 55_000) -> bytes:
    """One tag: libxml2 compares each attribute with all before it, for minutes, with the interpreter's lock held."""
    return answer(b"<p " + b" ".join(b"a%d=1" % i for i in range(count)) + b">the tower is high")


def flate_bomb(content: bytes, times: int) -> bytes:
    """A PDF of one page whose content is packed twice, and repeated once it is unpacked."""
    packing = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    block = packing.compress(content) + packing.flush(zlib.Z_FULL_FLUSH)
    check = 1
    for _ in range(times):
        check = zlib.adler32(content, check)
    once = b"\x78\xda" + block * times + packing.flush() + check.to_bytes(4, "big")
    return pdf_page(zlib.compress(once, 9), "/Filter [/FlateDecode /FlateDecode]")


def pdf_page(stream: bytes, entries: str) -> bytes:
    objects = [
        b"<</Type /Catalog /Pages 2 0 R>>",
        b"<</Type /Pages /Kids [3 0 R] /Count 1>>",
        b"<</Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>>",
        f"<</Length {len(stream)} {entries}>> stream\n".encode() + stream + b"\nendstream",
        b"<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>",
    ]
    body = b"".join(b"%d 0 obj %s endobj\n" % (i, data) for i, data in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer <</Root 1 0 R>>\n%%EOF"


def nested_entities() -> bytes:
    """A page of XHTML whose one word is ten billion letters, if entities are replaced."""
    lines = [f"<!ENTITY e{i} '{f'&e{i - 1};' * 10 if i else 'high'}'>" for i in range(11)]
    page = f"<!DOCTYPE html [{''.join(lines)}]><html><body><p>&e10;</p></body></html>"
    return answer(page, "application/xhtml+xml")
