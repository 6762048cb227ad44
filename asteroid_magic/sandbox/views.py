"""Where the links of an execution lead: plain pages on the sandbox itself.

A browser that follows a link has no key, so the pages tell nothing of an execution.
"""

from collections.abc import Mapping
from html import escape

from .handlers import JsonHandler
from .problems import Problem

PAGES: Mapping[str, tuple[str, str]] = {
    "live": ("Live view", "Here you would see the browser of the agent, live."),
    "recording": ("Recording", "Here you would see what the browser of the agent showed."),
    "run": ("Page of the run", "Here you would see the run in Asteroid's own pages."),
}


class ViewPage(JsonHandler):
    """``GET /view/{kind}/{executionId}``: a page for a browser, the same for every execution."""

    def get(self, kind: str) -> None:
        """Show the page."""
        if kind not in PAGES:
            raise Problem(404, f"the sandbox serves nothing at {self.request.path}")
        title, words = (escape(text) for text in PAGES[kind])
        self.set_header("Content-Security-Policy", "default-src 'none'")
        page = (
            f'<!DOCTYPE html><html lang="en"><title>{title}: sandbox</title>'
            f"<h1>{title}</h1><p>{words} This is the sandbox, and its agents have no browser.</p>"
        )
        self.send_bytes(page.encode(), "text/html; charset=UTF-8")
