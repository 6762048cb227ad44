"""Which URLs of an execution become links, and what of them a reader sees."""

from typing import Any

import pytest

from asteroid_magic.models.executions import Execution, read_execution
from asteroid_magic.models.links import link, links_of

GOOD = {
    "https://live.example/a?t=1&u=2#x": ("https://live.example/a?t=1&u=2#x", "live.example"),
    "HTTP://Live.Example:8080/A": ("http://live.example:8080/A", "live.example:8080"),
    "https://bücher.example/": ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
    # Cyrillic letters that look like Latin ones.
    "https://\u0430\u0440\u0440\u04cf\u0435.com": (
        "https://xn--80ak6aa92e.com",
        "xn--80ak6aa92e.com",
    ),
    "https://a.example/\u00e9": ("https://a.example/%C3%A9", "a.example"),
    "http://127.0.0.1:8000/view": ("http://127.0.0.1:8000/view", "127.0.0.1:8000"),
    "http://[::1]:8000/": ("http://[::1]:8000/", "[::1]:8000"),
    "https://a.example/@b?@#@": ("https://a.example/@b?@#@", "a.example"),
    "https://a_b-c.example.": ("https://a_b-c.example.", "a_b-c.example."),
    "http://localhost": ("http://localhost", "localhost"),
    "https://münchen.example/%zz": (
        "https://xn--mnchen-3ya.example/%zz",
        "xn--mnchen-3ya.example",
    ),
}
BAD = [
    *("", " ", "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)"),
    *("\x01javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"),
    *("ftp://a.example", "blob:https://a.example", "about:blank", "//a.example", "/a", "a.example"),
    *("https:", "https://", "https:///a", "https:a.example", "https:/a.example", "http://:80"),
    *("https://user@a.example", "https://user:pass@a.example", "https://@a.example"),
    *("https://a.example@b.example", "https://a.example;@b.example/", "https://a.example:80@b"),
    *("https://a.example\\@b.example", "https:\\\\a.example", "https://a.example\\b"),
    *("https://a.example/\n", "https://a.example/\tb", " https://a.example", "https://a.example "),
    *("https://a.exa\nmple", "https://a.example/\x00", "https://a.example/\x7f"),
    *("https://a.example/\u202egnp", "https://a.example/\u200b", "https://a\u200b.example"),
    *("https://a.example/\u2028", "https://a.example/\ud800", "https://a.example/a\u00a0b"),
    *("https://a..example", "https://.example", "https://-a.example", "https://a-.example"),
    *("https://a.example:99999", "https://a.example:x", "https://a.example:-1"),
    *("https://a%2eexample", "https://a.example%00.b", "https://a,b.example", "https://a*.example"),
    *(
        "http://0x7f.1",
        "http://127.1",
        "http://2130706433",
        "http://127.0.0.01",
        "http://1.2.3.256",
    ),
    *("http://[::1", "http://[::1%25eth0]", "http://[v1.a]", "http://::1/", "https://[a.example]"),
    *("https://\u2100.example", "https://a\uff0fb.example", "https://\U0001f600.example"),
    *(
        'https://a.example/"x',
        "https://a.example/<b>",
        "https://a.example/`",
        "https://a.example/^",
    ),
    f"https://{'a' * 64}.example",
    f"https://{'a.' * 127}example",
    f"https://a.example/{'x' * 4_000}",
    f"https://a.example/{'é' * 1_000}",
    f"https://{'é' * 100}.example",
]


@pytest.mark.parametrize("url", GOOD, ids=ascii)
def test_a_url_with_a_host_is_a_link_that_shows_where_it_leads(url: str) -> None:
    made = link("Live view", url)
    assert made is not None
    assert (made.url, made.host) == GOOD[url]
    assert made.url.isascii()


@pytest.mark.parametrize("url", BAD, ids=ascii)
def test_any_other_url_is_no_link(url: str) -> None:
    assert link("Live view", url) is None


@pytest.mark.parametrize("value", [None, 1, True, [], {}, b"https://a.example", ["https://a.b"]])
def test_what_is_no_text_is_no_link(value: object) -> None:
    assert link("Live view", value) is None


def test_an_execution_has_a_live_view_until_it_ends() -> None:
    urls: dict[str, Any] = {
        "live_view_url": "https://live.example/1",
        "recording_url": "https://rec.example/1",
        "platform_url": "https://run.example/1",
    }

    def names(status: str) -> list[str]:
        return [one.name for one in links_of(Execution(id="x", status=status, **urls))]

    for status in ("running", "paused_by_agent", "some_new_status"):
        assert names(status) == ["Live view", "Recording", "Page of the run"]
    assert names("completed") == ["Recording", "Page of the run"]
    assert links_of(Execution(id="x")) == ()
    assert links_of(Execution(id="x", platform_url="javascript:x()")) == ()


def test_older_names_of_the_links_are_read_too() -> None:
    older = {"browserLiveViewUrl": "https://a.example", "browserRecordingUrl": "https://b.example"}
    read = read_execution(older)
    assert (read.live_view_url, read.recording_url) == ("https://a.example", "https://b.example")
    assert not read.data
    both = read_execution(older | {"liveViewUrl": "https://new.example", "recordingUrl": 1})
    assert (both.live_view_url, both.recording_url) == ("https://new.example", "https://b.example")
