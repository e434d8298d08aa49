"""A conversation as one HTML page that needs nothing else: no scripts, small pictures inside it; text is escaped."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from moss_agent.errors import UsageError
from moss_agent.events import Call, Citation, Picture
from moss_agent.history.export.document import document, escape
from moss_agent.history.export.texts import is_address, said, source_text
from moss_agent.records import Turn, as_command
from moss_agent.resources import read_bytes
from moss_agent.store import Stored

LARGEST = 1_000_000  # bytes of a picture inside the page
_KINDS = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
_STYLE = """\
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; color: #222; }
.question { background: #eef3f8; border-radius: .5rem; padding: .7rem 1rem; font-weight: 600; }
.text, pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.aside, details, ol { color: #666; font-size: .9rem; }
img { max-width: 100%; }
@media (prefers-color-scheme: dark) {
  body { background: #181a1b; color: #ddd; } .question { background: #26303a; } a { color: #8cb8ff; }
}
"""


def page(stored: Stored) -> str:
    """Return the conversation as a page of HTML."""
    about = stored.about
    turns = "\n".join(part for number, turn in enumerate(stored.turns, 1) for part in _turn(number, turn))
    named = escape(f"{about.model or 'model unknown'}, {about.time}")
    return document(about.title, _STYLE, f'<p class="aside">{named}</p>\n{turns}')


def _turn(number: int, turn: Turn) -> Iterator[str]:
    yield f'<section dir="auto">\n<div class="question text">{escape(turn.question)}</div>'
    if turn.thoughts.strip():
        yield f'<details><summary>Thoughts</summary><div class="text">{escape(turn.thoughts.strip())}</div></details>'
    yield from map(_call, turn.calls)
    answer = said(turn, escape, lambda cited: f'<sup><a href="#t{number}-{cited}">[{cited}]</a></sup>')
    yield f'<p class="text">{answer}</p>'
    if turn.status == "stopped":
        yield '<p class="aside">stopped</p>'
    yield from map(_picture, turn.images)
    if turn.citations:
        yield "<ol>" + "".join(_source(number, source) for source in turn.citations) + "</ol>"
    yield "</section>"


def _call(call: Call) -> str:
    result = call.result if call.ok else call.error or call.result
    made = escape(str(as_command(call)))
    return f"<details><summary>{made}</summary><pre>{escape(result)}</pre></details>"


def _source(turn: int, source: Citation) -> str:
    text = escape(source_text(source))
    if is_address(source.url):
        text = f'<a href="{escape(source.url)}" rel="noopener noreferrer">{text}</a>'
    return f'<li id="t{turn}-{source.number}" value="{source.number}">{text}</li>'


def _picture(picture: Picture) -> str:
    """Return the picture itself if it is small, else where it is."""
    described = escape(picture.description)
    if data := _data(picture.path):
        return f'<p><img src="{data}" alt="{described}"></p>'
    path = Path(picture.path)
    if path.is_absolute():
        return f'<p><a href="{escape(path.as_uri())}">{described or "picture"}</a></p>'
    return f'<p class="aside">{described} ({escape(picture.path)})</p>'


def _data(path: str) -> str:
    """Return a small picture as an address that holds it; "" for anything else."""
    try:
        content = read_bytes(Path(path), LARGEST)
    except (UsageError, ValueError):
        return ""
    kind = next((kind for begin, kind in _KINDS.items() if content.startswith(begin)), "")
    return f"data:image/{kind};base64,{b64encode(content).decode()}" if kind else ""
