"""The API reference: every public name is described whole, and has its place on a page."""

import ast
import builtins
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.validate import ERROR_MSGS, validate

from asteroid_magic import errors
from asteroid_magic.errors import AsteroidError
from tests.support.sites import Page

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
# What a user gets from the public names, and does not import.
RETURNED = {
    "asteroid_magic.deadline.Deadline",
    "asteroid_magic.models.Listing",
    "asteroid_magic.models.Transcript",
    "asteroid_magic.models.WatchResult",
    "asteroid_magic.models.report.ErrorGroup",
    "asteroid_magic.models.report.ReportEntry",
    "asteroid_magic.models.report.Rows",
}
PUBLIC = {
    f"{package}.{name}"
    for package in ("asteroid_magic", "asteroid_magic.sandbox")
    for name in import_module(package).__all__
    if name != "__version__"
}
DESCRIBED = sorted(PUBLIC | RETURNED)
# Methods that the rest of the package calls, and no page shows.
INTERNAL = {
    "asteroid_magic.AsteroidClient.requester",
    "asteroid_magic.AsteroidError.about",
    "asteroid_magic.ChatPanel.check_settings",
    "asteroid_magic.ChatPanel.replace",
    "asteroid_magic.ChatPanel.take_over",
    "asteroid_magic.SendForm.check_settings",
    "asteroid_magic.SendForm.replace",
}
# The other methods of a deadline are for the sockets.
SHOWN_OF_DEADLINE = {"cancel", "left", "is_cancelled"}

# What numpydoc may complain of.
UNCHECKED = {
    "GL01",  # the summary stands on the first line, as ruff has it
    "GL02",  # the same for the end of a docstring
    "ES01",  # a summary that says it all needs no more text
    "SA01",  # a page shows what belongs together in one place
    "EX01",  # an example where it helps, not everywhere
    "SS05",  # ruff checks the mood of functions; a class "Sends messages", a property is no command
    "RT02",  # it takes the type for a name in: tuple of (str, bytes)
}


def object_at(name: str) -> Any:
    """Return the object with this dotted name; of a lazy package, too."""
    parts, tail = name.split("."), list[str]()
    while True:
        try:
            found = import_module(".".join(parts))
        except ModuleNotFoundError:
            tail.insert(0, parts.pop())
        else:
            break
    for part in tail:
        found = inspect.getattr_static(found, part, None) or getattr(found, part)
    return found


def members_of(name: str) -> Iterator[str]:
    """Yield the names of the public methods and properties that a class itself has."""
    described = object_at(name)
    if not isinstance(described, type):
        return
    for one, member in vars(described).items():
        is_code = isinstance(member, FunctionType | property | classmethod | staticmethod)
        is_shown = name != "asteroid_magic.deadline.Deadline" or one in SHOWN_OF_DEADLINE
        if not one.startswith("_") and is_code and is_shown:
            yield f"{name}.{one}"


CODE = [*DESCRIBED, *(member for name in DESCRIBED for member in members_of(name))]


def is_given(described: object) -> bool:
    """Return True for records, lists of them and errors: users get them, and do not make them."""
    return isinstance(described, type) and (
        is_dataclass(described) or issubclass(described, Sequence | AsteroidError)
    )


def problems_of(name: str) -> list[str]:
    """Return what numpydoc has to say of a docstring, but for what is not checked."""
    described = object_at(name)
    found = [(code, words) for code, words in validate(name)["errors"] if code not in UNCHECKED]
    if is_given(described):
        # Its attributes are in the place of the parameters.
        found = [(code, words) for code, words in found if code != "PR01"]
    return [f"{code}: {words}" for code, words in found]


def test_what_is_not_checked_is_something_that_could_be() -> None:
    assert set(ERROR_MSGS) > UNCHECKED


# Numpydoc reads every attribute of a class.
@pytest.mark.filterwarnings("ignore:Widget:DeprecationWarning:ipywidgets")
@pytest.mark.filterwarnings("ignore:Widget:DeprecationWarning:inspect")
@pytest.mark.parametrize("name", CODE)
def test_every_public_name_is_described_in_the_sections_of_numpy(name: str) -> None:
    assert not problems_of(name)


def attributes_of(kind: type) -> set[str]:
    """Return the public attributes that a class itself gives its objects."""
    if is_dataclass(kind):
        return {one.name for one in fields(kind)} - {
            one.name for base in kind.__bases__ if is_dataclass(base) for one in fields(base)
        }
    if hasattr(kind, "_fields"):
        return set(kind._fields)
    found = set(inspect.get_annotations(kind))
    if issubclass(kind, AsteroidError):
        # What an error is made with is what a user reads of it.
        init = ast.parse(textwrap.dedent(inspect.getsource(kind)))
        found |= {
            node.attr
            for node in ast.walk(init)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and ast.unparse(node.value) == "self"
        }
        if kind is not AsteroidError:
            found -= attributes_of(AsteroidError)
    return {one for one in found if not one.startswith("_")}


CLASSES = [name for name in DESCRIBED if isinstance(object_at(name), type)]


@pytest.mark.parametrize("name", CLASSES)
def test_every_attribute_is_described_with_its_type(name: str) -> None:
    kind = object_at(name)
    described = NumpyDocString(inspect.cleandoc(kind.__doc__))["Attributes"]
    assert {one.name for one in described} == attributes_of(kind)
    for one in described:
        assert one.type, one.name
        assert "".join(one.desc), one.name
        assert one.desc[-1].endswith("."), one.name


@pytest.mark.parametrize("name", [name for name in CODE if isinstance(object_at(name), property)])
def test_no_property_begins_with_what_sphinx_takes_for_its_type(name: str) -> None:
    summary = re.sub(r"``.*?``", "", inspect.getdoc(object_at(name)) or "").partition("\n")[0]
    assert ":" not in summary


def error_of(node: ast.expr | None, names: dict[str, Any]) -> type[BaseException] | None:
    """Return the class of the error that `raise` has here, None if it is not plain to see."""
    found: Any = None
    match node:
        case ast.Name(id=name):
            found = names.get(name)
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            found = getattr(names.get(module), name, None)
        case ast.Call(func=ast.Attribute(value=ast.Call() as made)):
            # Such as `raise NotFound(…).about(…)`.
            return error_of(made, names)
        case ast.Call(func=made):
            return error_of(made, names)
    return found if isinstance(found, type) and issubclass(found, BaseException) else None


def called(node: ast.Call, names: dict[str, Any], owner: type | None) -> FunctionType | None:
    """Return the function of the package that is called here, None if it is not plain to see."""
    found: Any = None
    match node.func:
        case ast.Name(id=name):
            found = names.get(name)
        case ast.Attribute(value=ast.Name(id="self"), attr=name) if owner is not None:
            found = inspect.getattr_static(owner, name, None)
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            where = names.get(module)
            found = getattr(where, name, None) if isinstance(where, ModuleType) else None
    package = names["__name__"].partition(".")[0]
    is_ours = isinstance(found, FunctionType) and found.__module__.partition(".")[0] == package
    return found if is_ours else None


def raised_by(
    function: FunctionType, owner: type | None, depth: int = 4
) -> set[type[BaseException]]:
    """Return the errors that a function raises, it or what it calls, as far as is plain to see."""
    plain = inspect.unwrap(function)
    names = {**vars(builtins), **plain.__globals__}
    found: set[type[BaseException]] = set()
    for node in walk_unguarded(ast.parse(textwrap.dedent(inspect.getsource(plain)))):
        if isinstance(node, ast.Raise) and (error := error_of(node.exc, names)):
            found.add(error)
        elif isinstance(node, ast.Call) and depth and (helper := called(node, names, owner)):
            found |= raised_by(helper, owner, depth - 1)
    return found


def walk_unguarded(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below this one, but for what an `except` may catch."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.Try) and name == "body" and node.handlers:
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield from walk_unguarded(each)


def raises_in(doc: str | None) -> set[str]:
    """Return the names of the errors that a docstring says are raised."""
    return {one.type for one in NumpyDocString(inspect.cleandoc(doc or ""))["Raises"]}


def unmentioned(function: FunctionType, owner: type | None, doc: str | None) -> set[str]:
    """Return the errors that the function raises and the docstring does not name.

    That all are an `AsteroidError` says nothing of one: another class above it is enough.
    """
    named = raises_in(doc)
    return {
        error.__name__
        for error in raised_by(function, owner)
        if not named & {one.__name__ for one in error.__mro__ if one is not AsteroidError}
        and error is not AsteroidError
    }


@pytest.mark.parametrize("name", CODE)
def test_every_error_that_is_raised_is_named(name: str) -> None:
    described = object_at(name)
    if isinstance(described, type):
        init = None if is_given(described) else vars(described).get("__init__")
        function, owner = init, described
    else:
        function, owner = described, object_at(name.rpartition(".")[0])
    if isinstance(function, FunctionType):
        assert not unmentioned(function, owner, described.__doc__)


@pytest.mark.parametrize("name", CODE)
def test_every_error_that_is_named_exists(name: str) -> None:
    for error in raises_in(object_at(name).__doc__):
        assert issubclass(getattr(errors, error, None) or getattr(builtins, error), Exception)


def count(more: int) -> int:
    """Return the number.

    Raises
    ------
    AsteroidError
        If anything goes wrong.
    """
    check(more)
    return more


def check(more: int) -> None:
    """Check it."""
    if more:
        raise errors.NotFound


@dataclass
class Count:
    """A number."""

    number: int


def test_the_checks_find_what_they_are_for() -> None:
    found = problems_of(f"{__name__}.count")
    assert found == ["PR01: Parameters {'more'} not documented", "RT01: No Returns section found"]
    assert isinstance(count, FunctionType)
    doc = count.__doc__ or ""
    assert unmentioned(count, None, doc) == {"NotFound"}
    assert unmentioned(count, None, doc.replace("AsteroidError", "ApiError")) == set()
    assert attributes_of(Count) == {"number"}


def entries() -> Iterator[tuple[str, str]]:
    """Yield the page and the name of every entry."""
    for page in sorted(REFERENCE.glob("*.md")):
        module = ""
        for kind, name in re.findall(
            r"^\.\. (currentmodule|autoclass|autoexception|autofunction):: (\S+)$",
            page.read_text(),
            re.MULTILINE,
        ):
            if kind == "currentmodule":
                module = name
            else:
                yield page.stem, name if name.startswith("asteroid_magic") else f"{module}.{name}"


def test_every_public_name_has_one_entry() -> None:
    assert sorted(name for _, name in entries()) == DESCRIBED


def test_the_first_page_lists_all_pages() -> None:
    first = (REFERENCE / "index.md").read_text()
    (listed,) = re.findall(r"```\{toctree\}\n:hidden:\n\n(.*?)\n```", first, re.DOTALL)
    pages = {page.stem for page in REFERENCE.glob("*.md")} - {"index"}
    assert set(listed.split()) == pages
    assert set(re.findall(r"\((\w+)\.md\)", first)) == pages


def test_the_page_of_the_client_begins_with_all_that_it_does() -> None:
    name = "asteroid_magic.AsteroidClient"
    listed = re.findall(r"\{py:obj\}`~(.*?)`", (REFERENCE / "client.md").read_text())
    assert sorted(listed) == sorted({*members_of(name)} - INTERNAL)


def test_the_pages_have_every_public_name_and_all_that_it_has(site: dict[str, Page]) -> None:
    for page, name in entries():
        names = site[f"reference/{page}"].names
        assert name in names
        kind = object_at(name)
        attributes = attributes_of(kind) if isinstance(kind, type) else set()
        members = {*members_of(name), *(f"{name}.{one}" for one in attributes)}
        assert members - names == members & INTERNAL
