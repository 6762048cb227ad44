"""`ApiKey`: the key, which never shows itself."""

import json
import re
from typing import NoReturn

from ..errors import ConfigurationError

HIDDEN = "[API key]"
# So many characters of a key tell something of it.
SHORTEST_GIVEAWAY = 6

# What a header field may hold (RFC 9110, section 5.5), without the space. Anything else makes
# requests raise an error that quotes the key.
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class ApiKey:
    """An API key that never shows itself: not printed, not pickled, not compared in the open."""

    __slots__ = ("_text", "source")

    def __init__(self, text: str, source: str) -> None:
        stripped = text.strip() if isinstance(text, str) else None
        if stripped is None or not _PRINTABLE.fullmatch(stripped):
            what = "holds a character that no key has" if stripped else "is empty"
            what = f"is no text but {type(text).__name__}" if stripped is None else what
            raise ConfigurationError(
                f"The API key from {source} {what}; a key is printable ASCII without spaces.",
                hint="Copy the key again, the whole of it and nothing else: %asteroid_login.",
            )
        self._text = stripped
        self.source = source

    def reveal(self) -> str:
        """Return the key itself, for the one request header that it goes into."""
        return self._text

    def hide_in(self, text: str) -> str:
        """Return `text` with every occurrence of the key replaced: a server may echo it.

        Also as JSON writes it, in lower case as a host name has it, and cut off at the end.
        """
        for form in (self._text, json.dumps(self._text)[1:-1], self._text.lower()):
            text = text.replace(form, HIDDEN)
        for length in range(len(self._text) - 1, SHORTEST_GIVEAWAY - 1, -1):
            if text.endswith(self._text[:length]):
                return text[:-length] + HIDDEN
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._text == self._text

    def __hash__(self) -> int:
        return hash((ApiKey, self._text))

    def __repr__(self) -> str:
        return f"<API key from {self.source}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key is not pickled: let each process read its own.")
