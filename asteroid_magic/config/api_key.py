"""`ApiKey`: an API key that never shows its text."""

import json
import re
from typing import NoReturn

from ..errors import ConfigurationError

HIDDEN = "[API key]"
# The start of a key with this many characters reveals something of it.
SHORTEST_GIVEAWAY = 6

# The characters of a header field (RFC 9110, section 5.5), without the space. With any other,
# requests raises an error that quotes the key.
PRINTABLE = re.compile(r"[\x21-\x7e]+")


class ApiKey:
    """An API key that never shows its text: `repr` hides it, and pickling raises `TypeError`."""

    __slots__ = ("_beginnings", "_forms", "_text", "source")

    def __init__(self, text: str, source: str) -> None:
        stripped = text.strip() if isinstance(text, str) else None
        if stripped is None or not PRINTABLE.fullmatch(stripped):
            what = "holds a character that no key has" if stripped else "is empty"
            what = f"is not text but {type(text).__name__}" if stripped is None else what
            raise ConfigurationError(
                f"The API key from {source} {what}. A key is printable ASCII without spaces.",
                hint="Copy the whole key and nothing else, then run %asteroid_login.",
            )
        self._text = stripped
        self.source = source
        # Worked out here once, not for every answer.
        self._forms = dict.fromkeys((stripped, json.dumps(stripped)[1:-1], stripped.lower()))
        lengths = range(len(stripped) - 1, SHORTEST_GIVEAWAY - 1, -1)
        self._beginnings = tuple(stripped[:length] for length in lengths)

    def reveal(self) -> str:
        """Return the text of the key, for the one request header that needs it."""
        return self._text

    def hide_in(self, text: str) -> str:
        """Return `text` with every occurrence of the key replaced, since a server may echo it.

        This also finds the key as JSON escapes it, in lower case as in a host name, and cut off at
        the end of the text.
        """
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        if text.endswith(self._beginnings):
            longest = next(each for each in self._beginnings if text.endswith(each))
            return text[: -len(longest)] + HIDDEN
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and other._text == self._text

    def __hash__(self) -> int:
        return hash((ApiKey, self._text))

    def __repr__(self) -> str:
        return f"<API key from {self.source}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An API key cannot be pickled. Let each process read its own.")
