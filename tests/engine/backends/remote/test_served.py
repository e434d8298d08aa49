"""Finding a model on servers of many kinds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from moss_agent.engine.backends.remote.connection import Connection
from moss_agent.engine.backends.remote.kinds import LLAMA_CPP, PLAIN, TRANSFORMERS, VLLM, ServerKind
from moss_agent.engine.backends.remote.served import connect
from moss_agent.errors import UsageError
from moss_agent.http import sending
from tests.engine.backends.remote.raw_server import RawServer, page, serving


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(sending, "PAUSE", 0.001)


def ok(data: Any) -> list[Any]:
    return [page(200, json.dumps(data).encode())]


def listed(*models: dict[str, Any]) -> list[Any]:
    return ok({"object": "list", "data": [{"object": "model", **model} for model in models]})


def found(pages: dict[str, list[Any]], name: str = "", path: str = "") -> tuple[str, ServerKind, int | None, int]:
    """The model's name, the kind of server, the context length, and how many requests it took."""
    with serving(server := RawServer({path.removesuffix("/v1") + key: answers for key, answers in pages.items()})):
        served = connect(Connection(server.url + path), name)
    return served.name, served.kind, served.context_length, len(server.requests)


QWEN = {"id": "qwen3:latest", "owned_by": "library"}
RUNNING = {"models": [{"name": "other:1b", "context_length": 1}, {"name": "qwen3:latest", "context_length": 8192}]}


@pytest.mark.parametrize("name", ["qwen3", "qwen3:latest"])
def test_ollama_tells_the_context_of_a_loaded_model(name):
    pages = {"/v1/models": listed(QWEN, {"id": "gemma3:4b", "owned_by": "library"}), "/api/ps": ok(RUNNING)}
    assert found(pages, name) == ("qwen3:latest", PLAIN, 8192, 2)


@pytest.mark.parametrize("running", [{"models": []}, {"models": [{"name": "qwen3:latest"}]}, [], {"models": [3]}])
def test_ollama_does_not_tell_that_of_another(running):
    assert found({"/v1/models": listed(QWEN), "/api/ps": ok(running)}) == ("qwen3:latest", PLAIN, None, 2)


def test_a_tag_that_ollama_does_not_have_is_refused():
    with pytest.raises(UsageError, match="no model 'qwen3:8b'; it has: qwen3:latest"):
        found({"/v1/models": listed(QWEN)}, "qwen3:8b")


def test_ollama_with_models_from_elsewhere_only():
    pages = {
        "/v1/models": listed({"id": "hf.co/a/b:Q4", "owned_by": "a"}),
        "/api/ps": ok({"models": [{"name": "hf.co/a/b:Q4", "context_length": 4096}]}),
    }
    assert found(pages)[:3] == ("hf.co/a/b:Q4", PLAIN, 4096)


@pytest.mark.parametrize(("loaded", "context"), [({"loaded_context_length": 4096}, 4096), ({}, None)])
def test_lm_studio_tells_the_context_of_a_loaded_model(loaded, context):
    entry = {"id": "google/gemma-4", "owned_by": "organization_owner"}
    model = {"id": "google/gemma-4", "state": "loaded", "max_context_length": 131072, **loaded}
    pages = {"/v1/models": listed(entry), "/api/v0/models/google/gemma-4": ok(model)}
    assert found(pages) == ("google/gemma-4", PLAIN, context, 2)


@pytest.mark.parametrize(("props", "context"), [({"n_ctx": 4096}, 4096), ({"n_ctx": 0}, None), ({"n_ctx": True}, None)])
def test_llama_cpp_tells_the_context_in_its_properties(props, context):
    pages = {
        "/v1/models": listed({"id": "m.gguf", "owned_by": "llamacpp"}),
        "/props": ok({"default_generation_settings": props}),
    }
    assert found(pages) == ("m.gguf", LLAMA_CPP, context, 2)


def test_vllm_tells_the_context_in_its_list():
    assert found({"/v1/models": listed({"id": "m", "owned_by": "vllm", "max_model_len": 4096})}) == ("m", VLLM, 4096, 1)


def test_transformers_is_known_by_a_page_of_its_own():
    assert found({"/v1/models": listed(), "/load_model": [page(405, b"{}")]}) == ("", TRANSFORMERS, None, 2)


@pytest.mark.parametrize("path", ["/api/v1", "/compatible-mode/v1/", "/api/paas/v4", "/v1beta/openai"])
def test_hosted_servers_stand_below_a_path_and_are_asked_once_more_at_most(path):
    many = [{"id": f"maker/model-{n}", "owned_by": "maker", "context_length": 1000 + n} for n in range(300)]
    key = "/models" if path[-2:] in ("v4", "ai") else "/v1/models"
    base = path.rstrip("/")
    assert found({key: listed(*many)}, "maker/model-7", base) == ("maker/model-7", PLAIN, 1007, 2)


@pytest.mark.parametrize("refusal", [(401, ""), (403, ""), (503, ""), (302, "Location: https://example.com/\r\n")])
def test_what_a_hosted_server_says_to_questions_of_others_is_no_matter(refusal):
    status, head = refusal
    pages = {"/v1/models": listed({"id": "gpt", "owned_by": "openai"}), "/load_model": [page(status, b"", head=head)]}
    assert found(pages, "gpt")[:3] == ("gpt", PLAIN, None)


@pytest.mark.parametrize("models", [[page(404, b"not found")], listed()])
def test_a_server_without_a_list_is_believed_to_have_the_model(models):
    assert found({"/v1/models": models}, "deepseek-chat") == ("deepseek-chat", PLAIN, None, 2)


def test_variants_and_folders_of_listed_models_are_taken():
    openrouter = {"/v1/models": listed({"id": "a/b", "context_length": 9}, {"id": "a/b:free", "context_length": 5})}
    assert found(openrouter, "a/b:nitro")[:3] == ("a/b:nitro", PLAIN, 9)
    assert found(openrouter, "a/b:free")[:3] == ("a/b:free", PLAIN, 5)
    assert found({"/v1/models": listed({"id": "models/gemini"})}, "gemini")[0] == "models/gemini"
    with pytest.raises(UsageError, match="no model 'a/c:free'"):
        found(openrouter, "a/c:free")
