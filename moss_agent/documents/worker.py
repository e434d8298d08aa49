"""Files read in a worker process that can be killed: no file can hang, crash or fill the memory of the program.

The worker is started for the first file, reused, and replaced after a file that took too long or ended it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from moss_agent.documents.formats import read
from moss_agent.documents.formats.document import Document, Unreadable
from moss_agent.documents.passages import flow, split
from moss_agent.errors import DocumentIndexError
from moss_agent.worker_process import Worker as Process
from moss_agent.worker_process import WorkerDied, WorkerTimeout

SECONDS = 60.0  # for one file
MEMORY = 3 << 30  # bytes of address space of the worker
SIZE = 128 << 20  # bytes of a file
START_SECONDS = 60.0  # for starting the worker, not counted as the file's time
_TITLE = 200  # characters of a title or heading


@dataclass(frozen=True)
class Passage:
    """A piece of a document's text. Pages count from 1."""

    text: str
    heading: str
    page: int | None


@dataclass(frozen=True)
class Extract:
    """What a file holds. `problem` says in one line why its text could not be had; there are no passages then."""

    sha256: bytes
    title: str = ""
    passages: tuple[Passage, ...] = ()
    problem: str = ""


class Worker:
    """Reads one file at a time. Close it when done."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._process: Process | None = None

    def extract(self, path: Path, known: bytes | None) -> Extract | None:
        """Return what the file holds, or None if its SHA-256 is `known`.

        Raises OSError if the file cannot be opened, DocumentIndexError if no worker can be started. A file that ends
        the worker or takes too long has no hash.
        """
        process = self._started()
        try:
            return process.call(extract, path, known, seconds=self._seconds)
        except WorkerTimeout:
            problem = f"takes longer than {self._seconds:g} s to read"
        except WorkerDied:
            problem = "made the program that reads it crash"
        except (MemoryError, ValueError):  # the worker cannot send it
            problem = "holds too much text: split it into several files"
        self.close()
        return Extract(b"", problem=problem)

    def close(self) -> None:
        """End the worker, whatever it is doing."""
        if self._process:
            self._process.kill()
            self._process = None

    def _started(self) -> Process:
        if self._process is None:
            try:
                process = Process(MEMORY)
                # What libraries have to say of a bad file is not for the screen.
                process.call(logging.disable, seconds=START_SECONDS)
            except (OSError, WorkerDied, WorkerTimeout) as error:
                raise DocumentIndexError("no worker process could be started to read documents") from error
            self._process = process
        return self._process


def extract(path: Path, known: bytes | None) -> Extract | None:
    """Read, hash and split the file, in the worker. Raises OSError if it cannot be opened."""
    with open(path, "rb") as file:
        data = file.read(SIZE + 1)
    digest = hashlib.sha256(data).digest()
    if digest == known:
        return None
    try:
        if len(data) > SIZE:
            raise Unreadable(f"larger than {SIZE >> 20} MB: split it into several files")
        document = read(data, path.suffix.lower())
        title = flow(document.title)[:_TITLE]
        passages = tuple(_passages(document, title)) or (Passage(title, "", None),) * bool(title)
        return Extract(digest, title, passages)
    except Unreadable as error:
        return Extract(digest, problem=flow(str(error)))
    except MemoryError:
        return Extract(digest, problem=f"takes more than {MEMORY >> 30} GB of memory to read")
    except Exception as error:  # damaged files make the libraries raise anything
        return Extract(digest, problem=f"damaged: {flow(f'{type(error).__name__}: {error}')[:_TITLE]}")


def _passages(document: Document, title: str) -> Iterator[Passage]:
    """Split a document. A heading without text stands before the next one; after the last text it is text."""
    waiting = ""
    for section in document.sections:
        own = flow(section.heading)
        heading = " › ".join(filter(None, (waiting, own if own != title else "")))
        texts = list(split(section.text))
        yield from (Passage(text, heading[:_TITLE], section.page) for text in texts)
        waiting = "" if texts else heading
    yield from (Passage(text, "", None) for text in split(waiting))
