"""Files that cannot be written or read: one line each, and the chat goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

import pytest

from moss_agent.database import failure_of, transaction
from moss_agent.errors import HistoryError, UsageError
from moss_agent.events import Notice
from moss_agent.history import History
from moss_agent.history.migrations import MIGRATIONS, migrate
from moss_agent.records import Turn
from moss_agent.store import About
from tests.chat_scene import PLAIN
from tests.scripted import ScriptedModel, scripted_runtime

ROOT = Path(__file__).parents[2]


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE bookmarks (url)")
        db.commit()


def from_the_future(path: Path) -> None:
    with History(path) as history:
        history.create(About("x"))
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")


def damaged(path: Path) -> None:
    with History(path) as history:
        history.create(about := About("x"))
        for number in range(200):
            history.save(about.id, Turn(f"Question {number}", answer="a" * 500), None)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * len(content[4096:])
    path.write_bytes(content)


BAD = {
    "a folder": (Path.mkdir, "cannot"),
    "text": (lambda path: path.write_text("no database " * 1000), "damaged, or no file of stored conversations"),
    "another program's": (foreign, "database of another program"),
    "a newer version's": (from_the_future, "newer version of moss_agent"),
    "damaged": (damaged, "damaged"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_history_is_one_notice_and_the_chat_goes_on(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "history.sqlite"
    make, reason = BAD[kind]
    make(path)
    chat = scripted_runtime(ScriptedModel([*PLAIN * 2]), []).chat(store=History(path))
    notices = [event.message for event in chat.stream("Hi") if isinstance(event, Notice)]
    assert len(notices) == 1 and "\n" not in notices[0]
    assert notices[0].startswith("what is said from here on is not stored: ")
    assert reason in notices[0] or kind == "a folder"
    assert chat.ask("And?").notices == ()
    with pytest.raises(HistoryError):
        History(path).list(10)


def test_before_anything_is_stored_there_is_nothing(tmp_path: Path) -> None:
    history = History(tmp_path / "none" / "history.sqlite")
    assert history.list(5) == [] and history.search("x") == []
    with pytest.raises(UsageError, match="no conversation is stored yet"):
        history.load("last")
    assert not history.path.parent.exists()


def test_the_file_and_its_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "history.sqlite"
    history = History(path)
    history.create(About("x"))
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in [path.parent, *path.parent.iterdir()]}
    assert modes.pop("new") == 0o700
    assert len(modes) > 1 and set(modes.values()) == {0o600}
    history.close()
    path.chmod(0o644)
    assert len(History(path).list(5)) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_names_of_conversations(tmp_path: Path) -> None:
    with History(tmp_path / "history.sqlite") as history:
        for id in ("aa11" + "0" * 28, "aa22" + "0" * 28):
            history.create(About("x", id=id))
            history.save(id, Turn(id, id=f"bb{id[2:]}"), None)  # turns are found by the same names
        assert history.load("aa1").turns[0].question.startswith("aa11")
        for name, reason in {
            "aa": "several",
            "ff": "there is no",
            "": "no id",
            "x%": "no id",
            "a' OR 1": "no id",
        }.items():
            with pytest.raises(UsageError, match=reason):
                history.load(name)


def test_conversations_that_were_not_used_for_long_are_deleted(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with History(path) as history:
        for title in ("old", "new"):
            history.create(about := About(title))
            history.save(about.id, Turn(title), None)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE conversations SET used = used - 10 * 86400 * 1000000000 WHERE title = 'old'")
        db.commit()
    for days in (11, 10**6):
        with History(path, keep_days=days) as history:
            history.create(About("x"))
            assert len(history.list(9)) == 2
    with History(path, keep_days=9) as history:
        assert len(history.list(9)) == 2  # reading deletes nothing
        with pytest.raises(HistoryError, match="deleted meanwhile"):
            history.move("gone", None)
        history.create(About("x"))
        assert [one.title for one in history.list(9)] == ["new"]
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT question FROM turns").fetchall() == [("new",)]


@pytest.mark.parametrize("is_forked", [False, True])
def test_an_old_conversation_that_goes_on_is_not_deleted(tmp_path: Path, is_forked: bool) -> None:
    path = tmp_path / "history.sqlite"
    with History(path) as history:
        scripted_runtime(ScriptedModel(PLAIN), []).chat(store=history).ask("a")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE conversations SET used = used - 10 * 86400 * 1000000000")
        db.commit()
    with History(path, keep_days=9) as history:
        chat = scripted_runtime(ScriptedModel(PLAIN), []).resume(store=history)
        if is_forked:
            chat.fork()
        assert chat.ask("b").notices == ()
        assert [turn.question for turn in history.load(chat.id).turns] == ["a", "b"]


@pytest.mark.parametrize("is_old", [False, True])
def test_what_was_deleted_is_not_in_the_file(tmp_path: Path, is_old: bool) -> None:
    pytest.importorskip("opencc")
    path = tmp_path / "history.sqlite"
    with History(path, keep_days=9) as history:
        history.create(about := About("walrus"))
        for number in range(50):
            history.save(about.id, Turn(f"walrus {number}", answer="walrus " * 100), None)
        assert history.search("walrus")
        if not is_old:
            history.delete(about.id)
    with closing(sqlite3.connect(path)) as db:
        db.executescript("PRAGMA secure_delete = ON; UPDATE conversations SET used = 0")
    with History(path, keep_days=9) as history:
        history.create(About("x"))
        assert history.search("walrus") == []
        assert b"walrus" not in b"".join(each.read_bytes() for each in path.parent.iterdir())


def test_an_interrupt_while_others_write_leaves_no_transaction_open(tmp_path: Path) -> None:
    path, begun = tmp_path / "file", SimpleQueue[str]()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")

        def interrupt() -> None:
            begun.get()  # the other one waits to begin
            signal.raise_signal(signal.SIGINT)
            other.execute("COMMIT")

        with closing(sqlite3.connect(path, timeout=600, isolation_level=None)) as db:
            db.set_trace_callback(begun.put)
            Thread(target=interrupt).start()
            with pytest.raises(KeyboardInterrupt), transaction(db):
                pass
            assert not db.in_transaction


def test_a_transaction_in_another_says_nothing_about_the_file() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db, transaction(db):
        with pytest.raises(sqlite3.OperationalError) as caught:
            db.execute("BEGIN")
        assert failure_of(caught.value) == "other"


@pytest.mark.parametrize("version", range(len(MIGRATIONS)))
def test_a_file_of_an_older_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for step in MIGRATIONS[:version]:
            step(db)
        db.execute(f"PRAGMA user_version = {version}")
        if version:
            db.execute("INSERT INTO conversations VALUES ('ab', 'old', '', '', '', 1, NULL)")
        migrate(db)
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    with History(path) as history:
        history.create(about := About("x"))
        history.save(about.id, Turn("Hi"), None)
        assert [one.title for one in history.list(9)] == ["Hi"]


FULL = """
import sys, resource
from moss_agent.history import History
from tests.scripted import ScriptedModel, scripted_runtime
from tests.chat_scene import PLAIN
size = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
chat = scripted_runtime(ScriptedModel(PLAIN * 300), []).chat(store=History(sys.argv[1]))
for number in range(300):
    for notice in chat.ask("walrus " * 200).notices:
        print(number, notice, flush=True)
print(len(chat.conversation.turns))
"""


@pytest.mark.slow
def test_a_full_disk_is_one_notice_and_what_was_stored_stays(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="no such limits on Windows")
    path = tmp_path / "history.sqlite"
    command = [sys.executable, "-c", FULL, str(path), "1000000"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    notice, count = done.stdout.splitlines()
    assert "no room to write" in notice and count == "300", done.stderr
    number = int(notice.split()[0])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with History(path) as history:
        turns = history.load("last").turns
        assert number > 10 and len(turns) >= number
        assert {turn.status for turn in turns[:number]} == {"done"}


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """The file and its folder, not to be written in the block."""
    path.chmod(0o400)
    path.parent.chmod(0o500)
    try:
        if os.access(path, os.W_OK):
            pytest.skip("permissions do not bind this user")
        yield
    finally:
        path.parent.chmod(0o700)


def test_a_file_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    with History(path) as history:
        history.create(about := About("x"))
        history.save(about.id, Turn("Hi"), None)
    with read_only(path), History(path) as history:
        assert [turn.question for turn in history.load("last").turns] == ["Hi"]
        with pytest.raises(HistoryError, match="cannot be opened or written"):
            history.create(About("y"))


@pytest.mark.parametrize("is_indexed", [False, True])
def test_a_file_that_cannot_be_written_is_searched_as_it_was_indexed(tmp_path: Path, is_indexed: bool) -> None:
    pytest.importorskip("opencc")
    path = tmp_path / "history.sqlite"
    with History(path) as history:
        history.create(about := About("x"))
        history.save(about.id, first := Turn("walrus"), None)
        if is_indexed:
            history.search("x")
        history.save(about.id, Turn("another walrus"), first.id)
    with read_only(path), History(path) as history:
        assert [match.question for match in history.search("walrus")] == ["walrus"] * is_indexed


@pytest.mark.parametrize(
    ("version", "reason"),
    [(version, "older version of moss_agent") for version in range(len(MIGRATIONS))] + [(99, "newer version")],
)
def test_a_file_of_another_version_that_cannot_be_written_says_so(tmp_path: Path, version: int, reason: str) -> None:
    path = tmp_path / "history.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for step in MIGRATIONS[:version]:
            step(db)
        db.execute(f"PRAGMA user_version = {version}")
    with read_only(path), pytest.raises(HistoryError, match=reason):
        History(path).list(9)
