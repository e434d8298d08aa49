"""What reading the pages brings, and what it costs: `python bench/web_search.py` prints two tables.

1. Relevance: a search has six results, and one of their pages holds the sentence that answers the query, among other
   facts and sentences that say little. How often that sentence is in the three hits that the model gets: with the
   first 160 characters of a page as its snippet, with the 160 characters around the query's words, with the pages
   read, and with what is left of that where hits are cut shorter, from a conversation's third turn on. The pages are
   made from `labelled/*.txt`, where a line `? query` belongs to the sentence above it, and are fetched over HTTP.
2. Latency: the same six pages from a slow server, read one after the other and at once.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from statistics import median

from moss_agent.events import Hit
from moss_agent.plugin_host.loading import load_module
from moss_agent.protocol import hit_length, shorten
from moss_agent.resources import bundled

PLUGIN = load_module(bundled("plugins") / "web_search").__name__
fetching, finding, reading = (import_module(name, PLUGIN) for name in ("._fetching", "._finding", "._pages"))
PAGES = reading.PAGES

FACTS = 10  # on one page
SHOWN = 3  # hits that the model gets
SNIPPET = 160  # characters
LITTLE = {
    "en": [
        "There is much more to say about this, and opinions differ.",
        "Many people find the subject interesting once they look into it.",
        "Readers have sent us their questions, which we answer in our next issue.",
        "This article was last checked by our editors in spring.",
        "How long it takes and what it costs depends on where you live.",
        "Subscribe to our newsletter to learn when new articles appear.",
    ],
    "zh": [
        "关于这个话题，大家的看法不尽相同，值得慢慢了解。",
        "很多人第一次听说的时候都觉得很有意思。",
        "读者来信提出了不少问题，我们将在下期回答。",
        "本文由编辑部在今年春天再次核对。",
        "需要多少时间、花多少钱，取决于你住在哪里。",
        "欢迎订阅我们的电子报，第一时间收到新文章。",
    ],
}


def labelled(language: str) -> list[tuple[str, list[str]]]:
    """Sentences with their queries."""
    facts: list[tuple[str, list[str]]] = []
    for line in (
        Path(__file__).with_name("labelled").joinpath(f"{language}.txt").read_text(encoding="utf-8").splitlines()
    ):
        if line.startswith("? "):
            facts[-1][1].append(line[2:])
        elif line and not line.startswith("! "):
            facts.append((line, []))
    return facts


def article(facts: Sequence[str], language: str, chance: random.Random) -> list[str]:
    """Paragraphs: the facts in any order, each between sentences that say little."""
    gap = " " if language == "en" else ""
    some = lambda: chance.sample(LITTLE[language], 3)  # noqa: E731
    return [gap.join([*some(), fact, *some()]) for fact in chance.sample(facts, len(facts))]


def page(paragraphs: Sequence[str]) -> str:
    menu = "".join(f"<li><a href='/{n}'>Topic {n}</a></li>" for n in range(30))
    text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return f"<html><body><nav><ul>{menu}</ul></nav><article>{text}</article><footer>Imprint</footer></body></html>"


def around(query: str, text: str) -> str:
    """The part of a text that has most of the query's words, as search engines choose it."""
    words = set(re.findall(r"[a-z0-9]{3,}", query.lower())) | {query[i : i + 2] for i in range(len(query) - 1)}
    starts = range(0, max(1, len(text) - SNIPPET), SNIPPET // 4)
    return max((text[i : i + SNIPPET] for i in starts), key=lambda part: sum(word in part.lower() for word in words))


@contextmanager
def server(pages: dict[str, str], delay: Callable[[str], float] = lambda path: 0.0) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delay(self.path))
            body = pages[self.path].encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.handle_error = lambda *_: None  # a page that came too late is not waited for
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield http.server_port
        http.shutdown()


def hits_read(query: str, hits: list[Hit], port: int) -> list[Hit]:
    network = fetching.PublicNetwork({("127.0.0.1", port)})
    return asyncio.run(reading.read(query, hits, network, finding.READING))


def relevance(language: str) -> None:
    chance, facts = random.Random(1), labelled(language)
    groups = [facts[i : i + FACTS] for i in range(0, len(facts) - FACTS + 1, FACTS)]
    articles = [article([fact for fact, _ in group], language, chance) for group in groups]
    pages = {f"/{i}": page(paragraphs) for i, paragraphs in enumerate(articles)}
    texts = ["".join(paragraphs) for paragraphs in articles]
    found, seconds = [0] * 4, []
    with server(pages) as port:
        for right, group in enumerate(groups):
            for fact, query in ((fact, query) for fact, queries in group for query in queries):
                results = search(right, len(groups), chance)
                started = time.perf_counter()
                read_texts = texts_read(query, [texts[i] for i in results], [f"/{i}" for i in results], port)
                seconds.append(time.perf_counter() - started)
                ways = (
                    [texts[i][:SNIPPET] for i in results],
                    [around(query, texts[i]) for i in results],
                    read_texts,
                    [shorten(text, hit_length(turn=3)) for text in read_texts],
                )
                for way, shown in enumerate(ways):
                    found[way] += any(fact in text for text in shown[:SHOWN])
    shares = "".join(f"{count / len(seconds):10.1%}" for count in found)
    print(f"{language:8} {len(seconds):7}{shares} {median(seconds) * 1000:8.0f} ms")


def search(right: int, pages: int, chance: random.Random) -> list[int]:
    """Six pages in the order of a search engine: the right one is among the first three."""
    others = [(right + step) % pages for step in range(1, PAGES)]
    place = chance.randrange(SHOWN)
    return [*others[:place], right, *others[place:]]


def texts_read(query: str, texts: Sequence[str], paths: Sequence[str], port: int) -> list[str]:
    hits = [
        Hit(around(query, text), "", f"http://127.0.0.1:{port}{path}") for text, path in zip(texts, paths, strict=True)
    ]
    return [hit.text for hit in hits_read(query, hits, port)]


def latency() -> None:
    chance = random.Random(2)
    texts = {f"/{i}": page(article([fact for fact, _ in labelled("en")[:40]], "en", chance)) for i in range(PAGES)}
    print(f"\n{'server answers after':>26} {'in turn':>8} {'at once':>8} {'ratio':>6}")
    for name, delay in {
        "0.1 s": lambda path: 0.1,
        "0.3 s": lambda path: 0.3,
        "0.3 s, one page after 5 s": lambda path: 5.0 if path == "/3" else 0.3,
    }.items():
        with server(texts, delay) as port:
            hits = [Hit("snippet", "", f"http://127.0.0.1:{port}{path}") for path in texts]
            started = time.perf_counter()
            for hit in hits:
                hits_read("walrus tusks", [hit], port)
            middle = time.perf_counter()
            hits_read("walrus tusks", hits, port)
            serial, once = middle - started, time.perf_counter() - middle
        print(f"{name:>26} {serial:6.2f} s {once:6.2f} s {serial / once:6.1f}")


def main() -> None:
    print(f"{'language':8} {'queries':>7} {'lead':>9} {'around':>9} {'read':>9} {'read, cut':>9} {'median':>11}")
    for language in LITTLE:
        relevance(language)
    latency()


if __name__ == "__main__":
    main()
