"""A private collection of documents that can be searched: folders in, passages out.

    index = DocumentIndex("documents.sqlite")
    report = index.update("~/papers")          # reads what is new or changed, forgets what is gone
    for found in index.search("coffee roasting", limit=3):
        print(found.title, found.url, found.text)

Any number of processes may search an index while one updates it; a second update waits for the first. An update that
is interrupted or killed keeps what it had finished.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from moss_agent.documents import contents, store
from moss_agent.documents.ranking import Found, search
from moss_agent.documents.update import Progress, Report, update
from moss_agent.errors import UsageError
from moss_agent.extras import need
from moss_agent.resources import read_beginning, user_path


def default_path() -> Path:
    """Return the index that the command line and the web search's `documents` use unless told otherwise."""
    from platformdirs import user_data_path

    return user_data_path("moss_agent") / "documents.sqlite"


class DocumentIndex:
    """An index in the SQLite file `path`, which `update` makes. Safe to use from several threads and processes.

    Raises MissingDependency if what reads documents is not installed.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        need("documents")
        self.path = default_path() if path is None else user_path(path)
        if os.path.exists(self.path) and not os.path.isfile(self.path):
            raise UsageError(f"{self.path} is a folder, device or pipe, no document index: name another file")
        if os.path.exists(self.path):
            read_beginning(self.path, 1)  # SQLite would wait for ever for what only looks like a file, as in /proc

    def search(self, query: str, limit: int = 5, per_document: int = 2) -> list[Found]:
        """Return at most `limit` passages, best first; none for a query without a word.

        Passages with all words of the query come before those with some. Of one document there are at most
        `per_document`, unless nothing else is found; the others then come last.
        Raises UsageError if there is no index, DocumentIndexError if it cannot be read.
        """
        with store.reading(self.path) as db:
            return search(db, query, limit, per_document)

    def update(self, folder: str | Path, tell: Callable[[Progress], None] = lambda _: None) -> Report:
        """Read what is new or changed in a folder, forget what is gone, and `tell` of each file.

        Raises UsageError if there is no such folder, DocumentIndexError if the index cannot be written.
        """
        place = _absolute(folder)
        if not place.is_dir():
            raise UsageError(f"no folder {place}; to take it out of the index: moss-agent search forget {place}")
        with store.writing(self.path, waits=lambda: tell(Progress(self.path, "waiting"))) as db:
            return update(db, place, tell)

    def forget(self, folder: str | Path) -> int:
        """Take a folder out of the index, whether it still exists or not; how many files that were.

        Files that are in another folder of the index too stay.
        Raises UsageError if the folder was not indexed, DocumentIndexError if the index cannot be written.
        """
        place = _absolute(folder)
        if place not in (status.folder for status in self.status()):
            raise UsageError(f"{place} is not in the index: moss-agent search status says which folders are")
        with store.writing(self.path, waits=lambda: None) as db:
            return contents.remove_folder(db, place)

    def status(self) -> list[contents.FolderStatus]:
        """Return what the index holds, folder by folder. Raises UsageError if there is no index, DocumentIndexError."""
        with store.reading(self.path) as db:
            return contents.status(db)


def _absolute(folder: str | Path) -> Path:
    return user_path(folder).resolve()
