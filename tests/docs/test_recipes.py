"""``docs/help/recipes.md``: what does not run in a cell is so, too."""

import ast
import re

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from asteroid_magic.config.session import session
from tests.conftest import end_history
from tests.support.documents import page

PAGE = page("docs/help/recipes.md")


def test_the_configuration_loads_the_extension_with_its_setting() -> None:
    (text,) = re.findall(
        r"```text\n(.*?)```", PAGE.section("Load the extension in each session"), re.DOTALL
    )
    config = Config(HistoryManager={"hist_file": ":memory:"})
    exec(text, {"get_config": lambda: config})  # noqa: S102 (this page's own example)
    assert "asteroid_magic" in config.InteractiveShellApp.extensions.get_value([])
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    try:
        shell.run_line_magic("load_ext", "asteroid_magic")
        assert session.timeout == 60.0
        shell.run_line_magic("unload_ext", "asteroid_magic")
    finally:
        end_history(shell)
        InteractiveShell.clear_instance()


def test_the_other_configuration_is_python() -> None:
    (text,) = re.findall(r"```text\n(.*?)```", PAGE.section("JupyterHub for a team"), re.DOTALL)
    ast.parse(text)
