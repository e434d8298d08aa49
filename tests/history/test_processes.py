"""Several processes at one file, killed at random moments."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from moss_agent.history import History
from moss_agent.records import Turn
from moss_agent.store import About

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("MOSS_AGENT_TEST_KILLS", "8"))
Shown = Sequence[Mapping[str, Any]]


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchone()[0]


def talk_and_die(path: Path, seed: int, conversation: str = "") -> Shown:
    """Start a talk, kill it some time after it has shown something; return what it has shown."""
    command = [sys.executable, "-m", "tests.history.talking", str(path), *filter(None, [conversation])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as talk:
        first = talk.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.8))
        talk.kill()
        rest = talk.stdout.read()
    *lines, _cut = (first + rest).split("\n")
    assert lines, "nothing was shown"
    return [json.loads(line) for line in lines]


def check(path: Path, shown: Shown) -> Turn:
    """All that was shown as finished is there; return the last turn."""
    with History(path) as history:
        for event in shown:
            turn = history.load(event["turn_id"]).turns[-1]
            if event["type"] == "answer":
                assert (turn.status, turn.text.strip()) == ("done", event["text"])
            if event["type"] == "result":
                assert (event["id"], event["result"]) in [(call.id, call.result) for call in turn.calls]
        stored = history.load(shown[0]["conversation"])
    return stored.turns[-1]


def test_nothing_that_was_shown_as_finished_is_lost_by_kills(tmp_path: Path) -> None:
    """Two processes at once; each conversation goes on once after its process was killed."""
    path = tmp_path / "history.sqlite"
    statuses = set()

    def one_after_the_other(start: int) -> Iterator[str]:
        for seed in range(start, KILLS, 4):
            shown = talk_and_die(path, seed)
            yield check(path, shown).status
            more = talk_and_die(path, seed + 2, shown[0]["conversation"])
            yield check(path, more).status
            assert more[0]["conversation"] == shown[0]["conversation"]
            assert integrity(path) == "ok"

    with ThreadPoolExecutor(2) as two:
        for found in two.map(lambda start: list(one_after_the_other(start)), [0, 1]):
            statuses |= set(found)
    assert "stopped" in statuses


OPEN = """
import sys
from moss_agent.history import History
from moss_agent.records import Turn
from moss_agent.store import About
history, about = History(sys.argv[1]), About("x")
sys.stdin.readline()
history.create(about)
for number in range(20):
    history.save(about.id, Turn(f"Question {number}"), None)
"""


def test_many_processes_make_a_new_file_and_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.sqlite"
    command = [sys.executable, "-c", OPEN, str(path)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(8)
    ]
    with ThreadPoolExecutor(8) as threads:
        errors = list(threads.map(lambda process: process.communicate("go\n")[1], started))
    assert errors == [""] * 8
    with History(path) as history:
        assert len(history.list(100)) == 8
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM turns").fetchone() == (160,)
    assert integrity(path) == "ok"


def test_a_turn_that_another_process_writes_comes_as_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    command = [sys.executable, "-m", "tests.history.talking", str(path), "wait"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True, cwd=ROOT) as talk, History(path) as history:
        shown = json.loads(talk.stdout.readline())
        running = history.load("last").turns[-1]
        assert history.list(1)[0].status == "running"
        assert running.status == "stopped" and running.id != shown["turn_id"]
        talk.kill()
        talk.wait()
        assert history.load("last").turns[-1].id == shown["turn_id"]
        assert history.list(1)[0].status == "stopped"


def test_a_conversation_of_300_turns_is_loaded_row_by_row(tmp_path: Path) -> None:
    with History(tmp_path / "history.sqlite") as history:
        about, parent = About("long"), None
        history.create(about)
        for number in range(300):
            turn = Turn(f"Question {number}", answer="word " * 500)
            history.save(about.id, turn, parent)
            parent = turn.id
        started = time.perf_counter()
        turns = history.load("last").turns
        print(f"300 turns in {time.perf_counter() - started:.3f} s")
    assert [turn.question for turn in turns] == [f"Question {number}" for number in range(300)]
