"""Text from outside made harmless: whatever it says, it cannot be read back as structure.

Every marker begins with `<|` or is one of `<eoh> <eot> <eoc> <eor> <eom>`, so it is enough that those
few characters never occur. Their angle brackets are replaced by the single guillemets ‹ ›, which look
alike, are stable under Unicode normalisation and HTML unescaping, and mean nothing to the protocol.
Replacing, unlike deleting, cannot join the two halves of a marker wrapped around another one.

Apply it last, when nothing decodes, strips or normalises the text any more.
Not covered: making text safe for a terminal or for HTML, which is the business of whoever displays it.
"""

import re

_END = re.compile(r"<(eo[htcrm])>")
_OPEN = re.compile(r"<(?=\|)")
_CLOSE = re.compile(r"(?<=‹\|)([^<>‹›\n]{1,40}\|)>")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def neutralise(text: str) -> str:
    """`text` without anything that the protocol, its parser or a tokenizer could take for a marker.

    `<|Human|>:` becomes `‹|Human|›:` and `<eom>` becomes `‹eom›`; `a<b|c>d` stays as it is. Lone
    surrogates, which no tokenizer can encode, become U+FFFD. Applying it twice changes nothing more.
    """
    text = _END.sub(r"‹\1›", text)
    text = _OPEN.sub("‹", text)
    text = _CLOSE.sub(r"\1›", text)
    return _SURROGATE.sub("\ufffd", text)
