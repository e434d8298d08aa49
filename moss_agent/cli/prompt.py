"""Lines and questions that a person types: edited, pasted, completed, remembered over runs.

On a terminal this is prompt_toolkit, of the extra `terminal`: Enter sends, Alt-Enter or Ctrl-J breaks the line, what is
pasted is one text however many lines it has, Ctrl-R searches what was typed before, Ctrl-X Ctrl-E opens an editor.
Elsewhere, and on terminals that cannot move their cursor, lines are read plainly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moss_agent.cli.streams import is_interactive, own_stdin, prompt_anew, prompt_line, typing_waits
from moss_agent.extras import missing

if TYPE_CHECKING:
    from prompt_toolkit.completion import Completer
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings

LONGEST = 1_000_000  # bytes of a line that is not typed
CONTINUED = "… "  # before the further lines of a text
PASTES, NO_PASTES = "\x1b[?2004h", "\x1b[?2004l"  # whether the terminal marks what is pasted

Words = Callable[[list[str]], Iterable[tuple[str, str]]]
"""Returns what may stand in place of the last of the typed words, each with an explanation."""


class Prompt:
    """Reads what a person types.

    history: file of what was typed, None for none. complete: what may follow. plain: no cursor movements.
    on_shown: is called as soon as a prompt is seen.
    """

    def __init__(
        self,
        history: Path | None = None,
        complete: Words | None = None,
        *,
        plain: bool = False,
        on_shown: Callable[[], None] = lambda: None,
    ) -> None:
        self._history = history
        self._complete = complete
        self._on_shown = on_shown
        moves = not plain and os.environ.get("TERM") != "dumb" and is_interactive()
        self._is_plain = not moves or bool(missing("terminal"))
        self._session: Any = None

    def read(self, prompt: str) -> str:
        """Return the next text. Raises EOFError and KeyboardInterrupt as `input` does."""
        if self._is_plain:
            self._on_shown()
            return prompt_line(prompt, LONGEST)
        self._session = self._session or self._open()
        with _pastes_marked():
            text: str = self._session.prompt(prompt, prompt_continuation=CONTINUED)
        return text

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Keep what is typed or pasted between two prompts for the next one."""
        if self._is_plain:
            yield
            return
        with typing_waits():
            try:
                yield
            finally:
                _write(NO_PASTES)

    def ask(self, question: str, begun: str = "") -> str:
        """Return one line that answers a question, which is not remembered. begun: stands in it already."""
        if self._is_plain:
            return prompt_anew(question, begun)
        from prompt_toolkit import PromptSession

        streams = self._streams()
        session: PromptSession[str] = PromptSession(**streams)
        _discard_typed(streams["input"])
        with _pastes_marked():
            return session.prompt(question, default=begun)

    def _open(self) -> Any:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.history import FileHistory, InMemoryHistory

        session: PromptSession[str] = PromptSession(
            history=FileHistory(str(self._history)) if _is_writable(self._history) else InMemoryHistory(),
            completer=_completer(self._complete) if self._complete else None,
            complete_while_typing=False,
            multiline=True,
            key_bindings=_keys(),
            enable_open_in_editor=True,
            tempfile_suffix=".md",
            **self._streams(),
        )
        session.app.after_render += lambda _: self._on_shown()
        return session

    def _streams(self) -> dict[str, Any]:
        from prompt_toolkit.input import create_input
        from prompt_toolkit.output import create_output

        return {"input": create_input(own_stdin()), "output": create_output(sys.stdout)}


def typed_file() -> Path:
    """Return the file of what was typed in chats, beside the stored conversations."""
    from moss_agent.history.file import history_file

    return history_file().with_name("typed")


def _keys() -> KeyBindings:
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

    keys = KeyBindings()

    @keys.add("enter")
    def _send(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    @keys.add("escape", "enter")
    @keys.add("c-j")
    def _break_line(event: KeyPressEvent) -> None:
        event.current_buffer.newline(copy_margin=False)

    return keys


def _completer(words: Words) -> Completer:
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document

    class LineCompleter(Completer):
        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
            typed = document.text_before_cursor.split(" ")
            for word, meaning in words(typed):
                yield Completion(word, -len(typed[-1]), display_meta=meaning)

    return LineCompleter()


def _is_writable(path: Path | None) -> bool:
    """Return whether the history can be kept there; the file is made for its owner's eyes."""
    if path is None:
        return False
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600))
        return True
    return False


@contextmanager
def _pastes_marked() -> Iterator[None]:
    """Let the terminal go on marking pastes after a prompt, which ends that."""
    try:
        yield
    finally:
        _write(PASTES)


def _write(sequence: str) -> None:
    """Write an escape sequence to the terminal, where terminals obey them."""
    if sys.platform != "win32":
        sys.stdout.write(sequence)
        sys.stdout.flush()


def _discard_typed(typed: Input) -> None:
    """Forget what was typed before a question appeared, be it read already: it was not meant for it."""
    from prompt_toolkit.input.typeahead import clear_typeahead

    clear_typeahead(typed)
    with suppress(ImportError):
        from termios import TCIFLUSH, tcflush

        tcflush(own_stdin(), TCIFLUSH)
