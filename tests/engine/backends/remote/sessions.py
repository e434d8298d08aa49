"""Sessions on a server, of a real model or of bytes."""

from __future__ import annotations

from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.served import connect
from moss_agent.engine.backends.remote.session import RemoteModel, RemoteSession
from moss_agent.session import Generation, Sampling, Session
from tests.engine import writing

MARKERS = ["<eoh>", "<eot>", "<eoc>", "<eor>", "<eom>"]


def open_session(url: str, **options) -> RemoteSession:
    served = connect(Connection(url, seconds=60))
    model = RemoteModel(served, **{"context_length": served.context_length or 1000, "markers": MARKERS, **options})
    return model.session("")


def write(session: Session, sampling: Sampling = writing.GREEDY, stop: list[str] = MARKERS) -> Generation:
    return writing.write(session, sampling, stop)
