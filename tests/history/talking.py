"""Talk without end on a scripted model and say what was shown: a program to be killed.

python -m tests.history.talking FILE [CONVERSATION | wait]

wait: stay at the first thing that was shown, in a new conversation, until a line comes on standard input.
"""

from __future__ import annotations

import json
import sys
from itertools import count

from moss_agent import Chat, plugin
from moss_agent.events import CallFinished, Events, Reply, to_json
from moss_agent.history import History
from tests.scripted import ScriptedModel, SlowSession, scripted_runtime


@plugin("Double", label="Doubler")
def double(text: str) -> str:
    return text * 2


class EndlessSession(SlowSession):
    pause = 0.002

    def reply(self) -> str:
        """What fits behind the last header."""
        header = self.text[self.text.rindex("<|") :]
        if "Thoughts" in header:
            return " I double it.<eot>"
        return ' Double("ab"), Double("cd")<eoc>' if "Commands" in header else f" {'It is abab. ' * 20}<eom>"


class EndlessModel(ScriptedModel):
    session_type = EndlessSession


def tell(events: Events, chat: Chat, waits: bool = False) -> None:
    for event in events:
        if isinstance(event, (CallFinished, Reply)):
            print(json.dumps({"conversation": chat.id, **to_json(event)}), flush=True)
            if waits:
                sys.stdin.readline()
                waits = False


def main() -> None:
    history = History(sys.argv[1])
    runtime = scripted_runtime(EndlessModel([]), [double])
    waits = sys.argv[2:] == ["wait"]
    resumes = sys.argv[2:] and not waits
    chat = runtime.resume(sys.argv[2], store=history) if resumes else runtime.chat(store=history)
    if any(turn.status == "stopped" for turn in chat.conversation.turns[-1:]):
        tell(chat.stream_on(keep_stopped=True), chat)
    for number in count():
        tell(chat.stream(f"Question {number}", keep_stopped=True), chat, waits and number == 0)


if __name__ == "__main__":
    main()
