"""The documentation, built as its command says, and a reader of its pages."""

import fcntl
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = "sphinx-build -W docs docs/_build/html"
# What a page loads by itself, unlike a link that its reader follows.
LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """The text of a page, the names in it, what it loads, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.names: set[str] = {""}
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.text = file.read_text()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.names.add(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.add(value or "")
            elif (tag, name) in LOADED:
                self.loaded.add(value or "")


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold off other processes that would build the site: a build writes into `docs` as well."""
    with (ROOT / "docs" / "conf.py").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def built(folder: Path) -> dict[str, Page]:
    """Build the site into a folder, without a warning; return its pages by their names.

    A site that another process has built there is read.
    """
    folder = folder.resolve()
    _, *words = shlex.split(COMMAND.replace("docs/_build/html", shlex.quote(str(folder))))
    done = folder / "done"
    with one_at_a_time():
        if not done.exists():
            ran = subprocess.run(
                [sys.executable, "-m", "sphinx", "-q", *words, "-d", folder / "doctrees"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
            done.touch()
    files = folder.rglob("*.html")
    return {file.relative_to(folder).with_suffix("").as_posix(): Page(file) for file in files}
