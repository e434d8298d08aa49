"""Pages that cost more than they are worth: the others are read all the same, and nothing of them is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from moss_agent.events import Hit
from moss_agent.plugin_host import PluginRunner, discover, select
from plugins.web_search._page_reader import PageReader
from tests.documents.making import pdf
from tests.plugins.web_search.hostile import PDF, attributes, flate_bomb, nested_entities, pdf_page
from tests.plugins.web_search.site import Site, Write, answer
from tests.plugins.web_search.test_pages import HEIGHT, PATIENT, STORY, found, page

pytestmark = pytest.mark.slow  # real worker processes read real pages

PLUGIN = """
import asyncio, os, resource
from moss_agent.events import Hit
from moss_agent.plugin_host.contract import plugin
from plugins.web_search import _fetching
from plugins.web_search._fetching import PublicNetwork
from plugins.web_search._pages import read

_fetching.CONNECT_SECONDS = _fetching.IDLE_SECONDS = 60.0  # the fixture `time_enough` does not reach this process

@plugin("Read", label="Reader", isolated=True, timeout=300.0)
def read_pages(paths: str, *, site: str = "") -> list[Hit]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    port = int(site.rpartition(":")[2])
    hits = [Hit(f"snippet {path}", "The tower", site + path) for path in paths.split()]
    read_hits = asyncio.run(read("how high is the tower", hits, PublicNetwork({("127.0.0.1", port)}), 120.0))
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return [*read_hits, Hit(str(os.getpid()), str(growth), "worker")]
"""


@pytest.fixture
def search(site: Site, tmp_path: Path) -> Iterator[Callable[..., tuple[dict[str, str], Hit]]]:
    """A search for pages of the site in a worker process: texts by path, and the worker's id and growth in kB."""
    (tmp_path / "read_pages.py").write_text(PLUGIN)
    plugins = select(discover([tmp_path]), ["read_pages"])
    with closing(PluginRunner(plugins, {"read_pages": {"site": site.url("")}})) as runner:

        def run(*paths: str) -> tuple[dict[str, str], Hit]:
            *hits, worker = runner.run("Read", [" ".join(paths)])
            return {hit.url.removeprefix(site.url("")): hit.text for hit in hits}, worker

        yield run


@pytest.mark.slow
def test_two_hostile_pages_of_six_cost_neither_the_others_nor_the_next_search(site: Site, search: Callable) -> None:
    good = [f"/good{n}" for n in range(4)]
    site.pages |= {path: answer(page(STORY, f"{HEIGHT} {path}", STORY)) for path in good}
    site.pages |= {"/bad0": attributes(), "/bad1": attributes()}
    texts, worker = search("/bad0", *good[:2], "/bad1", *good[2:])
    assert texts["/bad0"] == "snippet /bad0" and texts["/bad1"] == "snippet /bad1"
    assert all(HEIGHT in texts[path] for path in good)
    texts, same_worker = search(*good)
    assert all(HEIGHT in texts[path] for path in good)
    assert same_worker.text == worker.text


@pytest.mark.slow
def test_pages_of_many_paragraphs_do_not_grow_the_worker(site: Site, search: Callable) -> None:
    paths = [f"/{n}" for n in range(3)]
    site.pages |= {path: answer("<p>the tower is high" * 12_000) for path in paths}
    site.pages["/good"] = answer(page(STORY, HEIGHT, STORY))
    search("/good")
    texts, worker = search(*paths)
    assert "the tower is high" in " ".join(texts.values())
    assert int(worker.title) < 20_000


BOMBS = {
    "paragraphs": answer("<p>x" * 200_000),
    "table": answer("<table><tr><td>" * 39_000),
    "nesting": answer("<div>" * 39_000 + "the tower is high"),
    "attribute": answer("<p title='" + "y" * 2_000_000),
    "entities": nested_entities(),
    "flate": answer(flate_bomb(bytes(1 << 20), 2000), PDF),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_a_page_without_text(site: Site, bomb: str) -> None:
    site.pages |= {"/bomb": BOMBS[bomb], "/good": answer(page(STORY, HEIGHT, STORY))}
    texts = {hit.url: hit.text for hit in found(site, "/bomb", "/good")}
    assert HEIGHT in texts[site.url("/good")]
    assert len(texts[site.url("/bomb")]) <= len("snippet /bomb")


def test_what_is_still_being_read_at_the_deadline_is_ended(site: Site) -> None:
    site.pages["/"] = attributes()
    threads, processes = set(threading.enumerate()), set(psutil.Process().children(recursive=True))
    assert [hit.text for hit in found(site, "/", seconds=1.0)] == ["snippet /"]
    for thread in set(threading.enumerate()) - threads:
        thread.join(PATIENT)
    readers = [p for p in psutil.Process().children(recursive=True) if p not in processes and p.children()]
    assert not readers  # a server may be left, with no page


def test_a_page_that_kills_its_process_is_a_snippet(site: Site) -> None:
    """The server is killed from outside while it reads, as by a system without memory."""

    def serve_and_kill(send: Write) -> None:
        send(attributes())
        time.sleep(0.3)
        for process in psutil.Process().children():
            if "_page_server.py" in " ".join(process.cmdline()):
                process.kill()

    site.pages["/"] = serve_and_kill
    assert [hit.text for hit in found(site, "/")] == ["snippet /"]
    site.pages["/"] = answer(page(STORY, HEIGHT, STORY))
    assert HEIGHT in found(site, "/")[0].text


def test_a_server_killed_before_it_has_begun_is_not_used_again() -> None:
    for _ in range(10):
        before = psutil.Process().children()
        reader = PageReader()
        for process in set(psutil.Process().children()).difference(before):
            process.kill()
        with pytest.raises((OSError, ValueError)):
            reader.read(b"<p>the tower", "text/html", "")
        assert not reader.is_idle
        reader.kill()


def test_the_text_of_a_pdf_is_read(site: Site) -> None:
    pages = [[f"page {n}", HEIGHT if n == 7 else STORY[:70]] for n in range(9)]
    site.pages["/"] = answer(pdf(pages, title="The tower"), PDF)
    assert HEIGHT in found(site, "/")[0].text


def test_several_pdfs_are_read_at_once(site: Site) -> None:
    paths = [f"/{n}" for n in range(6)]
    site.pages |= {path: answer(pdf([[f"{HEIGHT} {path}"]]), PDF) for path in paths}
    assert {hit.text for hit in found(site, *paths)} == {f"{HEIGHT} {path}" for path in paths}


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7 and no more",
        pdf([[HEIGHT]], password="secret"),
        pdf([[HEIGHT]])[:300],
        pdf_page(b"", ""),
        pdf_page(b"\x00\xff" * 1000, "/Filter /FlateDecode"),
        b"\x89PNG",
    ],
)
def test_a_pdf_that_cannot_be_read_stays_a_snippet(site: Site, data: bytes) -> None:
    site.pages["/"] = answer(data, PDF)
    assert [hit.text for hit in found(site, "/")] == ["snippet /"]
