"""Where the kernel takes what a front end says to a widget."""

from ipywidgets import Widget


def take_while_busy(widget: Widget) -> None:
    """Let the kernel take what is said to a widget, and to those in it, where the front end asks.

    JupyterLab asks for a subshell, so that a widget can be used while a cell runs. But ipykernel
    7.4 takes it where the widget itself last spoke (``BaseComm._reply_subshell_for``). That is the
    main shell, which waits for the cell, for a widget that speaks on a thread of its own; or, when
    a page was closed and opened again, a subshell that has gone, and what is said is lost.
    """
    comm = widget.comm
    if hasattr(comm, "_reply_subshell_for"):
        # Without this method, the kernel does what the front end asks.
        comm._reply_subshell_for = None  # noqa: SLF001 (there is no public way)
    for child in getattr(widget, "children", ()):
        take_while_busy(child)
