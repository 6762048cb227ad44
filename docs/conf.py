"""How the documentation is built: `sphinx-build -W docs docs/_build/html`, without a network."""

import shutil
import sys
from pathlib import Path

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
nb_execution_raise_on_error = True
nb_execution_timeout = 120
# The cards are HTML. The live form needs a kernel, which a page has not: its copy is shown instead.
nb_mime_priority_overrides = [
    ("html", "application/vnd.jupyter.widget-view+json", None),
    ("html", "text/html", 10),
]
# No page loads anything from another server.
nb_ipywidgets_js = {}

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_rtype = False

# Prompts are not copied.
copybutton_prompt_text = r"In \[\d*\]: |\$ "
copybutton_prompt_is_regexp = True
