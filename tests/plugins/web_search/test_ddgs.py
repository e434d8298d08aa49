"""The real plugin and the real ddgs against search engines played by an HTTP server on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from moss_agent.errors import PluginError, UsageError
from moss_agent.events import Hit
from plugins.web_search import _ddgs
from plugins.web_search import web_search as search
from tests.plugins.web_search.test_finding import later

pytest.importorskip("ddgs")

PARIS = ("https://example.org/paris", "Paris", "Paris is the capital of France.")
LYON = ("https://example.org/lyon", "Lyon", "Lyon is a city in France.")


def duckduckgo(*results: tuple[str, str, str]) -> str:
    """A page as DuckDuckGo's HTML version writes it: address, title and snippet are given as plain text."""
    items = (
        f'<div class="result__body"><h2>{escape(title)}</h2><a href="{escape(url)}">{escape(text)}</a></div>'
        for url, title, text in results
    )
    return f"<html><body>{''.join(items)}</body></html>"


def mojeek(*results: tuple[str, str, str]) -> str:
    items = (
        f'<li><h2><a href="{escape(url)}">{escape(title)}</a></h2><p class="s">{escape(text)}</p></li>'
        for url, title, text in results
    )
    return f'<html><body><ul class="results-standard">{"".join(items)}</ul></body></html>'


@dataclass
class Engines:
    """What the server answers, by path, and the form fields that it was sent."""

    pages: dict[str, str] = field(default_factory=dict)
    status: int = 200
    answering: threading.Event = field(default_factory=threading.Event)
    received: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engines]:
    played = Engines()
    played.answering.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def answer(self, form: str) -> None:
            played.received.append({name: values[0] for name, values in parse_qs(form).items()})
            played.answering.wait()
            page = played.pages.get(urlsplit(self.path).path, "<html><body></body></html>").encode()
            self.send_response(played.status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # a client that has given up is part of the game
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        for name in ("duckduckgo.Duckduckgo", "mojeek.Mojeek"):
            path = name.partition(".")[0]
            monkeypatch.setattr(f"ddgs.engines.{name}.search_url", f"http://127.0.0.1:{server.server_port}/{path}")
        yield played
        server.shutdown()


def ask(query: str = "capital of France", backend: str = "duckduckgo", **settings: object) -> list[Hit]:
    return search(query, **{"backend": backend, "read": False, "cache_hours": 0, **settings})


def error_of(*arguments: str, **settings: object) -> str:
    with pytest.raises((PluginError, UsageError)) as caught:
        ask(*arguments, **settings)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def test_gives_title_address_and_snippet(engines: Engines) -> None:
    engines.pages["/duckduckgo"] = duckduckgo(PARIS, LYON)
    assert ask() == [Hit(text=text, title=title, url=url) for url, title, text in (PARIS, LYON)]
    assert ask(hits=1) == [Hit(text=PARIS[2], title=PARIS[1], url=PARIS[0])]


@pytest.mark.parametrize(
    ("query", "settings", "region"),
    [
        ("weather in Paris", {}, "us-en"),
        ("北京今天的天气", {}, "cn-zh"),
        ("東京の天気", {}, "us-en"),
        ("weather", {"region": "uk-en"}, "uk-en"),
    ],
)
def test_region_follows_query_unless_set(engines: Engines, query: str, settings: dict[str, str], region: str) -> None:
    engines.pages["/duckduckgo"] = duckduckgo(PARIS)
    ask(query, **settings)
    assert engines.received[0]["q"] == query
    assert engines.received[0]["l"] == region


def test_same_page_from_two_engines_is_one_hit_with_the_longer_text(engines: Engines) -> None:
    engines.pages["/duckduckgo"] = duckduckgo(PARIS, LYON)
    engines.pages["/mojeek"] = mojeek(
        ("http://www.example.org/paris/#history", "Paris", PARIS[2] + " It lies on the Seine."),
        ("https://copy.example.net/", "Lyon", LYON[2]),
    )
    texts = [hit.text for hit in ask(backend="duckduckgo, mojeek", hits=9)]
    assert sorted(texts) == [LYON[2], PARIS[2] + " It lies on the Seine."]
    assert len(engines.received) == 2


def test_text_is_one_clean_line(engines: Engines) -> None:
    hidden = "A\u200b\u202eT&amp;amp;T\u00ad \x1b[31mred\x07\n\n\u3164end\ufeff"
    engines.pages["/duckduckgo"] = duckduckgo(("https://example.org/", "T\u200ei\u202etle", hidden))
    (hit,) = ask()
    assert (hit.text, hit.title) == ("AT&T [31mred end", "Title")


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://example.org/", "//example.org/", "https://bank.example@evil.example/", "http://[x/"],
)
def test_other_addresses_are_dropped(engines: Engines, url: str) -> None:
    engines.pages["/duckduckgo"] = duckduckgo((url, "Odd", "An odd address."), PARIS)
    assert [hit.url for hit in ask()] == [PARIS[0]]


def test_address_cannot_carry_control_characters(engines: Engines) -> None:
    engines.pages["/duckduckgo"] = duckduckgo(("https://example.org/%1b[2J%3Cb%3E%E2%80%AE中文", "T", "Text."))
    assert ask()[0].url == "https://example.org/%1B[2J%3Cb%3E%E2%80%AE中文"


def test_long_text_ends_with_a_whole_word(engines: Engines) -> None:
    words, ideographs = "hundred " * 80, "中文 没有空格" + "字" * 500
    engines.pages["/duckduckgo"] = duckduckgo((PARIS[0], "", words), (LYON[0], "", ideographs))
    by_url = {hit.url: hit.text for hit in ask()}
    assert by_url[PARIS[0]] == " ".join(["hundred"] * 50)
    assert by_url[LYON[0]] == ideographs[:400]


@pytest.mark.parametrize("status", [200, 202, 403, 429, 503])
def test_nothing_found_or_refused(engines: Engines, status: int) -> None:
    engines.status = status
    engines.pages["/duckduckgo"] = duckduckgo() if status == 200 else duckduckgo(PARIS)
    assert "found nothing, or refuse more requests" in error_of()


def test_after_a_refusal_the_engines_are_left_alone(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 0)
    engines.status = 429
    error_of()
    assert "not asked again for another 2 s" in error_of("other words")
    assert len(engines.received) == 1


def test_only_unusable_results(engines: Engines) -> None:
    engines.pages["/duckduckgo"] = duckduckgo(("javascript:alert(1)", "T", "Text."), ("https://example.org/", "T", ""))
    assert "other words" in error_of()


def test_slow_engine_is_given_up(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ddgs, "seconds_each", lambda *_: 1.0)  # far less than the provider has
    engines.answering.clear()
    assert "answered in time" in error_of()


def test_all_engines_together_leave_time_to_tell_what_came_of_it() -> None:
    for number in range(1, 12):
        assert _ddgs.seconds_each(number, 12.0) >= 1
        assert _ddgs.seconds_each(number, 12.0) * max(number - 1, 1) < 10.5
    assert _ddgs.seconds_each(7, 12.0) > 1.5  # all engines, which is the default
    assert _ddgs.seconds_each(7, 6.0) == 1  # less is too little for a server far away


def test_no_network_is_said_in_one_line() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        message = error_of(backend="auto", proxy=f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert message.startswith("no search engine can be reached: check the network")


@pytest.mark.parametrize(
    ("settings", "culprit"),
    [
        ({"backend": "nosuch"}, "'nosuch'"),
        ({"region": "France"}, "'France'"),
        ({"safesearch": "strict"}, "'strict'"),
        ({"hits": 0}, "hits = 0"),
        ({"hits": "3"}, "hits = '3'"),
        ({"hits": 2.5}, "hits = 2.5"),
        ({"region": 5}, "region = 5"),
        ({"proxy": ["a"]}, "proxy = ['a']"),
        ({"read": "yes"}, "read = 'yes'"),
        ({"cache_hours": -1}, "cache_hours = -1"),
        ({"providers": "ddgs"}, "providers = 'ddgs'"),
        ({"providers": []}, "providers = []"),
        ({"providers": ["google"]}, "providers = ['google']"),
        ({"providers": ["searxng"]}, "searxng = ''"),
        ({"providers": ["searxng"], "searxng": "localhost:8888"}, "searxng = 'localhost:8888'"),
        ({"providers": ["searxng"], "searxng": "http://[x"}, "searxng = 'http://[x'"),
        ({"proxy": "nonsense://x"}, "proxy"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, object], culprit: str) -> None:
    message = error_of(**settings)
    assert culprit in message and "[plugins.web_search]" in message


@pytest.mark.parametrize("query", ["", " \n", "\u200b"])
def test_empty_query(query: str) -> None:
    assert error_of(query) == "the search query is empty"
