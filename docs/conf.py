"""How the documentation is built: `sphinx-build -W docs docs/_build/html`, without a network."""

import ast
import asyncio
import inspect
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import is_dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError

import asteroid_magic
from asteroid_magic import __version__

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.support import gallery  # noqa: E402 (its place is known only now)

gallery.write(HERE / "project")
# Sphinx reads pages below this folder only; the notebooks stand beside it, for those who run them.
NOTEBOOKS = HERE / "notebooks"
shutil.rmtree(NOTEBOOKS, ignore_errors=True)
shutil.copytree(HERE.parent / "notebooks", NOTEBOOKS, ignore=shutil.ignore_patterns(".*"))

project = "asteroid-magic"
author = "The asteroid-magic authors"
project_copyright = author
version = release = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
# In a docstring, `name` is code.
default_role = "code"

html_theme = "furo"
html_title = f"asteroid-magic {__version__}"
html_copy_source = False
html_show_sphinx = False

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

# Each notebook runs anew, against the sandbox that it starts, and a cell that fails ends the build
# unless its page expects that.
nb_execution_mode = "force"
nb_execution_timeout = 120
# The cards are HTML. The live form needs a kernel, which a page has not: its copy is shown instead.
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "text/html", 10),
]
# No page loads anything from another server.
nb_ipywidgets_js = {}

autodoc_member_order = "bysource"
# Properties show their type; signatures do not, because the parameters below them do.
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_use_rtype = False

# Prompts are not copied.
copybutton_prompt_text = r"In \[\d*\]: |\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True


async def run(file: Path, patience: int) -> None:
    """Run a notebook, each cell for so many seconds at most, and keep what the cells show."""
    notebook = nbformat.read(file, as_version=4)
    place = {"metadata": {"path": str(file.parent)}}
    try:
        await NotebookClient(notebook, timeout=patience, resources=place).async_execute()
    except (CellExecutionError, CellTimeoutError) as error:
        raise ExtensionError(f"A cell of {file.name} has failed: {error}") from error
    nbformat.write(notebook, file)


def run_notebooks(_app: Sphinx, config: Config) -> None:
    """Run all notebooks at once, instead of one after the other: they mostly wait for agents."""

    async def run_all() -> None:
        files = NOTEBOOKS.glob("*.ipynb")
        await asyncio.gather(*(run(file, config.nb_execution_timeout) for file in files))

    if config.nb_execution_mode == "force":
        asyncio.run(run_all())
        config.nb_execution_mode = "off"


def without_types(
    _app: Sphinx,
    kind: str,
    _name: str,
    described: object,
    _options: object,
    signature: str | None,
    _returned: str | None,
) -> tuple[str, None] | None:
    """Return a signature with the names and defaults of its parameters.

    Records, lists of them and errors have none: users get them, and do not make them.
    """
    if not signature:
        # Sphinx before 9 gives an empty one for a property.
        return None
    is_class = isinstance(described, type)
    is_list = is_class and issubclass(described, Sequence)
    if kind == "exception" or is_list or is_dataclass(described):
        return "", None
    if is_class:
        # That of a widget would be the one of traitlets, which takes anything.
        signature = str(inspect.signature(described.__init__)).replace("self, ", "", 1)
    (function,) = ast.parse(f"def _{signature}: ...").body
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            node.annotation = None
    return ast.unparse(function).partition("\n")[0].removeprefix("def _").removesuffix(":"), None


def linked(types: str) -> str:
    """Return the types of a `Returns` section, with links to the public ones."""
    return " ".join(
        f":py:obj:`~asteroid_magic.{word}`" if word in asteroid_magic.__all__ else f"*{word}*"
        for word in types.split()
    )


def with_types_in_line(
    _app: Sphinx, _kind: str, _name: str, _object: object, _options: object, lines: list[str]
) -> None:
    """Write the type of each attribute beside its name, as that of a property; link the others."""
    began = 0
    for at, line in enumerate(lines):
        lines[at] = re.sub(r"(?<=^:returns: )\*([^*]+)\*", lambda found: linked(found[1]), line)
        if line.startswith(".. attribute:: "):
            began = at
        elif line.startswith("   :type: ") and began:
            # Napoleon has put it below the description.
            lines.insert(began + 1, lines.pop(at).replace(" or ", " | "))
            began = 0


def setup(app: Sphinx) -> None:
    """Run the notebooks, and shorten what autodoc and napoleon make."""
    app.connect("config-inited", run_notebooks)
    app.connect("autodoc-process-signature", without_types)
    # After napoleon, which has the usual priority of 500.
    app.connect("autodoc-process-docstring", with_types_in_line, priority=501)
