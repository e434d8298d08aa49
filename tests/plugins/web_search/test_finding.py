"""The chain of providers: fallback, pauses, memory, deadlines. All of it over real servers on loopback."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from moss_agent.errors import PluginError, UsageError
from moss_agent.events import Hit
from plugins.web_search import _finding
from plugins.web_search._cache import Cache, user_file
from plugins.web_search._fetching import PublicNetwork
from plugins.web_search._options import Options
from plugins.web_search._pauses import Pause
from plugins.web_search._provider import ProviderFailed
from tests.plugins.web_search.searxng import PARIS, results
from tests.plugins.web_search.site import Site, answer

HIT = Hit(PARIS["content"], PARIS["title"], PARIS["url"])
OFF = "http://127.0.0.1:1"  # nothing listens there
OPTIONS = Options(["searxng"], 3, False, "", "auto", "moderate", "", "", "", 24)


def ask(site: Site, query: str = "capital of France", **settings: object) -> list[Hit]:
    options = replace(OPTIONS, **{"searxng": site.url(""), **settings})
    return asyncio.run(_finding.find(query, options, Cache(user_file()), PublicNetwork()))


def error_of(site: Site, **settings: object) -> str:
    with pytest.raises((PluginError, UsageError)) as caught:
        ask(site, **settings)
    return str(caught.value)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


@pytest.fixture(scope="module")
def imported() -> None:
    """ddgs, whose first import takes some of a query's time."""
    import_module("ddgs.engines")
    import_module("ddgs.ddgs")


@pytest.fixture
def no_engines(imported: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ddgs provider with no network."""
    monkeypatch.setattr("ddgs.engines.mojeek.Mojeek.search_url", OFF)


def test_the_next_provider_is_asked(site: Site, no_engines: None) -> None:
    site.pages["/search"] = results(PARIS)
    assert ask(site, providers=["ddgs", "searxng"], backend="mojeek") == [HIT]


def test_every_providers_reason_is_told(site: Site, no_engines: None) -> None:
    message = error_of(site, providers=["ddgs", "searxng"], backend="mojeek")
    assert message.startswith("ddgs: no search engine can be reached")
    assert "; searxng: no SearXNG server can be used" in message
    assert len(message.splitlines()) == 1


def test_a_wrong_setting_is_told_even_if_another_provider_would_do(site: Site, imported: None) -> None:
    site.pages["/search"] = results(PARIS)
    assert "no engine 'nosuch'" in error_of(site, providers=["ddgs", "searxng"], backend="nosuch")


def test_an_answer_is_used_again_until_it_is_too_old(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/search"] = results(PARIS)
    assert ask(site) == ask(site, query="Capital of FRANCE") == [HIT]
    assert len(site.requests) == 1
    ask(site, query="capital of Spain")
    ask(site, safesearch="off")
    ask(site, region="us-en")  # without it the server is asked for all languages
    ask(site, cache_hours=0)
    assert len(site.requests) == 5
    later(monkeypatch, 24 * 3600 + 1)
    ask(site)
    assert len(site.requests) == 6


def test_snippets_taken_behind_a_proxy_are_not_used_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    options = replace(OPTIONS, read=True)
    direct = _finding._key("searxng", "capital", options)
    monkeypatch.setenv("https_proxy", OFF)
    assert _finding._key("searxng", "capital", options) != direct


def test_without_network_an_old_answer_is_better_than_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/search"] = results(PARIS)
    ask(site)
    later(monkeypatch, 3 * 86400)
    site.pages["/search"] = answer("", status="502 Bad Gateway")
    day = date.today() - timedelta(days=3)
    assert ask(site) == [replace(HIT, title=f"Paris (as of {day})")]


def test_an_old_answer_has_the_day_on_which_it_was_found(site: Site) -> None:
    since_midnight = (datetime.now() - datetime.combine(date.today(), datetime.min.time())).total_seconds()
    site.pages["/search"] = results(PARIS)
    ask(site)
    with closing(sqlite3.connect(user_file())) as cache, cache:
        cache.execute("UPDATE entries SET stored = stored - ?", [since_midnight + 3600])
    site.pages["/search"] = answer("", status="502 Bad Gateway")
    day = date.today() - timedelta(days=1)
    assert ask(site, cache_hours=0) == [replace(HIT, title=f"Paris (as of {day})")]


def test_nothing_is_kept_if_that_is_wanted(site: Site) -> None:
    site.pages["/search"] = results(PARIS)
    ask(site, cache_hours=0)
    site.pages["/search"] = answer("", status="502 Bad Gateway")
    error_of(site)
    assert b"Paris" not in user_file().read_bytes()


def test_after_a_refusal_the_server_is_left_alone_for_longer_and_longer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch, 0)
    site.pages["/search"] = answer("", status="429 Too Many Requests")
    assert "not asked again" not in error_of(site)
    assert "(not asked again for another 30 s)" in error_of(site)
    later(monkeypatch, 31)
    error_of(site)
    assert "(not asked again for another 60 s)" in error_of(site)
    assert len(site.requests) == 2
    later(monkeypatch, 61)
    site.pages["/search"] = results(PARIS)
    assert ask(site) == [HIT]
    site.pages["/search"] = answer("", status="429 Too Many Requests")
    error_of(site, query="another")
    assert "another 30 s)" in error_of(site, query="another")


@pytest.mark.parametrize(
    ("status", "said", "seconds"),
    [("429 Too Many Requests", 300, 300), ("429 Too Many Requests", 0, 30), ("503 Service Unavailable", 300, 300)],
)
def test_the_server_says_itself_how_long_to_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch, status: str, said: int, seconds: int
) -> None:
    later(monkeypatch, 0)
    site.pages["/search"] = answer("", "text/html", f"Retry-After: {said}", status=status)
    error_of(site)
    assert f"(not asked again for another {seconds} s)" in error_of(site)


def test_failures_at_the_same_time_are_no_failures_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 0)
    pause = Pause("searxng", Cache(user_file()))
    for _ in range(8):
        pause.begin(ProviderFailed("no", pause=2.0))
    with pytest.raises(ProviderFailed, match="another 2 s"):
        pause.check()
    pause.begin(ProviderFailed("wait", pause=300.0))
    with pytest.raises(ProviderFailed, match="wait .*another 300 s"):
        pause.check()


def test_a_pause_that_began_while_the_clock_was_wrong_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 365 * 86400)
    pause = Pause("searxng", Cache(user_file()))
    pause.begin(ProviderFailed("no", pause=600.0))
    with pytest.raises(ProviderFailed, match="another 600 s"):
        pause.check()
    later(monkeypatch, -365 * 86400)
    pause.check()


def test_a_pause_is_that_of_the_settings(site: Site) -> None:
    site.pages |= {"/search": answer("", status="429 Too Many Requests"), "/other/search": results(PARIS)}
    error_of(site)
    assert ask(site, searxng=site.url("/other")) == [HIT]
    assert "not asked again" in error_of(site)
    proxied = replace(OPTIONS, proxy="socks5h://me:secret@127.0.0.1:1080")
    assert _finding._source("ddgs", proxied) != _finding._source("ddgs", OPTIONS)
    assert "secret" not in _finding._source("ddgs", proxied)


def test_a_provider_that_hangs_is_given_up_for_the_next(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, 0)
    monkeypatch.setattr(_finding, "SECONDS", _finding.READING + 1.0)
    site.pages["/search"] = lambda send: threading.Event().wait()
    assert "no answer within 1 s: try again, or check the settings under [plugins.web_search]" in error_of(site)
    assert "not asked again" in error_of(site)


def test_the_whole_share_of_a_provider_is_named_even_if_a_stall_left_less(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 1000.0])
    monkeypatch.setattr(_finding, "time", SimpleNamespace(monotonic=lambda: next(times)))
    assert "no answer within 120 s" in error_of(site)


def test_no_cache_no_memory(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").touch()  # where the folder should be
    site.pages["/search"] = results(PARIS)
    assert ask(site) == ask(site) == [HIT]
    assert len(site.requests) == 2
