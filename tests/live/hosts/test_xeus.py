"""xeus-python, a kernel that is not ipykernel: it refuses an output whose metadata is null."""

import os
from collections.abc import Iterator

import pytest

from asteroid_magic.sandbox import Sandbox
from tests.live.test_kernel import Kernel, new_kernel, shown_as
from tests.support.hosts import needed


@pytest.fixture
def kernel(box: Sandbox) -> Iterator[Kernel]:
    needed("xeus_python_shell", "xpython_launcher")
    reach = {**os.environ, "ASTEROID_API_KEY": box.api_key, "ASTEROID_BASE_URL": box.base_url}
    with new_kernel(kernel_name="xpython", env=reach) as made:
        made.run("%load_ext asteroid_magic")
        yield made


def test_the_magics_and_the_form_show_outputs_that_a_front_end_accepts(
    kernel: Kernel, box: Sandbox
) -> None:
    asking, running = (execution.id for execution in box.executions[:2])
    cells = [
        f"%asteroid_send {running} It's $5, are you done?",
        f"%asteroid_send --wait 30 {asking} Friday",
        "%asteroid_executions",
        f"%asteroid_activities {running}",
        f"%asteroid_watch {running} 1",
        "%asteroid_form",
        f"rows = [{{'execution_id': {running!r}, 'n': n}} for n in range(2)]",
        "%%asteroid_send --each rows\nNumber {n}?",
    ]
    told = []
    for cell in cells:
        reply, shown = kernel.run(cell)
        assert reply["status"] == "ok", cell
        told += shown
    reply, shown = kernel.run("%asteroid_send nobody Please do not lose this.")
    assert reply["status"] == "error"
    assert "nobody Please do not lose this." in shown_as("text/plain", shown)
    assert "InvalidInput: not delivered (see above)" in str(shown)
    outputs = [one["content"] for one in told + shown if "data" in one["content"]]
    outputs = [output for output in outputs if "metadata" in output]
    assert len(outputs) > 8
    assert all(isinstance(output["metadata"], dict) for output in outputs)
    assert sorted(box.messages(running)) == ["It's $5, are you done?", "Number 0?", "Number 1?"]


def test_two_lines_in_a_cell_and_a_rest_of_python(kernel: Kernel, box: Sandbox) -> None:
    running = box.executions[1].id
    kernel.run(f"%%asteroid_send {running}\nIt costs $5,\nor {{six}}?")
    kernel.run(f"sent = %asteroid_send {running} Again?\nprint(sent.outcome)")
    assert box.messages(running) == ["It costs $5,\nor {six}?", "Again?"]


def test_a_usage_error_sends_nothing_but_the_kernel_does_not_report_it_as_an_error(
    kernel: Kernel, box: Sandbox
) -> None:
    reply, shown = kernel.run(f"%asteroid_send --no-such {box.executions[1].id} hello")
    assert reply["status"] == "ok", "as the table of hosts says"
    assert "UsageError: Unknown option" in shown_as("text/plain", shown)
    assert box.messages(box.executions[1].id) == []
