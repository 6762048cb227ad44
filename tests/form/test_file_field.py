"""Files that go before the message of a form."""

import pytest

from asteroid_magic import SendForm
from asteroid_magic.form.file_field import FileField
from asteroid_magic.sandbox import Sandbox
from tests.support.sandboxes import asking, running
from tests.support.waiting import until

from .conftest import fields, frozen_by_browser, read, words

PLAN = ("plan <ü>.txt", b"Line one\n" * 300)
PICTURE = ("picture.png", bytes(range(256)))


def test_it_holds_exactly_what_it_is_given() -> None:
    field = FileField()
    assert field.files == ()
    for files in ((PLAN, PICTURE), (PICTURE,), (), (PLAN,)):
        field.hold(files)
        assert field.files == files
    field.close()


def pressed(form: SendForm, message: str) -> None:
    """Press Send in the browser, and wait until the form can send again."""
    fields(form).message.value = message
    before = len(form.outcomes)
    fields(form).send.index = 1
    frozen_by_browser(form)
    until(lambda: len(form.outcomes) > before)


def test_the_files_go_before_the_message_and_are_then_detached(account: Sandbox) -> None:
    run = asking(account)
    form = read(SendForm(run))
    fields(form).attach.hold((PLAN, PICTURE))
    assert "With the message go: plan <ü>.txt (2.7 kB), picture.png (256 bytes)" in words(
        fields(form).attached
    )
    pressed(form, "Here they are.")
    assert form.outcomes[0].outcome == "delivered"
    assert account.files(run)[PLAN[0]] == PLAN[1]
    assert account.files(run)[PICTURE[0]] == PICTURE[1]
    assert fields(form).attach.files == ()
    assert fields(form).attached.value == ""
    until(lambda: "Uploaded before the message: " in words(fields(form).conversation))
    assert account.messages(run) == ["Here they are."]


@pytest.mark.parametrize(
    ("fault", "left"), [({"status": 400}, (PICTURE,)), ({"drop": "before"}, ())]
)
def test_what_did_not_arrive_stays_attached_and_the_message_is_not_sent(
    account: Sandbox, fault: dict[str, object], left: tuple[tuple[str, bytes], ...]
) -> None:
    run = running(account)
    form = read(SendForm(run))
    fields(form).attach.hold((PLAN, PICTURE))
    account.fail_next(delay=0.01, of="upload")
    account.fail_next(of="upload", **fault)  # type: ignore[arg-type]
    pressed(form, "See both.")
    assert form.outcomes[0].outcome == "not_delivered"
    assert form.message == "See both."
    assert fields(form).attach.files == left
    shown = words(fields(form).cards)
    assert "The message was not sent, because a file" in shown
    assert "picture.png (256 bytes): " in shown
    assert account.messages(run) == []
    pressed(form, "See both.")
    assert account.messages(run) == ["See both."]
    assert (PICTURE[0] in account.files(run)) == bool(left)


def test_a_new_run_of_the_cell_keeps_the_files_with_the_text(account: Sandbox) -> None:
    run = running(account)
    first = read(SendForm(run))
    first.message = "See the plan."
    fields(first).attach.hold((PLAN,))
    second = SendForm(run)
    second._take_over(first)
    assert second.message == "See the plan."
    assert fields(second).attach.files == (PLAN,)
