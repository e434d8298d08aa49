"""Fetch one file of known size and SHA-256 over HTTP, so that it is there whole or not there at all.

The body goes to `<name>.part` beside the destination and gets its real name only after its hash was checked, so a
process may be killed at any point: the next one goes on from the part file by an HTTP Range request; where the server
does not know ranges, what is there already is skipped. `<name>.lock` keeps a second process waiting, then it finds the
file done.

Not covered: files of unknown hash, several connections at once.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from moss_agent.checkpoints.files import announce, disk_errors, exclusive, is_intact, publish
from moss_agent.errors import CheckpointError
from moss_agent.http.client import open_client
from moss_agent.http.failures import Failure, RequestFailed, told_apart
from moss_agent.http.sending import asked_pause
from moss_agent.resources import beside

if TYPE_CHECKING:
    import httpx2

CONNECT_SECONDS = 15.0
READ_SECONDS = 60.0  # until the next bytes
SILENT_CONNECTIONS = 4
"""Give up after so many connections in a row that brought nothing ..."""
ALL_CONNECTIONS = 30
"""... or after so many in all, however little each of them brought."""
BACKOFF = 0.5
"""Seconds before the second connection; doubled after each one that brought nothing."""


class _Interrupted(Exception):
    """This connection brought no more; another one may. headers: of the answer, where it may say when."""

    def __init__(self, message: str, headers: Mapping[str, str] = {}) -> None:
        super().__init__(message)
        self.headers = headers


@dataclass(frozen=True)
class _Job:
    """One file on its way: what the helpers below need to know of the call of `fetch`."""

    url: str
    part: Path
    size: int
    label: str
    bundle: str
    headers: Mapping[str, str]

    @property
    def have(self) -> int:
        """Bytes fetched so far."""
        return self.part.stat().st_size if self.part.exists() else 0


def fetch(
    url: str,
    destination: Path,
    *,
    sha256: str,
    size: int,
    label: str,
    progress: bool,
    bundle: str = "",
    headers: Mapping[str, str] = {},
    cache_variable: str = "MOSS_AGENT_CACHE",
) -> Path:
    """Return `destination`, fetched from `url` unless it is there and intact: `size` bytes with that SHA-256.

    `label` names the file in messages, `headers` are sent along, `bundle` is as for `open_client`, `cache_variable` as
    for `disk_errors`. Raises CheckpointError: the server cannot be reached or offers something else, the bytes are
    wrong twice, or the disk is full; what was fetched so far is kept unless it is wrong.
    """
    part = beside(destination, ".part")
    job = _Job(url, part, size, label, bundle, headers)
    with (
        disk_errors(label, destination.parent, cache_variable),
        exclusive(beside(destination, ".lock"), label, progress),
    ):
        if is_intact(destination, sha256, size):
            return destination
        for attempt in ("first", "last"):
            _complete(job, progress)
            if is_intact(part, sha256, size):
                publish(part, destination)
                return destination
            part.unlink()
            if attempt == "first":
                announce(f"{label}: what was fetched is damaged, so it is fetched anew.", progress)
        raise CheckpointError(
            f"{label}: {host(url)} sends other bytes than expected (SHA-256 differs): try another source"
        )


def _complete(job: _Job, progress: bool) -> None:
    """Connect again and again until the part file is full, in patience bounded by the constants above."""
    silent = connections = 0
    client = open_client(job.url, connect=CONNECT_SECONDS, read=READ_SECONDS, redirects=True, bundle=job.bundle)
    with client, _shown(job, progress) as show:
        while (have := job.have) < job.size:
            try:
                _connect(client, job, show)
                continue
            except (_Interrupted, RequestFailed) as reason:
                problem = reason
            connections += 1
            silent = 0 if job.have > have else silent + 1
            # An address that cannot work is not mended by waiting.
            hopeless = isinstance(problem, RequestFailed) and problem.failure in (Failure.ADDRESS, Failure.REDIRECTS)
            if silent == SILENT_CONNECTIONS or connections == ALL_CONNECTIONS or hopeless:
                raise CheckpointError(
                    f"{job.label}: fetching from {host(job.url)} failed ({problem}): "
                    "run the same command again, it goes on where it stopped"
                ) from problem
            time.sleep(asked_pause(getattr(problem, "headers", {}), BACKOFF * 2**silent))


def _connect(client: httpx2.Client, job: _Job, show: Callable[[int], object]) -> None:
    """Append to the part file what one connection brings; raise _Interrupted if that is not all."""
    # A compressed body would make byte ranges meaningless.
    headers = {**job.headers, "Accept-Encoding": "identity"} | ({"Range": f"bytes={job.have}-"} if job.have else {})
    with told_apart(), client.stream("GET", job.url, headers=headers) as response:
        # What is there stays, also where the body begins anew: it may be the log-in page of a wireless network.
        known = job.have - _first_byte(response, job)
        with open(job.part, "ab") as file:
            for piece in response.iter_raw():
                file.write(piece[known:])
                known = max(0, known - len(piece))
                show(file.tell())
                if file.tell() >= job.size:
                    return
    raise _Interrupted("the connection closed early")


def _first_byte(response: httpx2.Response, job: _Job) -> int:
    """Return where in the file the body of `response` begins, or raise if it is of no use."""
    status = response.status_code
    if status == 416:  # the part file is longer than what the server has
        job.part.unlink(missing_ok=True)
        raise _Interrupted("the server cannot go on where the last connection stopped")
    if status in (408, 429) or status >= 500:
        raise _Interrupted(f"HTTP status {status}", response.headers)
    if status not in (200, 206):
        raise CheckpointError(f"{job.label}: {host(job.url)} answers HTTP status {status}: try another source")
    start, offered = 0, response.headers.get("Content-Length", "")
    if status == 206:
        content_range = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        start, offered = (int(content_range[1]), content_range[2]) if content_range else (-1, "")
    if start not in (0, job.have):
        job.part.unlink(missing_ok=True)
        raise _Interrupted("the server sent another range than asked for")
    if offered.isdigit() and int(offered) != job.size:
        raise CheckpointError(
            f"{job.label}: {host(job.url)} offers {offered} bytes instead of {job.size}: "
            "check the network (a log-in page?) or try another source"
        )
    return start


def host(url: str) -> str:
    """Return the host of `url` for messages: addresses may hold a password, hosts do not."""
    try:
        return urlsplit(url).hostname or "the given address"
    except ValueError:
        return "the given address"


@contextmanager
def _shown(job: _Job, progress: bool) -> Iterator[Callable[[int], object]]:
    """Show a bar on a terminal, one plain line elsewhere; give a function that takes the bytes there are by now."""
    from tqdm import tqdm

    terminal = sys.stderr.isatty()
    announce(f"Fetching {job.label} ({job.size / 1e6:.0f} MB)...", progress and not terminal)
    with tqdm(
        desc=f"Fetching {job.label}",
        total=job.size,
        initial=job.have,
        unit="B",
        unit_scale=True,
        disable=not (progress and terminal),
    ) as bar:
        yield lambda have: bar.update(have - bar.n)
