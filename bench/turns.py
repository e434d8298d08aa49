"""What the growing KV cache saves: time to the first piece of a later turn, with the cache and without.

    python bench/turns.py [--model mini] [--turns 6]

Each turn asks the same kind of question. "again" is a session that has to compute the whole conversation
first, as runtimes do that encode the history for every request. Ratios carry over to other machines,
seconds do not.
"""

from __future__ import annotations

import argparse
import time

from moss_agent.cancellation import Cancellation
from moss_agent.opening.dialect import choose_family
from moss_agent.opening.local import open_local
from moss_agent.protocol import MARKERS, THOUGHTS, Turn, render_human, render_turn
from moss_agent.session import Sampling, Session
from moss_agent.settings import Settings


def first_piece(session: Session) -> float:
    """Return the seconds until the model has written its first piece of text, or ended without one."""
    started = time.perf_counter()
    next(session.generate(MARKERS, Sampling(max_new_tokens=4), Cancellation()), None)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--family", help="the model's family, if its name does not tell")
    parser.add_argument("--turns", type=int, default=6)
    arguments = parser.parse_args()
    family = choose_family(Settings(model=arguments.model, family=arguments.family or ""), None)
    session = open_local(Settings(model=arguments.model), family).session("")
    history = family.preamble.render(family.preamble.known)
    print(f"{'turn':>4} {'tokens':>7} {'new':>5} {'cached, s':>10} {'again, s':>9} {'ratio':>6}")
    for turn in range(1, arguments.turns + 1):
        question = render_human(f"What is {turn}7*89?") + THOUGHTS.header
        session.rewind(0)
        session.extend(history)
        known = session.length
        first_piece(session)  # the earlier turns are in the cache now
        session.rewind(known)
        session.extend(question)
        whole = session.length
        cached = first_piece(session)
        session.rewind(0)
        session.extend(history + question)
        again = first_piece(session)
        print(f"{turn:4} {whole:7} {whole - known:5} {cached:10.3f} {again:9.3f} {again / cached:6.1f}")
        history += render_turn(
            Turn(f"What is {turn}7*89?", "It is a sum. " * 8, f'Calculate("{turn}7*89")', "None", "It is done. " * 4)
        )


if __name__ == "__main__":
    main()
