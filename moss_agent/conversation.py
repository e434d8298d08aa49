"""A conversation as data: its turns, saved, loaded, exported in the format that MOSS is trained on."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moss_agent.errors import UsageError
from moss_agent.protocol import ANSWER, COMMANDS, HUMAN, RESULTS, THOUGHTS, Turn, render_segment

_FORMAT = "moss_agent.conversation/1"


@dataclass
class Conversation:
    """The turns so far, as the model saw them, and the preamble before them."""

    preamble: str = ""
    turns: list[Turn] = field(default_factory=list)

    def save(self, path: str | Path) -> None:
        """Write the conversation as JSON. A crash leaves the old file or the new one, never half of one."""
        data = {"format": _FORMAT, "preamble": self.preamble, "turns": [asdict(turn) for turn in self.turns]}
        path = Path(path)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with part.open("w", encoding="utf-8") as file:
                json.dump(data, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise UsageError(f"cannot save the conversation to {path}: {error.strerror}") from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> Conversation:
        """Read what `save` wrote. Raises UsageError if it is anything else."""
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            json.dumps(data, ensure_ascii=False).encode()  # no lone surrogates, which no tokenizer takes
        except (OSError, ValueError, RecursionError) as error:
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


def _training_turn(turn: Turn) -> dict[str, str]:
    return {
        "Human": render_segment(HUMAN, turn.human),
        "Inner Thoughts": render_segment(THOUGHTS, turn.thoughts),
        "Commands": render_segment(COMMANDS, turn.commands),
        "Tool Responses": render_segment(RESULTS, turn.results),
        "MOSS": render_segment(ANSWER, turn.answer),
    }
