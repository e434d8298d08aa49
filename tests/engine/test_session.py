"""Sessions: whatever was cached, chunked or rewound, the tokens are those of a full recomputation."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import normalizers
from transformers import PreTrainedModel

from moss_agent.cancellation import Cancellation
from moss_agent.engine import scheduler
from moss_agent.engine.attention import leaves_attention
from moss_agent.engine.backends.batched import BatchedBackend, GrowingCache
from moss_agent.engine.backends.transformers import TransformersBackend
from moss_agent.engine.loading import end_tokens
from moss_agent.engine.local import LocalModel, LocalSession
from moss_agent.engine.sequence import Cache
from moss_agent.errors import ContextFull, EngineError, OutOfMemory
from moss_agent.session import Sampling
from tests.engine.tiny import llama, make_model, make_tokenizer, own_attention
from tests.engine.writing import GREEDY, STOPS, write

TEXT = "The agent thinks 思考, writes 😀 commands."
pytestmark = pytest.mark.slow


def open_model(model, tokenizer, **options) -> LocalModel:
    is_own = isinstance(model, PreTrainedModel) and leaves_attention(model)
    backend = BatchedBackend(model) if is_own else TransformersBackend(model)
    ends = end_tokens(model, tokenizer)
    return LocalModel(tokenizer, backend, **{"context_length": 1024, "end_tokens": ends, **options})


def open_session(model, tokenizer, **options) -> LocalSession:
    return open_model(model, tokenizer, **options).session("")


def recompute(model, ids: list[int], count: int) -> list[int]:
    """Greedy decoding without any cache, by the model's own attention."""
    ids = list(ids)
    with torch.inference_mode(), own_attention(model):
        for _ in range(count):
            token = int(model(torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
            if token == 0:
                break
            ids.append(token)
    return ids


def test_decoding_equals_full_recomputation_over_several_rounds(model, tokenizer):
    session = open_session(model, tokenizer)
    for text in (TEXT, " And then?", "\n<|Commands|>:"):
        session.extend(text)
        want = recompute(model, session._sequence.ids, GREEDY.max_new_tokens)
        write(session)
        assert session._sequence.ids == want


def test_prefill_in_chunks_gives_the_same_tokens(model, tokenizer, monkeypatch):
    monkeypatch.setattr(scheduler, "PREFILL_CHUNK", 5)
    session = open_session(model, tokenizer)
    session.extend(TEXT * 3)
    want = recompute(model, session._sequence.ids, GREEDY.max_new_tokens)
    write(session)
    assert session._sequence.ids == want


def test_rewound_session_goes_on_as_if_nothing_had_happened(model, tokenizer):
    session = open_session(model, tokenizer)
    session.extend(TEXT)
    mark = session.length
    first = write(session).text
    session.extend(" something else entirely")
    write(session)
    session.rewind(mark)
    assert session.length == mark
    assert write(session).text == first


def test_only_new_text_is_prefilled(model, tokenizer):
    session = open_session(model, tokenizer)
    session.extend(TEXT * 4)
    before = session.length
    assert write(session).prefilled == before
    held = session.length
    session.extend(" And?")
    second = write(session)
    assert second.prefilled == session.length - second.generated - second.cached < 12
    assert held - 1 <= second.cached <= held  # the last token has been computed if it was guessed


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
def test_pieces_never_split_a_character(tokenizer, text):
    """Whatever the tokens, the joined pieces are the decoded text and no piece ends inside a character."""
    from moss_agent.engine.text_stream import TextStream

    ids = tokenizer.encode(text, add_special_tokens=False)
    stream = TextStream(tokenizer.decode)
    pieces = [stream.push(token) for token in ids] + [stream.flush()]
    assert "".join(pieces) == tokenizer.decode(ids)
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


class Scripted(torch.nn.Module):
    """Wraps a real model and bends its logits so that it writes the given tokens."""

    def __init__(self, model, tokens: list[int]) -> None:
        super().__init__()
        model.set_attn_implementation("eager")
        self.model = model
        self.tokens = list(tokens)
        self.config, self.generation_config, self.device = model.config, model.generation_config, model.device

    def forward(self, input_ids, past_key_values=None, use_cache=None, logits_to_keep=0):
        output = self.model(
            input_ids, past_key_values=past_key_values, use_cache=use_cache, logits_to_keep=logits_to_keep
        )
        if self.tokens:
            output.logits[0, -1, self.tokens.pop(0)] = 1e6
        return output


@pytest.mark.parametrize("surplus", ["", " and more"])
def test_stops_at_a_marker_of_several_tokens(model, tokenizer, surplus):
    ids = tokenizer.encode("I think<eot>" + surplus)
    session = open_session(Scripted(model, ids), tokenizer)
    session.extend("Q")
    written = write(session)
    assert (written.text, written.stop, written.finish) == ("I think", "<eot>", "stop")
    assert tokenizer.decode(session._sequence.ids) == "QI think<eot>"


def test_half_a_character_behind_a_stop_text_is_not_kept(model, tokenizer):
    ids = [*tokenizer.encode("I think<eot"), tokenizer.encode(">")[-1], *tokenizer.encode("😀")[:1]]
    stop = "think<eot>"
    held = [*ids[:-2], *tokenizer.encode(">\ufffd")]
    for written in (ids, held):
        session = open_session(Scripted(model, written), tokenizer)
        session.extend("Q")
        assert write(session, stop=[stop]).stop == stop
        assert tokenizer.decode(session._sequence.ids) == "QI think<eot>"


def test_text_goes_on_without_the_space_that_some_tokenizers_begin_every_text_with(model):
    plain = make_tokenizer([])
    plain.backend_tokenizer.normalizer = normalizers.Prepend(" ")
    session = open_session(model, plain)
    for text in ("agent", " thinks", "and", "writes"):
        session.extend(text)
    session.replace(session.length, "!")
    assert plain.decode(session._sequence.ids) == " agent thinksandwrites!"


def test_a_closed_model_frees_its_weights_and_says_that_it_is_closed(tokenizer):
    inner = make_model(llama)
    opened, held = open_model(inner, tokenizer), weakref.ref(inner)
    session = opened.session("The agent")
    write(session)
    opened.close()
    del inner
    gc.collect()
    assert held() is None
    with pytest.raises(EngineError, match="closed: open another one"):
        write(session)


def test_stops_at_a_marker_of_one_token(model, marker_tokenizer):
    ids = marker_tokenizer.encode("I think<eot>")
    assert len(marker_tokenizer.encode("<eot>")) == 1
    session = open_session(Scripted(model, ids), marker_tokenizer, markers=STOPS)
    session.extend("Q")
    written = write(session)
    assert (written.text, written.stop, written.finish) == ("I think", "<eot>", "stop")


def test_end_token_ends_the_text_and_is_not_kept(model, tokenizer):
    session = open_session(Scripted(model, [*tokenizer.encode("Yes"), 0]), tokenizer)
    session.extend("Q")
    written = write(session)
    assert (written.text, written.stop, written.finish) == ("Yes", "", "end")
    assert tokenizer.decode(session._sequence.ids) == "QYes"


def test_text_that_only_begins_like_a_marker_is_given_in_full(model, tokenizer):
    session = open_session(Scripted(model, [*tokenizer.encode("a <eo"), 0]), tokenizer)
    session.extend("Q")
    assert write(session).text == "a <eo"


def test_text_cannot_smuggle_in_special_tokens(model, marker_tokenizer):
    session = open_session(model, marker_tokenizer, markers=["<eoh>"])
    session.extend("a<|endoftext|>b<eom>c<eoh>")
    special = set(marker_tokenizer.get_added_vocab().values())
    assert [i for i in session._sequence.ids if i in special] == [marker_tokenizer.convert_tokens_to_ids("<eoh>")]
    assert marker_tokenizer.decode(session._sequence.ids) == "a<|endoftext|>b<eom>c<eoh>"


def test_seed_reproduces_sampling_and_another_seed_differs(model, tokenizer):
    sampling = Sampling(temperature=1.5, top_p=0.95, top_k=50, repetition_penalty=1.1, max_new_tokens=20)

    def sample(seed: int) -> list[int]:
        session = open_session(model, tokenizer, seed=seed)
        session.extend(TEXT)
        write(session, sampling)
        return session._sequence.ids

    assert sample(1) == sample(1)
    assert sample(1) != sample(2)


def test_full_context_ends_the_text_and_leaves_room_for_a_marker(model, tokenizer):
    session = open_session(model, tokenizer, context_length=64)
    session.extend("a" * 30)
    assert write(session, Sampling(max_new_tokens=500)).finish == "length"
    session.extend("<eom>")
    with pytest.raises(ContextFull, match="shorten it"):
        session.extend("word " * 100)
    session.rewind(10)
    write(session)


def test_closing_the_iterator_leaves_a_usable_session(model, tokenizer):
    session = open_session(model, tokenizer)
    session.extend(TEXT)
    mark = session.length
    want = write(session).text
    session.rewind(mark)
    pieces = session.generate(STOPS, GREEDY, Cancellation())
    next(pieces)
    pieces.close()
    session.rewind(mark)
    assert write(session).text == want


FAILURES = [
    (torch.OutOfMemoryError("CUDA out of memory"), OutOfMemory),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), OutOfMemory),
    (RuntimeError("some kernel failed"), EngineError),
    (KeyboardInterrupt(), KeyboardInterrupt),
]


@pytest.mark.parametrize(("failure", "raised"), FAILURES, ids=lambda value: getattr(value, "__name__", ""))
def test_failure_in_the_middle_of_the_layers_leaves_a_usable_session(model, tokenizer, failure, raised):
    session = open_session(model, tokenizer)
    session.extend(TEXT)
    write(session)
    session.extend(" and on")
    want = recompute(model, session._sequence.ids, GREEDY.max_new_tokens)

    def fail(*_):
        raise failure

    inner = [m for m in model.modules() if type(m).__name__.endswith("MLP")]
    hook = inner[-1].register_forward_pre_hook(fail)
    try:
        with pytest.raises(raised):
            write(session)
    finally:
        hook.remove()
    write(session)
    assert session._sequence.ids == want


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_an_error(model, tokenizer, bad):
    session = open_session(model, tokenizer)
    session.extend(TEXT)

    def spoil(_module, _args, output):
        output[..., 5] = bad

    hook = model.get_output_embeddings().register_forward_hook(spoil)
    try:
        with pytest.raises(EngineError, match="--dtype"):
            write(session, Sampling(temperature=1.0))
    finally:
        hook.remove()


def test_empty_session_has_nothing_to_continue(model, tokenizer):
    with pytest.raises(EngineError, match="extend the session first"):
        write(open_session(model, tokenizer))


def first_tensor(cache: Cache) -> torch.Tensor:
    return cache._layers[0][0] if isinstance(cache, GrowingCache) else cache.inner.layers[0].keys


def test_close_frees_the_cache(model, tokenizer):
    session = open_session(model, tokenizer)
    session.extend(TEXT)
    write(session)
    held = weakref.ref(first_tensor(session._sequence.cache))
    session.close()
    assert session.length == 0
    assert held() is None


def test_out_of_memory_is_tried_again_with_what_others_give_back(model, tokenizer):
    failures = [torch.OutOfMemoryError("CUDA out of memory")]
    given_back = []

    def release() -> bool:
        given_back.append(True)
        return len(given_back) == 1

    def fail(*_):
        if failures:
            raise failures.pop()

    session = open_session(model, tokenizer, release=release)
    session.extend(TEXT)
    want = recompute(model, session._sequence.ids, GREEDY.max_new_tokens)
    inner = [m for m in model.modules() if type(m).__name__.endswith("MLP")]
    hook = inner[-1].register_forward_pre_hook(fail)
    try:
        write(session)
        assert session._sequence.ids == want and given_back == [True]
        failures.append(torch.OutOfMemoryError("CUDA out of memory"))
        session.rewind(session.length - 1)
        with pytest.raises(OutOfMemory):  # there is nothing left to give
            write(session)
    finally:
        hook.remove()


def test_sessions_with_the_same_preamble_compute_it_once(model, tokenizer):
    opened = open_model(model, tokenizer)
    first, second = opened.session(TEXT), opened.session(TEXT)
    shared = first.length
    for session in (first, second):
        session.extend(" Go on:")
    rest = first.length - shared
    assert (write(first).prefilled, write(second).prefilled) == (shared + rest, rest)
    assert first._sequence.ids == second._sequence.ids == recompute(model, first._sequence.ids[: shared + rest], 12)
    first.rewind(0)
    first.extend(" Go on:")
    again = write(first)
    assert (again.cached, again.prefilled) == (shared, rest)


def test_the_last_preamble_is_kept_and_others_while_a_session_has_them(model, tokenizer):
    opened = open_model(model, tokenizer)

    def prefilled(preamble: str) -> int:
        session = opened.session(preamble)
        session.extend(" Go on:")
        return write(session).prefilled

    first = prefilled(TEXT)
    assert prefilled(TEXT) < first  # no session had it meanwhile
    kept = opened.session(TEXT + " One")
    for preamble in (" Two", " Three"):
        prefilled(TEXT + preamble)
    assert len(opened._prefixes) == 2 and kept._sequence.prefix in opened._prefixes.values()
