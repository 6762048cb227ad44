"""How the tests of the form use it, and what a user sees of it."""

import gc
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import ipywidgets
import pytest

from asteroid_magic import SendForm
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.form import form as form_module
from asteroid_magic.form import open_views
from asteroid_magic.form.html import MOST_ENTRIES
from asteroid_magic.sandbox import Sandbox
from tests.support.monitors import shorten_pauses
from tests.support.outcomes import Seen
from tests.support.waiting import until

OURS = "asteroid-magic "


@pytest.fixture
def account(box: Sandbox) -> Sandbox:
    """A sandbox, with the settings pointing to it."""
    use(box.base_url, box.api_key)
    return box


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Close every form after each test, and wait for their threads to end."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        # There is no mouse here.
        monkeypatch.setattr(form_module, "LONGEST_DOUBLE_CLICK", 0.0)
        shorten_pauses(monkeypatch)
        yield
    open_views.close_all()
    until(lambda: not threads())


def use(base_url: str, key: str = "a-key-of-4711") -> None:
    session.base_url, session.key = base_url, ApiKey(key, "the test")


def threads() -> set[str]:
    """Return what the threads of forms do."""
    names = [one.name for one in threading.enumerate()]
    return {one.removeprefix(OURS) for one in names if one.startswith(OURS)}


def fields(form: SendForm) -> Any:
    return form._fields


def words(widget: ipywidgets.Widget) -> str:
    """Return the words that a user reads in a piece of HTML, or in those in a box."""
    return " ".join(Seen(markup(widget)).words.split())


def markup(widget: ipywidgets.Widget) -> str:
    """Return the HTML of a widget, or of those in a box that the style sheet does not hide."""
    if not isinstance(widget, ipywidgets.Box):
        return str(widget.value)
    is_list = "asteroid-form-entries" in widget._dom_classes
    children = widget.children[-MOST_ENTRIES:] if is_list else widget.children
    return "".join(map(markup, children))


def heading(form: SendForm) -> str:
    """Return the line above the list of executions."""
    return str(fields(form).listing.options[0][0])


def listed(form: SendForm) -> SendForm:
    """Return the form once it has listed the executions, or failed to."""
    until(lambda: "Reading" not in heading(form))
    return form


def read(form: SendForm) -> SendForm:
    """Return the form once it has read the chosen execution, or failed to."""
    until(lambda: words(fields(form).conversation) or words(fields(form).about))
    return form


def frozen_by_browser(form: SendForm) -> None:
    """Report what the browser reports when the user has pressed Send."""
    for one in fields(form)._frozen:
        one.disabled = 1


def sent(form: SendForm, message: str = "Yes, go on.") -> SendForm:
    """Return the form once it has shown the outcome of this message."""
    before = times_of_sends(form)
    form.message = message
    form.submit()
    until(lambda: times_of_sends(form) != before and form._sending is None)
    until(lambda: form.outcomes and form.outcomes[0] is form._sends[0].outcome)
    return form


def times_of_sends(form: SendForm) -> list[datetime]:
    """Return when the sends ended; an outcome itself changes when its reply is there."""
    return [one.at for one in form._sends]


def every_widget() -> list[ipywidgets.Widget]:
    """Return every widget that is open, also those that widgets create for themselves."""
    # By type: reading __class__ would wake the proxies of other tests.
    found = [one for one in gc.get_objects() if issubclass(type(one), ipywidgets.Widget)]
    return [one for one in found if getattr(one, "comm", None) is not None]
