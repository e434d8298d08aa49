"""A conversation as data: its turns, saved, loaded, exported in the format that MOSS is trained on."""

from __future__ import annotations

import json
import os
import re
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.protocol import ANSWER, COMMANDS, HUMAN, RESULTS, THOUGHTS, Turn, render_segment
from moss_agent.resources import read_text, user_path

LONGEST = 64_000_000  # bytes of a file: years of talking
_FORMAT = "moss_agent.conversation/1"
_saving = threading.Lock()  # threads would write into the same file


@dataclass
class Conversation:
    """The turns so far, as the model saw them, and the preamble before them."""

    preamble: str = ""
    turns: list[Turn] = field(default_factory=list)

    def save(self, path: str | Path) -> None:
        """Write the conversation as JSON, for its owner's eyes. A crash leaves the old file or the new one, whole.

        Raises UsageError if it cannot be written there.
        """
        data = {"format": _FORMAT, "preamble": self.preamble, "turns": [asdict(turn) for turn in self.turns]}
        path = user_path(path)
        if os.path.exists(path) and not os.path.isfile(path):
            raise UsageError(f"cannot save the conversation to {path}: it is no regular file")
        try:
            content = json.dumps(data, ensure_ascii=False, indent=1).encode()
        except UnicodeEncodeError:
            raise UsageError(f"cannot save the conversation to {path}: it has half a character (a surrogate)") from None
        try:
            with _saving:
                _replace(path, content)
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot save the conversation to {path}: {_reason(error)}") from None

    @classmethod
    def load(cls, path: str | Path) -> Conversation:
        """Read what `save` wrote. Raises UsageError if it is anything else."""
        path = user_path(path)
        try:
            data = json.loads(read_text(path, LONGEST))
            json.dumps(data, ensure_ascii=False).encode()  # no lone surrogates, which no tokenizer takes
        except (ValueError, RecursionError) as error:
            raise UsageError(f"cannot read the conversation {path}: {error}") from None
        try:
            if data["format"] != _FORMAT:
                raise ValueError(f"format {data['format']!r}")
            return cls(str(data["preamble"]), [Turn(**turn) for turn in data["turns"]])
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path} is no conversation saved by moss_agent: {error}") from None

    def to_training(self, conversation_id: str, category: str = "") -> dict[str, Any]:
        """The conversation as one record of MOSS's training format."""
        return {
            "conversation_id": conversation_id,
            "meta_instruction": self.preamble,
            "num_turns": len(self.turns),
            "chat": {f"turn_{i}": _training_turn(turn) for i, turn in enumerate(self.turns, 1)},
            "category": category,
        }


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside `path` and let it take its place. Raises OSError, ValueError."""
    beginning = f".{path.name[:60]}."  # of a name that may have 255 bytes
    part = path.with_name(f"{beginning}{os.getpid()}.part")
    _remove_left_over(path.parent, beginning)
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _remove_left_over(folder: Path, beginning: str) -> None:
    """Remove the half-written files of processes that were killed."""
    from psutil import pid_exists

    for name in os.listdir(folder):
        found = re.fullmatch(re.escape(beginning) + r"(\d{1,9})\.part", name)
        if found and (int(found[1]) == os.getpid() or not pid_exists(int(found[1]))):
            with suppress(OSError):
                (folder / name).unlink()


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _training_turn(turn: Turn) -> dict[str, str]:
    return {
        "Human": render_segment(HUMAN, turn.human),
        "Inner Thoughts": render_segment(THOUGHTS, turn.thoughts),
        "Commands": render_segment(COMMANDS, turn.commands),
        "Tool Responses": render_segment(RESULTS, turn.results),
        "MOSS": render_segment(ANSWER, turn.answer),
    }
