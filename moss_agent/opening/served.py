"""A model that a server has, from the settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from moss_agent.checkpoints.families import Family
from moss_agent.errors import ServerError
from moss_agent.protocol import END_MARKERS
from moss_agent.settings import Settings

if TYPE_CHECKING:
    from moss_agent.engine.backends.remote.chat import RemoteChatModel
    from moss_agent.engine.backends.remote.served import ServedModel
    from moss_agent.engine.backends.remote.session import RemoteModel


def find_served(settings: Settings) -> ServedModel:
    """Ask the server of the settings for its model. Raises ServerError, UsageError."""
    from moss_agent.engine.backends.remote.connection import KEY_VARIABLE, Connection
    from moss_agent.engine.backends.remote.served import connect

    key = os.environ.get(KEY_VARIABLE, "")
    connection = Connection(settings.server, key=key, seconds=settings.server_timeout)
    try:
        return connect(connection, settings.server_model)
    except BaseException:
        connection.close()
        raise


def open_served(settings: Settings, family: Family, served: ServedModel) -> RemoteModel:
    """Return the server's model, ready to open sessions."""
    from moss_agent.engine.backends.remote.session import RemoteModel

    context_length = _context_length(settings, family, served)
    return RemoteModel(served, context_length=context_length, markers=END_MARKERS, seed=settings.seed)


def open_served_chat(
    settings: Settings, family: Family, served: ServedModel, sampling: Mapping[str, Any], max_new_tokens: int
) -> RemoteChatModel:
    """Return the server's chat model, ready to open sessions. sampling: what the user has chosen."""
    from moss_agent.engine.backends.remote.chat import RemoteChatModel

    return RemoteChatModel(
        served,
        context_length=_context_length(settings, family, served),
        sampling=sampling,
        max_new_tokens=max_new_tokens,
        seed=settings.seed,
    )


def is_taught_moss(served: ServedModel) -> bool:
    """Return whether a served model knows MOSS's text: by its name, or as its tokenizer has the markers.

    Of a name that is a path the end counts. A tokenizer that the server does not let us ask (a gateway) has none.
    """
    if served.name == "mini" or "moss" in PurePosixPath(served.name).name.lower():
        return True
    try:
        return bool(served.kind.tokenize) and len(served.tokenize(END_MARKERS[0], special=True)) == 1
    except ServerError:
        return False


def _context_length(settings: Settings, family: Family, served: ServedModel) -> int:
    limits = [family.context_length, settings.context_length, served.context_length]
    return min(limit for limit in limits if limit)
