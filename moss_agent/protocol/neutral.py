"""Text from outside made harmless: whatever it says, it cannot be read back as structure.

Structure is: the end markers `<eoh> <eot> <eoc> <eor> <eom>`, the headers `<|Human|>:` and their kin, the
numbers of hits and citations `<|3|>`, and the special tokens of tokenizers, `<|endoftext|>` and the like, which
some servers match anywhere in a text. Their angle brackets are replaced by the single guillemets ‹ ›, which
look alike, are stable under Unicode normalisation and HTML unescaping, and mean nothing to the protocol.
Replacing, unlike deleting, cannot join the two halves of a marker wrapped around another one. Everything else
stays as it was written, `a <| b |> c` in F# too.

Apply it last, when nothing decodes, strips, joins or normalises the text any more.
Not covered: making text safe for a terminal or for HTML, which is the business of whoever displays it.
"""

import re

from moss_agent.protocol.markers import SEGMENTS

_END = re.compile(r"<(eo[htcrm])>")
_HEADERS = "|".join(r"\s{1,8}".join(segment.header.strip("<|>:").split()) for segment in SEGMENTS)
_NAMED = re.compile(
    # A name or number right between the bars. One letter is no token of any tokenizer, but common in code.
    rf"<(\|(?:\d|\w[\w.:/-]{{1,98}}|{_HEADERS})\|)>"
    # A header or the number of a hit as a tolerant reader would take it.
    rf"|<(\s{{0,8}}\|\s{{0,8}}(?:\d{{1,98}}|{_HEADERS})\s{{0,8}}\|\s{{0,8}})>(?=\s{{0,8}}[:：])",
    re.IGNORECASE,
)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def neutralise(text: str) -> str:
    """Return `text` without anything that the protocol, its parser or a tokenizer could take for a marker.

    `<|Human|>:` becomes `‹|Human|›:` and `<eom>` becomes `‹eom›`; `a<|b|>c` stays as it is. Lone
    surrogates, which no tokenizer can encode, become U+FFFD. Applying it twice changes nothing more.
    """
    text = _END.sub(r"‹\1›", text)
    text = _NAMED.sub(lambda found: f"‹{found[1] or found[2]}›", text)
    return _SURROGATE.sub("\ufffd", text)


def join_surrogates(text: str) -> str:
    """Join pairs of surrogates to the characters that they stand for; lone ones become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
