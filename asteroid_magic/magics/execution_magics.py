"""`AsteroidExecutionMagics`: the magics that list, watch and control executions, with their help.

As in `send_magics`, each magic imports what it needs on first use.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class, needs_local_scope, no_var_expand

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..models.delivery import StatusChange
    from ..models.files import Files
    from ..models.watch import Listing, Transcript, WatchResult

Names = Mapping[str, Any] | None


@magics_class
class AsteroidExecutionMagics(Magics):
    """See what Asteroid's agents do and ask. Pause, resume or cancel their executions."""

    def __init__(self, shell: "InteractiveShell", **keywords: Any) -> None:
        super().__init__(shell, **keywords)
        self._shell = shell

    @no_var_expand
    @line_magic
    def asteroid_executions(self, line: str) -> "Listing":
        """List the executions. Those that wait for you come first, with their questions.

        Usage::

          %asteroid_executions [options]

        Options:

        --phase PHASE
          List only executions in this phase: pending, active or terminal. You can repeat this
          option.

        --status STATUS
          List only executions with this status: queued, starting, running, paused,
          paused_by_agent, awaiting_confirmation, completed, cancelled or failed. You can repeat
          this option.

        --since 24h
          List only executions created in the last 24 hours. Units: w, d, h and m, as in 7d,
          1d12h or 30m.

        --workflow NAME_OR_ID
          List only executions of this workflow. Put a name with spaces in quotes. Asteroid
          filters by the ID; for a name, this searches the newest 2,000 executions.

        --meta KEY=VALUE
          List only executions with this metadata. If you repeat this option, all must match.

        --outcome WORD
          List only executions whose outcome contains this word, such as success.

        --limit N
          List the newest N executions. Default: 50.

        After that, every magic accepts the first 8 or more characters of a listed ID.

        You can loop over the result. With pandas, its to_frame() returns a data frame.

        Examples
        --------
        ::

          In [1]: %asteroid_executions --phase active

          In [2]: %asteroid_executions --status paused_by_agent --status running

        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .execution_commands import list_executions

            return call.returns(list_executions(line))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_activities(self, line: str, local_ns: Names = None) -> "Transcript":
        """Show what was said and done in an execution.

        Usage::

          %asteroid_activities EXECUTION [--last N] [--all]

        EXECUTION is an ID, the first 8 or more characters of it, or a variable that holds one.

        Options:

        --last N
          Show the newest N activities. Default: 50.

        --all
          Show all activities.

        A timeline shows when the agent worked, waited for a person or was paused. A card shows up
        to 200 kB and says what it leaves out. `.activities` of the result holds all activities that
        were read; with pandas, its to_frame() returns a data frame.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .execution_commands import show_activities

            return call.returns(show_activities(self._shell, line, local_ns))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_watch(self, line: str, local_ns: Names = None) -> "WatchResult":
        """Watch an execution until it waits for you or ends.

        Usage::

          %asteroid_watch EXECUTION [SECONDS]

        EXECUTION is an ID, the first 8 or more characters of it, or a variable that holds one.
        SECONDS limits the time. Default: 3,600 (an hour).

        One line shows what the agent is doing now. Interrupt the cell to stop watching. This also
        stops a Run All, but not the agent.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .execution_commands import watch

            return call.returns(watch(self._shell, line, local_ns))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_files(self, line: str, local_ns: Names = None) -> "Files":
        """List the files of an execution, newest first, or save them.

        Usage::

          %asteroid_files EXECUTION [--save FOLDER]

        EXECUTION is an ID, the first 8 or more characters of an ID, or a variable that holds one.

        Options:

        --save FOLDER
          Save the agent's files in this folder. No file is overwritten: a name that is taken gets
          a number. This leaves out the files that were given to the agent, and those in debug and
          tracing. A path with spaces needs quotes.

        You can loop over the result. To save one file: AsteroidClient().download(file, "folder").
        To upload files: %asteroid_send --attach FILE EXECUTION message.
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .file_commands import files

            return call.returns(files(self._shell, line, local_ns))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_pause(self, line: str, local_ns: Names = None) -> "StatusChange":
        """Pause an execution. To continue it, run `%asteroid_resume`.

        Usage::

          %asteroid_pause EXECUTION
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .execution_commands import pause

            return call.returns(pause(self._shell, line, local_ns))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_resume(self, line: str, local_ns: Names = None) -> "StatusChange":
        """Resume a paused execution.

        Usage::

          %asteroid_resume EXECUTION
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .execution_commands import resume

            return call.returns(resume(self._shell, line, local_ns))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def asteroid_cancel(self, line: str, local_ns: Names = None) -> "StatusChange":
        """Cancel an execution for good, without a confirmation prompt.

        Usage::

          %asteroid_cancel EXECUTION
        """
        from .magic_call import MagicCall

        with MagicCall(self._shell) as call:
            from .execution_commands import cancel

            return call.returns(cancel(self._shell, line, local_ns))
