"""The interpretation of the text, as JSON."""

from __future__ import annotations

from service.search.understanding.understand import Understood
from service.search.understanding.vocabulary import Mention
from service.wire.understood import ExcludedOut, UnderstoodFilterOut, UnderstoodOut, Values


def understood_out(understood: Understood) -> UnderstoodOut:
    """The JSON of the interpretation."""
    return UnderstoodOut(
        text=understood.text,
        filter=UnderstoodFilterOut(price=understood.price) if understood.price else None,
        boost=_values(understood.boost),
        excluded=[ExcludedOut(text=one.text, values=_values(one.values)) for one in understood.excluded],
        relaxed=list(understood.relaxed),
    )


def _values(mentions: tuple[Mention, ...]) -> Values:
    found: Values = {}
    for mention in mentions:
        for name, value in mention.values:
            known = found.setdefault(name, [])
            if value not in known:
                known.append(value)
    return found
