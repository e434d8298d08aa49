"""Search("query"): passages that answer the query, from the web or from the user's own documents.

    [plugins.web_search]
    providers = ["ddgs", "searxng"]    # asked in this order until one has results; also "documents"
    read = true                        # read the pages behind the results; false: take the engines' snippets
    hits = 3
    region = "uk-en"                   # country-language; without it Chinese queries ask cn-zh, others us-en
    safesearch = "moderate"            # or "on", "off"
    backend = "auto"                   # of ddgs: engines, such as "duckduckgo" or "brave,mojeek"
    proxy = "socks5h://127.0.0.1:1080" # of ddgs; pages are not read then
    searxng = "http://localhost:8888"  # the server of searxng
    documents = "papers.sqlite"        # the index of documents; without it that of `moss-agent search index`
    cache_hours = 24                   # how long an answer is used again; 0: nothing is kept

The way of a query is `_finding.find`. Not covered: pages that need JavaScript, a login or a proxy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from moss_agent.errors import PluginError
from moss_agent.events import Hit
from moss_agent.plugin_host.contract import plugin

from ._options import Options
from ._text import clean, cut

QUERY = 300  # characters
IMPORTS = ("ddgs.ddgs", "httpx2", "httpcore2", "rjieba")


# Isolated, because a page can make its parser spin or crash.
@plugin(
    "Search",
    label="Web search",
    description="Search the web, or the person's documents, for passages that answer a query.",
    effects={"network"},
    timeout=20.0,
    isolated=True,
    imports=IMPORTS,
    extra="search",
)
def web_search(
    query: Annotated[str, "a few words, as one would type them into a search engine, in the language of the sources"],
    *,
    providers: Sequence[str] = ("ddgs",),
    hits: int = 3,
    read: bool = True,
    region: str = "",
    backend: str = "auto",
    safesearch: str = "moderate",
    proxy: str = "",
    searxng: str = "",
    documents: str = "",
    cache_hours: float = 24,
) -> list[Hit]:
    """Return at most `hits` hits for the query, best first.

    Raises PluginError when nothing comes back, saying why as far as the providers tell.
    """
    import asyncio

    from ._cache import Cache, user_file
    from ._fetching import PublicNetwork
    from ._finding import find

    options = Options(providers, hits, read, region, backend, safesearch, proxy, searxng, documents, cache_hours)
    query = cut(clean(query), QUERY)
    if not query:
        raise PluginError("the search query is empty")
    return asyncio.run(find(query, options, Cache(user_file()), PublicNetwork()))
