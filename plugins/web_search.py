"""Search("query"): what the web says, through the search engines that ddgs asks. No key, no account.

    [plugins.web_search]
    backend = "auto"           # or engines of ddgs: "duckduckgo", "brave,mojeek", ...
    region = "uk-en"           # country-language; without it Chinese queries ask cn-zh, others us-en
    safesearch = "moderate"    # or "on", "off"
    proxy = "socks5h://127.0.0.1:1080"
    hits = 3

Each hit is the engine's own snippet, cleaned. Not covered yet: reading the pages behind the hits,
other providers, caching.
"""

from __future__ import annotations

import re
from html import unescape
from unicodedata import category
from urllib.parse import quote, urlsplit

from moss_agent.errors import PluginError
from moss_agent.events import Hit
from moss_agent.plugin_host.contract import plugin

TIMEOUT = 20.0  # seconds for one call
BUDGET = 18.0  # seconds for all requests of one call: the error below must come before the host's own
TEXT, TITLE, QUERY = 400, 200, 300  # characters; 400 is the length of the hits that MOSS was trained on

JOINERS = "\u200c\u200d"  # scripts and emoji need them
INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # blank, though Unicode calls them letters or marks
HAN, KANA_OR_HANGUL = re.compile("[\u3400-\u9fff]"), re.compile("[\u3040-\u30ff\uac00-\ud7af]")
LAST_WORD = re.compile("[^\\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]+$")  # CJK has no spaces
UNSAFE_IN_URL = """ <>"'`\\{}|^"""


@plugin("Search", label="Web search", timeout=TIMEOUT)
def web_search(
    query: str,
    *,
    hits: int = 3,
    region: str = "",
    backend: str = "auto",
    safesearch: str = "moderate",
    proxy: str = "",
) -> list[Hit]:
    """At most `hits` hits for the query, best first.

    Raises PluginError when nothing comes back, saying why as far as ddgs tells.
    """
    query = cut(clean(query), QUERY)
    region = region or region_of(query)
    if not query:
        raise PluginError("the search query is empty")
    if hits < 1:
        raise PluginError(f"hits = {hits} under [plugins.web_search] must be 1 or more")
    if safesearch not in ("on", "moderate", "off"):
        raise PluginError(f"safesearch = {safesearch!r} under [plugins.web_search] must be on, moderate or off")
    if not re.fullmatch(r"[a-z]{2}-[a-z]{2,3}", region):
        raise PluginError(f"region = {region!r} under [plugins.web_search] must look like us-en: country-language")
    # Twice as many as wanted, for some are the same page or have no text.
    results = ask(query, backend, proxy, region=region, safesearch=safesearch, max_results=2 * hits)
    found = merge(results)[:hits]
    if not found:
        raise PluginError("the search engines answered without one usable hit: try other words")
    return found


def ask(query: str, backend: str, proxy: str, **options: str | int) -> list[dict[str, str]]:
    """The results of ddgs: mappings with `title`, `href` and `body`."""
    from ddgs import DDGS
    from ddgs.engines import ENGINES
    from ddgs.exceptions import DDGSException

    engines = chosen(backend, sorted(ENGINES["text"]))
    try:
        search = DDGS(proxy=proxy or None, timeout=seconds_each(len(engines)))
        return search.text(query, backend=backend if backend == "auto" else ",".join(engines), **options)
    except DDGSException as error:
        raise PluginError(reason(str(error))) from error
    except Exception as error:  # what the HTTP client says of a malformed proxy is no DDGSException
        raise PluginError(f"the web search cannot start, check proxy under [plugins.web_search]: {error}") from error


def chosen(backend: str, available: list[str]) -> list[str]:
    """The engines that `backend` names. ddgs would log a wrong name and quietly ask all the others."""
    names = available if backend == "auto" else [name.strip() for name in backend.split(",")]
    unknown = [name for name in names if name not in available]
    if unknown:
        raise PluginError(
            f"ddgs has no engine {unknown[0]!r}: set backend under [plugins.web_search] to auto "
            f"or some of {', '.join(available)}"
        )
    return names


def seconds_each(engines: int) -> int:
    """Seconds for one request. ddgs asks two engines at once and then one after the other."""
    return int(min(8, BUDGET // max(engines - 1, 1)))


def reason(message: str) -> str:
    """What ddgs's message means for a person. It names the HTTP client's error, of the last engine only."""
    if "timed out" in message:
        return "no search engine answered in time: try again, or set proxy or backend under [plugins.web_search]"
    if "ConnectError" in message or "DNSError" in message:
        return "no search engine can be reached: check the network, or set proxy under [plugins.web_search]"
    if "No results" in message or "Ratelimit" in message:
        # ddgs takes every refusal (HTTP 403, 429, ...) for an empty page, so the two look the same here.
        return (
            "the search engines found nothing, or refuse more requests for now: "
            "use other words, wait a minute, or set backend under [plugins.web_search]"
        )
    return f"the web search failed: {' '.join(message.split())[:200]}"


def merge(results: list[dict[str, str]]) -> list[Hit]:
    """The results as hits: cleaned, the unusable dropped, one per page or text, the longer text kept."""
    found: dict[str, Hit] = {}
    for result in results:
        url = link(result.get("href", ""))
        hit = Hit(cut(clean(result.get("body", "")), TEXT), cut(clean(result.get("title", "")), TITLE), url)
        if not (url and hit.text):
            continue
        page = re.sub(r"^https?://(www\.)?|/?(#.*)?$", "", url)
        twin = next((known for known, other in found.items() if known == page or other.text == hit.text), page)
        if twin not in found or len(hit.text) > len(found[twin].text):
            found[twin] = hit
    return list(found.values())


def link(url: str) -> str:
    """The address, safe to print and to link; empty unless it is plain http or https without a user name."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return ""
    # ddgs has decoded every %xx, of control characters too.
    return "".join(
        c if c.isprintable() and c not in UNSAFE_IN_URL else quote(c, errors="replace") for c in parts.geturl()
    )


def clean(text: str) -> str:
    """One line of what can be seen: entities decoded, control and invisible characters removed."""
    kept = (c for c in unescape(text) if c.isspace() or c in JOINERS or visible(c))
    return " ".join("".join(kept).split())


def visible(character: str) -> bool:
    """Whether it is neither control, format, surrogate or private nor blank nor a bare variation selector."""
    hidden = category(character) in ("Cc", "Cf", "Cs", "Co") or character in INVISIBLE
    return not hidden and not "\U000e0100" <= character <= "\U000e01ef"


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, ending with a whole word unless that would lose half of them."""
    if len(text) <= limit or text[limit].isspace():
        return text[:limit]
    head = text[:limit]
    whole = LAST_WORD.sub("", head).rstrip()
    return whole if len(whole) > limit // 2 else head


def region_of(query: str) -> str:
    """cn-zh for Chinese, us-en otherwise. ddgs's worldwide wt-wt would ask a Wikipedia that does not exist."""
    return "cn-zh" if HAN.search(query) and not KANA_OR_HANGUL.search(query) else "us-en"
