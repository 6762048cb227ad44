"""The classic notebook, as nbclassic serves it."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from asteroid_magic.sandbox import Sandbox
from tests.live.browser.conftest import reach
from tests.support.jupyter import TOKEN, Jupyter, loopback_only
from tests.support.pages import FormPage

READY = """window.Jupyter?.notebook?._fully_loaded && Jupyter.notebook.kernel?.is_connected()"""


def run(page: Page, cell: int) -> str:
    """Run a cell; return the text of its outputs when it has ended."""
    page.evaluate(f"Jupyter.notebook.execute_cells([{cell}])")
    prompt = page.locator(".cell").nth(cell).locator(".input_prompt")
    expect(prompt).to_contain_text(f"[{cell + 1}]")
    return "\n".join(page.locator(".cell").nth(cell).locator(".output_area").all_inner_texts())


def test_the_magics_and_the_form_work_in_nbclassic(
    browser: Browser, jupyter: Jupyter, box: Sandbox, tmp_path: Path
) -> None:
    asking, running = (execution.id for execution in box.executions[:2])
    name = jupyter.add(
        reach(box, tmp_path),
        f"%asteroid_send {running} Costs $5 or $6, <b>ok</b>?",
        "%asteroid_send nobody Please do not lose this.",
        f"%asteroid_send --wait 20 {asking} Friday",
        f"%asteroid_form {running}",
    )
    session_id = jupyter.start_kernel(name)
    try:
        with loopback_only(browser) as page:
            page.goto(f"{jupyter.url}/nbclassic/notebooks/{name}?token={TOKEN}")
            page.wait_for_function(READY)
            run(page, 0)
            assert "Costs $5 or $6, <b>ok</b>?" in run(page, 1)
            refused = run(page, 2)
            assert "Please do not lose this." in refused
            expect(page.locator(".output_error")).to_contain_text(
                "InvalidInput: not delivered (see above)"
            )
            assert "I booked what you said: “Friday”" in run(page, 3)
            assert "This cell waits" not in page.content()
            run(page, 4)
            form = FormPage(page)
            form.deliver("Hello from nbclassic.")
    finally:
        jupyter.stop_kernel(session_id)
    assert box.messages(asking) == ["Friday"]
    assert box.messages(running) == ["Costs $5 or $6, <b>ok</b>?", "Hello from nbclassic."]
