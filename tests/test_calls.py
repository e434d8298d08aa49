"""The calls of a turn: approved or refused, started, collected."""

from __future__ import annotations

import threading
from types import MappingProxyType

import pytest

from moss_agent import Approval, Conversation, plugin
from moss_agent.errors import Cancelled, UsageError
from moss_agent.events import ApprovalRequested, CallFinished, CallProgress, CallStarted, Notice, Picture
from moss_agent.plugin_host import Plugin, Policy, report
from tests.scripted import scripted_chat

REPLIES = [" x<eot>", ' Write("a"), Echo("b")<eoc>', " Done.<eom>"]


@pytest.fixture
def ran() -> list[str]:
    """What the calls of the test were given."""
    return []


@pytest.fixture
def echoed() -> threading.Event:
    """Set once the call that needs no approval has run; nobody waits for it in a turn that is broken off."""
    return threading.Event()


@pytest.fixture
def plugins(ran, echoed) -> list[Plugin]:
    @plugin("Write", label="Writer", key="write", approval="ask", effects={"files"})
    def write(text: str) -> str:
        ran.append(text)
        return f"wrote {text}"

    @plugin("Echo", label="Echo", key="echo")
    def echo(text: str) -> str:
        ran.append(text)
        echoed.set()
        return text.upper()

    return [write, echo]


@pytest.fixture
def turn(plugins):
    """Return the events of a turn in which one call needs approval, and what the model was told."""

    def take_turn(on_approval=None, decide=None, **options):
        chat, model = scripted_chat(REPLIES, plugins, policy=Policy(**options), on_approval=on_approval)
        events = []
        for event in chat.stream("Hi"):
            events.append(event)
            if decide and isinstance(event, ApprovalRequested):
                chat.approve(event.call_id, decide)
        return events, model.text.partition("<|Results|>:\n")[2].partition("\n<eor>")[0]

    return take_turn


def test_what_would_run_is_asked_about_and_what_needs_no_approval_starts_at_once(turn, ran):
    asked = []

    def on_approval(request: ApprovalRequested) -> Approval:
        asked.append((request.name, request.arguments, request.effects, list(ran)))
        return Approval(True)

    events, told = turn(on_approval)
    kinds = [(type(e), e.index) for e in events if isinstance(e, (ApprovalRequested, CallStarted))]
    assert kinds == [(ApprovalRequested, 0), (CallStarted, 1), (CallStarted, 0)]
    assert [each[:3] for each in asked] == [("Write", ("a",), ("files",))]
    assert "Write(\"a\") => 'wrote a'" in told and sorted(ran) == ["a", "b"]


@pytest.mark.parametrize("decide", [None, Approval(False)])
def test_nobody_there_to_answer_means_refused(turn, ran, decide):
    events, told = turn(decide=decide)
    assert ran == ["b"] and "Write(\"a\") => 'No result.'" in told
    assert [call.error for call in events[-1].calls] == ["refused: it was not approved", ""]


def test_the_model_is_told_the_reason_of_a_refusal(turn):
    events, told = turn(decide=Approval(False, reason="not <eor> today"))
    assert "Write(\"a\") => 'Refused: not ‹eor› today'" in told
    assert (events[-1].calls[0].ok, events[-1].calls[0].error) == (False, "refused: not <eor> today")


def test_a_text_in_place_of_the_edited_arguments_is_refused():
    with pytest.raises(UsageError, match=r"write \('other',\)"):
        Approval(True, arguments="other")


@pytest.mark.parametrize("given", [{"arguments": 5}, {"arguments": ({"a": 1},)}, {"named": ("a",)}])
def test_edited_arguments_that_no_model_could_write_are_refused(given):
    with pytest.raises(UsageError, match="of an Approval must"):
        Approval(True, **given)


def test_edited_arguments_are_recorded_as_a_model_writes_them():
    @plugin("Sum", label="Sum", approval="ask")
    def add(numbers: list[float], times: int = 1) -> str:
        return str(sum(numbers) * times)

    edited = Approval(True, arguments=([1.0, 2.0],), named=MappingProxyType({"times": 2}))
    replies = [" x<eot>", ' Sum(["1"])<eoc>', " y<eom>"]
    chat, _ = scripted_chat(replies, [add], policy=Policy(), on_approval=lambda _: edited)
    (made,) = chat.ask("Hi").calls
    assert (made.result, made.arguments, made.named) == ("6.0", (("1.0", "2.0"),), {"times": 2})
    assert Conversation.from_json(chat.conversation.to_json()) == chat.conversation


def test_a_decision_that_is_none_is_refused_where_it_is_given(plugins, ran):
    chat, _ = scripted_chat(REPLIES, plugins, policy=Policy(), on_approval=lambda request: None)
    for event in chat.stream("Hi"):
        if isinstance(event, ApprovalRequested):
            with pytest.raises(UsageError, match="must be an Approval, not True"):
                chat.approve(event.call_id, True)
            chat.approve(event.call_id, Approval(True))
    assert sorted(ran) == ["a", "b"]


@pytest.mark.parametrize("returned", [True, False])
def test_a_callback_that_returns_no_decision_ends_the_turn(turn, ran, echoed, returned):
    with pytest.raises(UsageError, match=f"must return an Approval or None, not {returned}"):
        turn(lambda request: echoed.wait(60) and returned)
    assert ran == ["b"]


@pytest.mark.parametrize("arguments", [("other",), ["other"]])
def test_a_call_can_be_edited_before_it_runs(turn, ran, arguments):
    events, _ = turn(decide=Approval(True, arguments=arguments))
    assert sorted(ran) == ["b", "other"] and events[-1].calls[0].arguments == ("other",)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ({"arguments": ("2",)}, "2 mi"),
        ({"named": {"to": "ft"}}, "1 ft"),
        ({"arguments": (), "named": {"text": "3"}}, "3 km"),
    ],
)
def test_what_is_not_edited_stays_as_the_model_wrote_it(edit, told):
    @plugin("Convert", label="Convert", approval="ask")
    def convert(text: str, to: str = "km") -> str:
        return f"{text} {to}"

    chat, _ = scripted_chat(
        [" x<eot>", ' Convert("1", to="mi")<eoc>', " y<eom>"],
        [convert],
        policy=Policy(),
        on_approval=lambda _: Approval(True, **edit),
    )
    assert [call.result for call in chat.ask("Hi").calls] == [told]


def test_the_policy_denies_and_allows(turn, ran):
    events, told = turn(rules={"write": "deny", "echo": "allow"})
    assert ran == ["b"] and "denied by the settings" in events[-1].calls[0].error
    assert "No result." in told
    turn(rules={"write": "allow"})
    assert sorted(ran) == ["a", "b", "b"]


def test_a_decision_may_come_later_from_another_thread(plugins, ran):
    chat, _ = scripted_chat(REPLIES, plugins, policy=Policy(), on_approval=lambda request: None)
    requests = []

    def decide() -> None:
        while not requests:
            pass
        chat.approve(requests[0].call_id, Approval(True))

    thread = threading.Thread(target=decide)
    thread.start()
    for event in chat.stream("Hi"):
        requests += [event] if isinstance(event, ApprovalRequested) else []
    thread.join()
    assert sorted(ran) == ["a", "b"]


def test_a_turn_that_waits_for_a_decision_can_be_cancelled(plugins, ran, echoed):
    def on_approval(request: ApprovalRequested) -> None:
        assert echoed.wait(60)
        chat.cancel()

    chat, _ = scripted_chat(REPLIES, plugins, policy=Policy(), on_approval=on_approval)
    with pytest.raises(Cancelled):
        chat.ask("Hi")
    assert ran == ["b"]


def test_only_a_call_that_waits_can_be_decided(plugins, ran):
    chat, _ = scripted_chat(REPLIES, plugins, policy=Policy())
    with pytest.raises(UsageError, match="no turn of this chat is running"):
        chat.approve("1", Approval(True))
    for event in chat.stream("Hi"):
        if isinstance(event, ApprovalRequested):
            chat.approve(event.call_id, Approval(False))
            with pytest.raises(UsageError, match="waits for approval"):
                chat.approve(event.call_id, Approval(True))
    assert ran == ["b"]


@pytest.mark.parametrize("on_approval", [None, lambda request: Approval(True)])
def test_a_call_that_was_decided_without_chat_approve_waits_no_more(plugins, on_approval):
    chat, _ = scripted_chat(REPLIES, plugins, policy=Policy(), on_approval=on_approval)
    refused = 0
    for event in chat.stream("Hi"):
        if isinstance(event, (CallStarted, CallFinished)) and event.index == 0:
            with pytest.raises(UsageError, match="waits for approval"):
                chat.approve(event.call_id, Approval(False))
            refused += 1
    assert refused


def test_events_of_a_drawing_call():
    @plugin("Paint", label="Paint")
    def paint(text: str) -> list[Picture]:
        report(1, 2, b"\x89PNG")
        return [Picture("a.png", text, {"seed": 1}, ("two words are unknown",)), Picture("b.png", text, {"seed": 2})]

    chat, _ = scripted_chat([" x<eot>", ' Paint("a fox")<eoc>', " Here.<eom>"], [paint])
    events = list(chat.stream("Draw"))
    (progress,) = (event for event in events if isinstance(event, CallProgress))
    assert (progress.done, progress.total, progress.preview) == (1, 2, "data:image/png;base64,iVBORw==")
    (finished,) = (event for event in events if isinstance(event, CallFinished))
    assert finished.call.result == "Image generated successfully."
    assert [picture.path for picture in finished.call.images] == ["a.png", "b.png"]
    assert [event.message for event in events if isinstance(event, Notice)] == ["two words are unknown"]
    assert [picture.path for picture in events[-1].images] == ["a.png", "b.png"]
