"""What widgets and the pages that show them say to each other, on more than one thread."""

import threading
from typing import Any

from IPython.core.getipython import get_ipython
from ipywidgets import Widget
from traitlets import TraitError

# Held to make, change or close several widgets, to tell a page of all of them, and to take over
# what a page says: traitlets would keep back what another thread changes meanwhile.
CHANGING = threading.RLock()


class Field(Widget):  # type: ignore[misc]
    """A widget that the user changes in a page; it ignores a value that it cannot have.

    ipywidgets would write a trace into the log.
    """

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a page says, or show it again what holds."""
        with CHANGING:
            try:
                super().set_state(sync_data)
            except TraitError:
                self.send_state(list(sync_data))


def tell_of_all_at_once() -> None:
    """Let a page that loads hear of all widgets while no form changes its own.

    ipywidgets (7.7 and 8.1) tells it on the thread of the kernel, or of a subshell. If a widget is
    made meanwhile, that fails with "dictionary changed size during iteration", and the page shows
    no form; if one only changes, the page misses it.
    """
    manager = _comm_manager()
    if manager is not None:
        manager.register_target("jupyter.widget.control", _open_control)


def _comm_manager() -> Any:
    """Return what knows the targets of comms; None outside of a kernel."""
    try:
        from ipywidgets.comm import get_comm_manager  # noqa: PLC0415 (not in version 7)
    except ImportError:
        return getattr(getattr(get_ipython(), "kernel", None), "comm_manager", None)
    return get_comm_manager()


def _open_control(comm: Any, message: dict[str, Any]) -> None:
    Widget.handle_control_comm_opened(comm, message)
    comm.on_msg(_tell_of_all)


def _tell_of_all(message: dict[str, Any]) -> None:
    with CHANGING:
        Widget._handle_control_comm_msg(message)  # noqa: SLF001 (what ipywidgets would call itself)


def take_while_busy(widget: Widget) -> None:
    """Let the kernel take what is said to a widget, and to those in it, where the front end asks.

    JupyterLab asks for a subshell, so that a widget can be used while a cell runs. But ipykernel
    7.4 takes it where the widget itself last spoke (``BaseComm._reply_subshell_for``). That is the
    main shell, which waits for the cell, for a widget that speaks on a thread of its own; or a
    subshell that a front end has ended meanwhile, and what is said is lost.
    """
    comm = widget.comm
    if hasattr(comm, "_reply_subshell_for"):
        # Without this method, the kernel does what the front end asks.
        comm._reply_subshell_for = None  # noqa: SLF001 (there is no public way)
    for child in getattr(widget, "children", ()):
        take_while_busy(child)
