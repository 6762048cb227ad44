"""How a form is shown, and what the notebook itself keeps of it for the day without a kernel."""

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from IPython.display import publish_display_data
from ipywidgets import VBox, Widget

from . import html

if TYPE_CHECKING:
    from .html import Sent


class ShownForm(VBox):  # type: ignore[misc]
    """The outside of a form: the view of its widgets, and its cards as plain HTML below it."""

    # Until it is all there: ipywidgets closes what it cannot finish.
    _is_closed = True

    def __init__(self, rows: Sequence[Widget]) -> None:
        self._form_id = uuid.uuid4().hex[:12]
        self._sends: list[Sent] = []
        super().__init__(rows)
        self.add_class("asteroid-form")
        self.add_class(f"asteroid-form-{self._form_id}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}, {'closed' if self._is_closed else 'open'}>"

    def _ipython_display_(self, **_: Any) -> None:
        if self._is_closed:
            self._keep(update=False)
            return
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        publish_display_data(  # type: ignore[no-untyped-call]
            {
                "application/vnd.jupyter.widget-view+json": view,
                # Where widgets cannot be shown, what is kept below stands for the form.
                "text/html": "",
                "text/plain": html.INSTEAD,
            }
        )
        self._keep(update=False)

    def _keep(self, *, update: bool = True) -> None:
        """Put the cards into the notebook itself, for the day when it has no kernel."""
        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/html": html.kept(self._form_id, self._sends, is_closed=self._is_closed)},
            transient={"display_id": f"asteroid-form-{self._form_id}"},
            update=update,
        )
