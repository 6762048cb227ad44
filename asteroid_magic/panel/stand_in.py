"""The form in the place of a panel, where the page has no front end for the panel."""

from collections.abc import Callable

from ipywidgets import HTML, VBox

from ..client.client import AsteroidClient
from ..form import html
from ..form.form import SendForm
from ..form.open_views import CellRun
from ..form.widgets import close
from ..monitor import Send

WHY = (
    "The panel cannot be shown here: the Jupyter server of this page has no anywidget, or another "
    "version of it than the kernel. This form sends as well."
)


class StandIn:
    """A form below a line that says why it is there.

    It belongs to the cell of its panel, `made_in`, whichever cell the kernel has run since. The
    copy of the panel keeps what it sends: it calls `saves` when there is something new.
    """

    def __init__(
        self,
        execution: str,
        message: str,
        client: AsteroidClient | None,
        *,
        made_in: CellRun | None,
        saves: Callable[[], None],
    ) -> None:
        self._form = SendForm(execution or None, message, client)
        self._form.made_in, self._form.saves = made_in, saves
        self._why = HTML(html.note(WHY))
        self._box = VBox([self._why, self._form])

    @property
    def model_id(self) -> str:
        """The ID of the widget to display."""
        return str(self._box.model_id)

    @property
    def message(self) -> str:
        """What the user has typed."""
        return self._form.message

    @property
    def sends(self) -> tuple[Send, ...]:
        """The last ten messages of the form, newest first."""
        return self._form.sends

    def close(self) -> None:
        """Close the form and what is around it."""
        self._form.close()
        self._close_frame()

    def replace(self) -> None:
        """Close the form for a newer one of its cell, once it has sent."""
        self._form.replace()
        self._close_frame()

    def _close_frame(self) -> None:
        close(self._why)
        close(self._box)
