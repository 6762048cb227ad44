"""The template engine: it escapes every string and makes invisible characters visible.

What it draws is inert also where it is read as Markdown: exports of notebooks put HTML between
Markdown. So it contains no blank line, which would end the HTML (hazard 37), and escapes what
Markdown, TeX and templates take for their own marks.
"""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..text import escaped, visible


@cache
def environment(*packages: str) -> Environment:
    """Return the engine for the templates of `packages` and of this package."""
    loaders = [PackageLoader(package) for package in (*packages, "asteroid_magic.render")]
    return Environment(
        loader=ChoiceLoader(loaders),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Here rather than in the templates, so that no expression can omit it.
        finalize=lambda value: Markup(escaped(visible(str(value), joiners=True))),  # noqa: S704 (escaped)
    )


def draw(template: str, *packages: str, **values: object) -> str:
    """Return a template filled with these values, all of them escaped."""
    return environment(*packages).get_template(template).render(**values)
