"""The provider `documents`: the user's own files, as `moss-agent search index DIR` has indexed them."""

from __future__ import annotations

from moss_agent.errors import MossAgentError, PluginError
from moss_agent.events import Hit

from ._options import Options
from ._text import clean
from ._threads import in_thread


async def search(query: str, options: Options, seconds: float) -> list[Hit]:
    return await in_thread(_search, query, options)


def _search(query: str, options: Options) -> list[Hit]:
    from moss_agent.documents import DocumentIndex

    try:
        found = DocumentIndex(options.documents or None).search(query, limit=options.hits)
    except MossAgentError as error:  # there is no such index, or it cannot be read
        raise PluginError(str(error)) from error
    return [Hit(clean(passage.text), clean(passage.title), passage.url) for passage in found]
