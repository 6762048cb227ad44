"""The README and the pages of the documentation, as their tests read them."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Blocks in these languages run, each as one cell. Those in other languages, such as text, do not.
RUNNABLE = ("python", "ipython")
_FENCE = re.compile(r"^( *)(`{3,})(.*)\n((?:.*\n)*?)\1\2$", re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, which is the first word of the fence, and its text."""

    language: str
    text: str


@dataclass(frozen=True)
class Document:
    """One page in Markdown."""

    path: Path

    @property
    def name(self) -> str:
        """The path from the root of the project."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @cached_property
    def prose(self) -> str:
        """The page without its fenced blocks."""
        return _FENCE.sub("", self.text)

    @cached_property
    def blocks(self) -> list[Block]:
        """Its fenced blocks, in order."""
        return [Block(found[3].partition(" ")[0], found[4]) for found in _FENCE.finditer(self.text)]

    @property
    def cells(self) -> list[str]:
        """Its examples that run."""
        return [block.text for block in self.blocks if block.language in RUNNABLE]

    @cached_property
    def links(self) -> list[str]:
        """The targets of its links and pictures."""
        return _LINK.findall(re.sub(r"`[^`\n]*`", "", self.prose))

    @cached_property
    def headings(self) -> set[str]:
        """The names by which a link reaches its headings, as GitHub and MyST make them."""
        titles = re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}

    def section(self, title: str) -> str:
        """Return what is below a heading, up to the next one."""
        rest = re.split(rf"^#+ {re.escape(title)}\n", self.text, maxsplit=1, flags=re.MULTILINE)[1]
        return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]

    def first_cells(self, title: str) -> str:
        """Return the first columns of the tables in a section."""
        return "\n".join(re.findall(r"^\| (.*?) \|", self.section(title), re.MULTILINE))

    def leads_to(self, link: str) -> Path:
        """Return the file to which a link leads."""
        target = link.partition("#")[0]
        path = (self.path.parent / target).resolve() if target else self.path
        if path.is_relative_to(DOCS / "notebooks"):
            # Building the site copies the notebooks there.
            path = ROOT / path.relative_to(DOCS)
        return path


def page(name: str) -> Document:
    """Return the page with this path below the root."""
    return Document(ROOT / name)


README = page("README.md")
# Building the site makes the gallery, and copies the notebooks.
MADE = ("_build", "notebooks", "project/gallery.md")
PAGES = [
    Document(path)
    for path in sorted(DOCS.rglob("*.md"))
    if not path.relative_to(DOCS).as_posix().startswith(MADE)
]
