"""The provider `searxng` against a server that answers as SearXNG does, or fails as it does."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest

from moss_agent.errors import PluginError, UsageError
from moss_agent.events import Hit
from plugins.web_search import web_search
from tests.plugins.web_search.searxng import PARIS, results
from tests.plugins.web_search.site import Site, answer, redirect


def ask(site: Site, query: str = "capital of France", **settings: object) -> list[Hit]:
    chosen = {"providers": ["searxng"], "searxng": site.url(""), "read": False, "cache_hours": 0, **settings}
    return web_search(query, **chosen)


def error_of(site: Site, **settings: object) -> str:
    with pytest.raises((PluginError, UsageError)) as caught:
        ask(site, **settings)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def form(site: Site) -> dict[str, str]:
    """The fields of the last request."""
    line = site.requests[-1].split(" ")[1]
    return {name: values[0] for name, values in parse_qs(line.partition("?")[2]).items()}


@pytest.mark.parametrize("address", ["", "/", "/search"])
def test_results_of_a_server_in_the_private_network(site: Site, address: str) -> None:
    site.pages["/search"] = results(PARIS)
    assert ask(site, searxng=site.url(address)) == [Hit(PARIS["content"], "Paris", PARIS["url"])]


def test_a_server_below_a_path(site: Site) -> None:
    site.pages["/searx/search"] = results(PARIS)
    assert ask(site, searxng=site.url("/searx/"))


@pytest.mark.parametrize(
    ("query", "settings", "sent"),
    [
        ("capital of France", {}, ("all", "1")),
        ("法国的首都", {"safesearch": "on"}, ("zh-CN", "2")),
        ("capital", {"region": "uk-en", "safesearch": "off"}, ("en-GB", "0")),
        ("首都", {"region": "tw-tzh"}, ("zh-TW", "1")),
        ("capitale", {"region": "fr-fr"}, ("fr-FR", "1")),
    ],
)
def test_language_and_safesearch(site: Site, query: str, settings: dict[str, str], sent: tuple[str, str]) -> None:
    site.pages["/search"] = results(PARIS)
    ask(site, query, **settings)
    assert form(site) == {"q": query, "format": "json", "language": sent[0], "safesearch": sent[1]}


def test_only_what_can_be_cited(site: Site) -> None:
    odd = [{**PARIS, "url": "javascript:alert(1)"}, {**PARIS, "content": None}, {**PARIS, "content": "", "url": 5}, {}]
    site.pages["/search"] = results(*odd, {**PARIS, "title": None})
    assert ask(site) == [Hit(PARIS["content"], "", PARIS["url"])]


def test_the_text_of_an_encyclopedia_stands_in_a_box(site: Site) -> None:
    link = {"url": "https://en.wikipedia.org/wiki/Lyon", "title": "Lyon", "content": ""}
    box = {"infobox": "Lyon", "id": link["url"], "content": "Lyon is a city.", "urls": [{"title": "W", "url": "x"}]}
    site.pages["/search"] = results(link, PARIS, boxes=[box])
    assert [hit.text for hit in ask(site)] == ["Lyon is a city.", PARIS["content"]]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("403 Forbidden", "add json to search.formats"),
        ("429 Too Many Requests", "refuses more requests"),
        ("500 Oops", "has a problem"),
        ("404 Not Found", "check searxng under"),
    ],
)
def test_refusals(site: Site, status: str, said: str) -> None:
    site.pages["/search"] = answer("{}", "application/json", status=status)
    assert said in error_of(site)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"results": 5}',
        b'{"results": [5]}',
        b'{"results": [], "unresponsive_engines": {"a": "b"}}',
        b'{"results": [], "unresponsive_engines": [1]}',
        b"{" * 500_000,
        b"[" * 500_000,
        b"\xff",
    ],
)
def test_what_is_no_search_result(site: Site, body: bytes) -> None:
    site.pages["/search"] = answer(body, "application/json")
    assert "did not answer with search results" in error_of(site)


def test_a_page_instead_of_json(site: Site) -> None:
    site.pages["/search"] = answer("<html>")
    assert "answered with text/html" in error_of(site)


def test_all_engines_failed(site: Site) -> None:
    site.pages["/search"] = results(unresponsive=[["google", "timeout"], ["bing", "CAPTCHA\x1b[2J"]])
    assert "google timeout; bing CAPTCHA" in error_of(site)


def test_nothing_found(site: Site) -> None:
    site.pages["/search"] = results()
    assert "try other words" in error_of(site)


def test_no_redirect_is_followed(site: Site) -> None:
    site.pages |= {"/search": redirect("/elsewhere"), "/elsewhere": results(PARIS)}
    assert "redirects" in error_of(site)


@pytest.mark.parametrize("port", [0, 99999])
def test_a_server_with_a_port_that_cannot_be_is_refused(site: Site, port: int) -> None:
    assert "must be your server's address" in error_of(site, searxng=f"http://127.0.0.1:{port}/")


def test_results_with_port_0_are_no_results(site: Site) -> None:
    site.pages["/search"] = results({**PARIS, "url": "http://example.org:0/"}, PARIS)
    assert [hit.url for hit in ask(site)] == [PARIS["url"]]


def test_no_server(site: Site) -> None:
    assert "check searxng under [plugins.web_search]" in error_of(site, searxng="http://127.0.0.1:1/")
