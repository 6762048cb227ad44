"""`AsteroidExecutionMagics`: the magics with which a person looks at executions, with their help.

As in `send_magics`, each imports what it needs when it is first used.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import (
    Magics,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..models.delivery import StatusChange
    from ..models.watch import Listing, Transcript, WatchResult

Names = Mapping[str, Any] | None


@magics_class
class AsteroidExecutionMagics(Magics):
    """See what Asteroid's agents do and ask, and pause, resume or cancel them."""

    def __init__(self, shell: "InteractiveShell", **keywords: Any) -> None:
        super().__init__(shell, **keywords)
        self._shell = shell

    @no_var_expand
    @line_magic
    def asteroid_executions(self, line: str) -> "Listing":
        """List the executions, those that wait for a person first, with what they ask.

        %asteroid_executions                         the newest 50
        %asteroid_executions --phase active          those at work: pending, active or terminal
        %asteroid_executions --status paused_by_agent --status running
        %asteroid_executions --limit 200             more of them

        A status is queued, starting, running, paused, paused_by_agent, awaiting_confirmation,
        completed, cancelled or failed.

        From then on the beginning of an ID, 8 or more of its characters, is enough for any magic.
        The result can be gone through, and has to_frame() where pandas is installed.
        """
        from .execution_commands import list_executions

        return list_executions(line)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_activities(self, line: str, local_ns: Names = None) -> "Transcript":
        """Show what was said and done in an execution: its newest 50 activities.

        %asteroid_activities EXECUTION             its ID, the beginning of one seen, a variable
        %asteroid_activities EXECUTION --last 200  the newest 200
        %asteroid_activities EXECUTION --all       everything

        A card has room for 200 kB, and says what it left out; `.activities` of the result holds
        all that was read.
        """
        from .execution_commands import show_activities

        return show_activities(self._shell, line, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_watch(self, line: str, local_ns: Names = None) -> "WatchResult":
        """Watch an execution until it waits for a person, or ends.

        %asteroid_watch EXECUTION          for an hour at most
        %asteroid_watch EXECUTION SECONDS  no longer than this

        One line tells what the agent is doing, and changes as it goes on. Interrupting stops the
        watching, and a Run All, but not the agent.
        """
        from .execution_commands import watch

        return watch(self._shell, line, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_pause(self, line: str, local_ns: Names = None) -> "StatusChange":
        """Pause an execution: %asteroid_pause EXECUTION; %asteroid_resume lets it go on."""
        from .execution_commands import pause

        return pause(self._shell, line, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_resume(self, line: str, local_ns: Names = None) -> "StatusChange":
        """Let a paused execution go on: %asteroid_resume EXECUTION."""
        from .execution_commands import resume

        return resume(self._shell, line, local_ns)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_cancel(self, line: str, local_ns: Names = None) -> "StatusChange":
        """End an execution for good, without asking again: %asteroid_cancel EXECUTION."""
        from .execution_commands import cancel

        return cancel(self._shell, line, local_ns)
