"""The text of a paragraph, an item or a quote: emphasis, code and links, printed word by word and wrapped."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from moss_agent.cli.text import columns

BOLD, ITALIC, CODE, FAINT, LINK = "1", "3", "36", "2", "4"

# One thing of a paragraph: a formula, code, a link, a mark of emphasis, an escaped character, blanks, or a character.
_TOKEN = re.compile(
    r"(?P<math>\\\(.{1,400}?\\\)|\$(?![\s\d])[^$\n]{1,200}(?<!\s)\$(?!\d))"
    r"|(?P<ticks>`{1,3})(?P<code>[^`]+)(?P=ticks)"
    r"|!?\[(?P<label>[^\]\n]{1,300})\]\((?P<url>[^)\s]{1,2000})\)"
    r"|(?P<mark>\*{1,3}|__?|~~)"
    r"|\\(?P<escaped>[\\`*_{}\[\]()#+.!|>~-])"
    r"|(?P<space>[ \t]+)"
    r"|(?P<plain>.)",
    re.DOTALL,
)
_UNFINISHED = re.compile(
    r"(?:\\(?:\(.{0,400})?|\$[^$\n]{0,200}|`{1,3}(?:[^`]{1,400}`{0,2})?|[*_~]{1,3}|!"
    r"|!?\[[^\]\n]{0,300}(?:\](?:\([^)\s]{0,2000})?)?)\Z",
    re.DOTALL,
)
_FACTOR_ENDS = frozenset(")]}%°!）】")  # what a factor ends with, besides letters and digits


@dataclass(frozen=True)
class Indent:
    """What stands before the lines of a block."""

    first: str = ""
    others: str = ""


class Prose:
    """A paragraph, item or quote: words are printed as soon as they are complete, wrapped at the width."""

    def __init__(
        self, write: Callable[[str, str], None], width: Callable[[], int], indent: Indent, style: str = ""
    ) -> None:
        self._write = write
        self._width = width
        self._others = indent.others
        self._style = style  # of the whole
        self._styles: list[str] = []  # of emphasis that has begun
        self._held = ""  # of the source: what may become something else when it goes on
        self._word: list[tuple[str, str]] = []  # pieces with their styles, not printed yet
        self._space = ""  # before it
        self._last = ""  # the last character of the source that was read
        self._column = columns(indent.first)
        self._begun = False  # whether a word stands on this line
        write(indent.first, FAINT if indent.first.strip() else "")

    def push(self, piece: str) -> None:
        self._held = self._read(self._held + piece, is_all=False)

    def end(self) -> None:
        """Print what is left, and end the line."""
        self._read(self._held, is_all=True)
        self._print_word()
        self._write("\n", "")

    def _read(self, text: str, is_all: bool) -> str:
        """Read the text, up to what may become something else when it goes on; return that."""
        place = 0
        while place < len(text) and (is_all or not _UNFINISHED.match(text, place)):
            token = _TOKEN.match(text, place)
            assert token  # any character is one
            place = token.end()
            self._take(token, text[place : place + 1])
            self._last = token[0][-1]
        return text[place:]

    def _take(self, token: re.Match[str], following: str) -> None:
        match token.lastgroup:
            case "space":
                self._print_word()
                self._space = " "
            case "mark" if self._is_mark(token[0], following):
                self._toggle(token[0])
            case "code":
                self._add(token["code"], CODE)
            case "url":
                self._link(token["label"], token["url"])
            case _:
                self._add(token["escaped"] or token[0], "")

    def _is_mark(self, mark: str, following: str) -> bool:
        """Return whether a mark stands for emphasis, and not for multiplication or within a name.

        Stricter than CommonMark, which looks for the other mark, since the text is printed as it comes.
        """
        before, after = self._last.strip(), following.strip()
        narrow = columns(before) == 1 and after.isascii()  # Chinese has no blanks around what is emphasised
        if _style_of(mark) in self._styles:
            return bool(before) and not (before in _FACTOR_ENDS and narrow and after.isalnum())
        follows_factor = before in _FACTOR_ENDS or before.isalnum()
        return bool(after) and not (follows_factor and (narrow or mark in ("*", "_", "__")))

    def _toggle(self, mark: str) -> None:
        style = _style_of(mark)
        if style in self._styles:
            self._styles.remove(style)
        else:
            self._styles.append(style)

    def _link(self, label: str, url: str) -> None:
        self._add(label, LINK)
        if label != url:
            self._print_word()
            self._space = " "
            self._add(f"({url})", FAINT)

    def _add(self, text: str, style: str) -> None:
        """Append to the word; Chinese has no blanks, so that each character of it is a word."""
        styles = ";".join(filter(None, (self._style, *self._styles, style)))
        for part in re.findall(r"\s+|\S+", text) if " " in text else [text]:
            if part.isspace():
                self._print_word()
                self._space = " "
            else:
                self._word.append((part, styles))
        if columns(text[-1:]) == 2 and self._last != "":
            self._print_word()

    def _print_word(self) -> None:
        """Print the word, on a new line if it does not fit on this one."""
        if not self._word:
            return
        size = sum(columns(part) for part, _ in self._word)
        space = self._space if self._begun else ""
        if self._begun and self._column + len(space) + size > self._width():
            self._write("\n" + self._others, "")
            self._column, space = columns(self._others), ""
        self._write(space, self._word[0][1] if len(self._styles) and space else "")
        for part, style in self._word:
            self._write(part, style)
        self._column += len(space) + size
        self._begun, self._space = True, ""
        self._word.clear()


def _style_of(mark: str) -> str:
    return {"*": ITALIC, "_": ITALIC, "~~": FAINT, "***": f"{BOLD};{ITALIC}"}.get(mark, BOLD)
