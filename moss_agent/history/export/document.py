"""The frame of an HTML page that needs nothing else: its own policy forbids whatever it does not hold itself."""

from __future__ import annotations

from html import escape as escape_html

from moss_agent.history.export.texts import plain

_DOCUMENT = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def document(title: str, style: str, body: str) -> str:
    """Return a whole page. title: as plain text. style: CSS. body: HTML, in which all text is escaped."""
    return _DOCUMENT.format(title=escape(title), style=style, body=body)


def escape(text: str) -> str:
    """Return text that HTML shows as it is, also inside quotes."""
    return escape_html(plain(text))
