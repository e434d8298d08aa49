"""Pictures on terminals that can show them, each told by its environment."""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from PIL import Image

from moss_agent.cli.pictures import COLUMNS, MOST_ROWS, PREVIEW_COLUMNS, PREVIEW_ROWS, as_preview, as_text


@pytest.fixture
def picture(tmp_path: Path) -> str:
    image = Image.effect_noise((64, 32), 100).convert("RGB")
    image.putpixel((0, 0), (1, 2, 3))
    image.save(tmp_path / "x.png")
    return str(tmp_path / "x.png")


def same(data: str, path: str) -> bool:
    return Image.open(io.BytesIO(b64decode(data))).tobytes() == Image.open(path).tobytes()


def test_kitty(picture: str) -> None:
    text = as_text(picture, {"KITTY_WINDOW_ID": "1"})
    chunks = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert chunks[0][0] == f"a=T,f=100,c={COLUMNS},m=1"
    assert [keys for keys, _ in chunks[1:]] == ["m=1"] * (len(chunks) - 2) + ["m=0"]
    assert all(len(data) <= 4096 for _, data in chunks)
    assert same("".join(data for _, data in chunks), picture)


def test_iterm(picture: str) -> None:
    text = as_text(picture, {"TERM_PROGRAM": "iTerm.app"})
    assert same(re.fullmatch(r"\x1b]1337;File=inline=1;size=\d+;width=40:(.*)\x07\n", text)[1], picture)


@pytest.mark.parametrize(
    "environ", [{"COLORTERM": "truecolor"}, {"COLORTERM": "24bit", "TMUX": "x", "KITTY_WINDOW_ID": "1"}]
)
def test_half_blocks(picture: str, environ: dict[str, str]) -> None:
    lines = as_text(picture, environ).splitlines()
    assert len(lines) == COLUMNS // 4
    assert all(line.count("▀") == COLUMNS and line.endswith("\x1b[0m") for line in lines)


@pytest.mark.parametrize(
    "environ", [{}, {"TERM": "dumb", "COLORTERM": "truecolor"}, {"NO_COLOR": "1", "KITTY_WINDOW_ID": "1"}]
)
def test_other_terminals_show_nothing(picture: str, environ: dict[str, str]) -> None:
    assert as_text(picture, environ) == ""


def test_a_picture_that_is_a_mere_line_does_not_fill_the_terminal(tmp_path: Path) -> None:
    Image.new("RGB", (1, 20_000)).save(tmp_path / "x.png")
    assert as_text(str(tmp_path / "x.png"), {"COLORTERM": "truecolor"}).count("\n") == MOST_ROWS


def test_a_picture_too_large_to_decode_is_not_shown(picture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64)
    assert as_text(picture, {"COLORTERM": "truecolor"}) == ""


def test_what_is_no_picture_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\x1b[2J")
    assert as_text(str(tmp_path / "x.png"), {"COLORTERM": "truecolor"}) == ""
    assert as_text(str(tmp_path / "none.png"), {"COLORTERM": "truecolor"}) == ""


def test_a_preview_is_small_and_begins_below(picture: str) -> None:
    address = f"data:image/png;base64,{b64encode(Path(picture).read_bytes()).decode()}"
    first, *lines = as_preview(address, {"COLORTERM": "truecolor", "KITTY_WINDOW_ID": "1"}).split("\n")
    assert first == "" and len(lines) == PREVIEW_COLUMNS // 4 < PREVIEW_ROWS
    assert all(line.count("▀") == PREVIEW_COLUMNS for line in lines)
    assert as_preview(address, {"TERM": "xterm"}) == ""


@pytest.mark.parametrize("address", ["data:image/png;base64,!!!", "data:image/png;base64,AAAA", "\x1b[2J", ""])
def test_a_preview_that_is_no_picture_shows_nothing(address: str) -> None:
    assert as_preview(address, {"COLORTERM": "truecolor"}) == ""
