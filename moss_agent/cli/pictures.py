"""Pictures in a terminal: by the protocol of kitty or of iTerm2, else as coloured half blocks, else not at all.

Sources: the graphics protocol of kitty (sw.kovidgoyal.net/kitty/graphics-protocol), the inline images of iTerm2
(iterm2.com/documentation-images.html).
"""

from __future__ import annotations

import io
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from moss_agent.resources import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST = 200_000_000  # bytes of a picture
COLUMNS, MOST_ROWS = 40, 60  # of a picture in the terminal
PREVIEW_COLUMNS, PREVIEW_ROWS = 20, 12  # of one that is being drawn
CHUNK = 4096  # characters of a picture in one sequence of kitty


def as_preview(address: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return lines that show a small picture while it is drawn, each after a line break; "" where nothing does.

    address: as in `CallProgress`. Half blocks can be drawn over, which the protocols cannot everywhere.
    """
    if not _has_colours(environ):
        return ""
    try:
        from PIL import Image

        with Image.open(io.BytesIO(b64decode(address.partition(",")[2]))) as image:
            lines = half_blocks(image.convert("RGB"), PREVIEW_COLUMNS, PREVIEW_ROWS)
    except Exception:  # no PIL, or whatever it makes of what a plugin has sent
        return ""
    return "\n" + lines.rstrip("\n")


def as_text(path: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return what shows the picture on this terminal, ending its line; "" if nothing does or there is none."""
    show = way(environ)
    if show is None:
        return ""
    try:
        from PIL import Image

        with Image.open(io.BytesIO(read_bytes(Path(path), LONGEST))) as image:
            return show(image.convert("RGB"))
    except Exception:  # no PIL, or whatever it makes of a file that may be anything; the path is told anyway
        return ""


def way(environ: Mapping[str, str]) -> Callable[[Image], str] | None:
    """Return how this terminal shows pictures, as far as its environment tells."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return None
    program = environ.get("TERM_PROGRAM", "")
    if "TMUX" not in environ:  # it swallows what it does not know
        if "KITTY_WINDOW_ID" in environ or program == "ghostty":
            return kitty
        if program in ("iTerm.app", "WezTerm"):
            return iterm
    return half_blocks if _has_colours(environ) else None


def _has_colours(environ: Mapping[str, str]) -> bool:
    """Return whether the terminal shows any colour that is asked for."""
    is_plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    return not is_plain and environ.get("COLORTERM") in ("truecolor", "24bit")


def kitty(image: Image) -> str:
    data = b64encode(png(image)).decode()
    chunks = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    keys = [f"a=T,f=100,c={COLUMNS},"] + [""] * (len(chunks) - 1)
    more = [1] * (len(chunks) - 1) + [0]
    sequences = (f"\x1b_G{key}m={m};{chunk}\x1b\\" for key, m, chunk in zip(keys, more, chunks, strict=True))
    return "".join(sequences) + "\n"


def iterm(image: Image) -> str:
    data = png(image)
    return f"\x1b]1337;File=inline=1;size={len(data)};width={COLUMNS}:{b64encode(data).decode()}\x07\n"


def half_blocks(image: Image, columns: int = COLUMNS, most_rows: int = MOST_ROWS) -> str:
    """Draw two pixels in every character: the upper one as its foreground, the lower one as its background."""
    rows = min(most_rows, max(1, round(columns * image.height / image.width / 2)))
    pixels = image.resize((columns, 2 * rows)).tobytes()
    colours = [pixels[i : i + 3] for i in range(0, len(pixels), 3)]
    lines = []
    for start in range(0, len(colours), 2 * columns):
        row = colours[start : start + 2 * columns]
        pairs = zip(row[:columns], row[columns:], strict=True)
        lines.append("".join(f"\x1b[38;2;{r};{g};{b};48;2;{R};{G};{B}m▀" for (r, g, b), (R, G, B) in pairs))
    return "".join(f"{line}\x1b[0m\n" for line in lines)


def png(image: Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
