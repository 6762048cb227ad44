"""The API reference: every public name has its words, and the pages made of them hold together."""

import inspect
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import FunctionType
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
(COMMAND,) = re.findall(
    r"^pdoc (-o docs/api .*?) *(?:#.*)?$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
)
PACKAGES = [word for word in shlex.split(COMMAND) if word.startswith("asteroid_magic")]
PUBLIC = [
    getattr(import_module(package), name)
    for package in PACKAGES
    for name in import_module(package).__all__
    if name != "__version__"
]


def test_every_name_that_is_public_is_in_the_reference() -> None:
    assert PACKAGES == ["asteroid_magic", "asteroid_magic.sandbox"]


def undescribed(kind: type) -> Iterator[str]:
    """Yield the public names of a class that neither it nor a class above it describes."""
    said = "\n".join(each.__doc__ or "" for each in kind.__mro__ if each is not object)
    for name in {*vars(kind), *inspect.get_annotations(kind)}:
        if name.startswith("_"):
            continue
        member = inspect.getattr_static(kind, name, None)
        is_code = callable(member) or isinstance(member, property | classmethod | staticmethod)
        if not (inspect.getdoc(member) if is_code else re.search(rf"`{name}`", said)):
            yield name


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.__name__)
def test_every_public_name_is_described(public: type | FunctionType) -> None:
    # A dataclass without a docstring gets its signature as one.
    assert not (public.__doc__ or "").startswith(f"{public.__name__}(")
    assert public.__doc__
    if isinstance(public, type):
        assert not list(undescribed(public))


class Page(HTMLParser):
    """The names that a page has, and where its links lead."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.links: set[str] = set()
        self.feed(file.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.names.add(found.get("id") or "")
        if tag == "a" and (link := found.get("href")):
            self.links.add(link)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """What the command of CONTRIBUTING.md makes; it has nothing to complain of."""
    pytest.importorskip("pdoc", reason="the reference needs the extra [dev]")
    folder = tmp_path_factory.mktemp("api")
    words = shlex.split(COMMAND.replace("docs/api", shlex.quote(str(folder))))
    ran = subprocess.run(
        [sys.executable, "-m", "pdoc", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return {file.resolve(): Page(file) for file in folder.rglob("*.html")}


def test_its_pages_have_every_public_name(pages: dict[Path, Page]) -> None:
    names = {name for page in pages.values() for name in page.names}
    assert {public.__name__ for public in PUBLIC} <= names


def test_its_links_lead_somewhere(pages: dict[Path, Page]) -> None:
    followed = 0
    for file, page in pages.items():
        for link in page.links:
            if not link.startswith("http"):
                target, _, name = unquote(link).partition("#")
                there = pages[(file.parent / target).resolve() if target else file]
                assert not name or name in there.names, f"{file.name}: {link}"
                followed += 1
    assert followed > len(PUBLIC)
