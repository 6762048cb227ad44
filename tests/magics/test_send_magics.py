"""The magics in a real IPython shell, over real HTTP: what users type, and what they see."""

import gc
import getpass
import sys
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import keyring
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from asteroid_magic import (
    AsteroidError,
    ChatPanel,
    Delivery,
    DryRun,
    InvalidInput,
    NotFound,
    Unauthorized,
)
from asteroid_magic.config import settings
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.config.session import session
from asteroid_magic.constants import DEFAULT_BASE_URL
from asteroid_magic.form import open_views
from asteroid_magic.sandbox import Sandbox
from tests.config.test_settings import MemoryKeyring
from tests.support.outcomes import Seen
from tests.support.shells import Notebook


def test_a_line_is_delivered_and_its_delivery_is_the_result(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    delivery = notebook.run(f"%asteroid_send {run_id} Yes, it costs $5  {{run_id}} — don't!")
    assert isinstance(delivery, Delivery)
    assert delivery.execution_id == run_id
    assert box.messages(run_id) == ["Yes, it costs $5  {run_id} — don't!"]
    assert notebook.shell.user_ns["_"] is delivery
    assert "Delivered" in notebook.text


def test_a_cell_is_delivered_without_its_last_newline(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%%asteroid_send run_id\nDear agent,\n\n  - costs $5\n  - {1+1}\n--quiet\n")
    assert box.messages(run_id) == ["Dear agent,\n\n  - costs $5\n  - {1+1}\n--quiet"]


def test_nothing_in_a_message_is_evaluated(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    notebook.run("%asteroid_send run_id {__import__('os').putenv('X', 'Y')} $run_id {undefined}")
    assert box.messages(run_id) == ["{__import__('os').putenv('X', 'Y')} $run_id {undefined}"]


@pytest.mark.parametrize("word", ["run_id", "$run_id", "{run_id}", "run", "run.id", "$run.id"])
def test_an_execution_may_be_a_variable(
    notebook: Notebook, box: Sandbox, run_id: str, word: str
) -> None:
    notebook.run(f"%asteroid_send {word} hello")
    assert box.messages(run_id) == ["hello"]


def test_a_variable_of_a_function_is_found(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    notebook.run("def answer(target):\n    %asteroid_send target from a function\nanswer(run_id)")
    assert box.messages(run_id) == ["from a function"]


def test_the_result_can_be_assigned(notebook: Notebook) -> None:
    notebook.run("r = %asteroid_send run_id hello")
    assert isinstance(notebook.shell.user_ns["r"], Delivery)
    assert notebook.text == ""


def test_quiet_shows_nothing_and_out_keeps_the_delivery(notebook: Notebook) -> None:
    assert notebook.run("%asteroid_send --quiet --out kept run_id hello") is None
    assert notebook.text == ""
    assert notebook.shell.user_ns["kept"].message == "hello"


def test_a_failure_shows_its_card_then_stops_the_cell_with_one_line(
    notebook: Notebook, box: Sandbox
) -> None:
    notebook.shell.user_ns["kept"] = "as it was"
    box.fail_next(status=404)
    notebook.run("%asteroid_send --out kept run_id hello\nreached = True")
    assert type(notebook.error) is NotFound
    assert "Not delivered" in notebook.html()
    assert "hello" in notebook.html()
    lines = notebook.text.strip().splitlines()
    assert lines[-1].startswith("NotFound: Not delivered.")
    assert "Traceback" not in notebook.text
    assert "client.py" not in notebook.text
    assert "reached" not in notebook.shell.user_ns
    assert notebook.shell.user_ns["kept"] == "as it was"


@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
def test_no_traceback_prints_the_key(notebook: Notebook, box: Sandbox, mode: str) -> None:
    notebook.run(f"%xmode {mode}")
    box.fail_next(drop="after")
    seen = ""
    for cell in ("%asteroid_send run_id hello", "%tb", "%tb Verbose", "%xmode Verbose", "%tb"):
        notebook.run(cell)
        seen += notebook.text + notebook.html()
    assert "May have been delivered" in seen
    assert box.api_key not in seen
    assert "Traceback (most recent call last)" not in seen


def test_a_direct_call_of_the_client_prints_no_key_either(notebook: Notebook, box: Sandbox) -> None:
    box.fail_next(drop="before")
    notebook.run("%xmode Verbose")
    notebook.run(
        "from asteroid_magic import AsteroidClient\nAsteroidClient(timeout=5).send(run_id, 'hello')"
    )
    assert isinstance(notebook.error, AsteroidError)
    assert "May have been delivered" in notebook.text
    assert box.api_key not in notebook.text


def test_a_usage_error_shows_the_usage_line(notebook: Notebook) -> None:
    for cell in ("%asteroid_send --quiet", "%asteroid_send --quite run_id hello"):
        notebook.run(cell)
        assert notebook.text.startswith("UsageError: ")
        assert "%asteroid_send [--wait [SECONDS]]" in notebook.text
        assert "Traceback" not in notebook.text


def test_a_name_that_is_no_variable_shows_its_card_with_the_message(notebook: Notebook) -> None:
    notebook.run("%asteroid_send nobody Please do not lose this")
    assert isinstance(notebook.error, InvalidInput)
    assert "&#39;nobody&#39; is neither an execution ID nor a variable" in notebook.html()
    assert "nobody Please do not lose this" in notebook.html()


@pytest.mark.parametrize("form", ["%asteroid_send run_id {}", "%%asteroid_send run_id\n{}\n"])
def test_braces_of_a_variable_are_sent_as_typed_and_the_card_says_how_to_fill_them(
    notebook: Notebook, box: Sandbox, run_id: str, form: str
) -> None:
    def said() -> str:
        return " ".join(notebook.text.split())

    notebook.shell.user_ns.update(name="Anna", a=1, b=2, c=3)
    text = "Dear {name}, {nowhere} {{a}} {name}"
    delivery = notebook.run(form.replace("{}", text))
    assert box.messages(run_id) == [text]
    assert "The message has {name} as typed." in said()
    assert "add --fill before the execution" in said()
    assert "The message has {name} as typed." in Seen(delivery._repr_html_()).words
    notebook.run(form.replace("{}", "{a} {b} {c} {name}"))
    assert "has {a}, {b}, {c} and 1 more as typed" in said()
    notebook.run(form.replace("run_id", "--dry-run run_id").replace("{}", text))
    assert "The message has {name} as typed." in said()
    for silent in ("{nowhere} {{name}} {1+1}", "name"):
        notebook.run(form.replace("{}", silent))
        assert "as typed" not in said()
    notebook.run(form.replace("run_id", "-f run_id").replace("{}", "{name}"))
    assert box.messages(run_id)[-1] == "Anna"
    assert "as typed" not in said()


def test_an_option_after_the_execution_sends_nothing(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    line = "%asteroid_send run_id --dry-run hi"
    for cell in (line, f"{line}\nx = 1"):
        notebook.run(cell)
        assert notebook.text.startswith("UsageError: Nothing was sent")
        assert "\n%asteroid_send --dry-run run_id hi\n" in notebook.text
        assert "\n%%asteroid_send run_id\n--dry-run hi" in notebook.text
    assert box.messages(run_id) == []


def test_an_empty_message_is_refused(notebook: Notebook) -> None:
    below = [f"%%asteroid_send run_id{end}" for end in ("", "\n", "\r\n", "\n\n")]
    for cell in ("%asteroid_send run_id", "%asteroid_send run_id ''", *below):
        notebook.run(cell)
        assert isinstance(notebook.error, InvalidInput), cell
        assert "Not delivered" in notebook.text, cell
        assert "The message is empty" in notebook.text, cell


def test_a_cell_with_its_message_in_the_first_line_is_told_what_to_type(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    notebook.run("%%asteroid_send run_id Go on.")
    assert "the message starts below the first line" in notebook.text
    assert "'Go on.'" in notebook.text
    assert box.messages(run_id) == []


@pytest.mark.parametrize(
    "cell", ["%asteroid_send --once run_id Go on.", "%%asteroid_send --once run_id\nGo on."]
)
def test_once_sends_a_text_that_the_execution_has_not_yet(
    notebook: Notebook, box: Sandbox, run_id: str, cell: str
) -> None:
    first = notebook.run(cell)
    again = notebook.run(cell)
    assert (first.attempts, again.attempts) == (1, 0)
    assert "so nothing was sent now." in notebook.text
    assert "so nothing was sent now." in Seen(again._repr_html_()).words
    assert again.as_text().startswith("✓ Already delivered to ")
    assert abs(again.sent_at - first.sent_at).total_seconds() < 2
    assert box.messages(run_id) == ["Go on."]
    notebook.run("%asteroid_send --once --wait 0.1 run_id Go on.")
    assert box.messages(run_id) == ["Go on."]


def test_once_sends_nothing_if_it_cannot_look(notebook: Notebook, box: Sandbox) -> None:
    notebook.run(f"%asteroid_send --once {box.foreign_execution_id} Go on.")
    assert type(notebook.error).__name__ == "Forbidden"
    card = Seen(notebook.html()).words
    assert "Nothing was sent" in card
    assert "omit --once" in card


def test_once_is_not_for_batches(notebook: Notebook) -> None:
    notebook.run("%%asteroid_send --each rows --once\n{x}")
    assert "--once works only for one message. With --journal" in notebook.text


@pytest.mark.parametrize("words", ["Are you done? {run}", "Done? run_id", "Is {run} done?"])
def test_an_execution_after_the_message_is_pointed_out(
    notebook: Notebook, box: Sandbox, run_id: str, words: str
) -> None:
    notebook.run(f"%asteroid_send {words.format(run=run_id)}")
    card = Seen(notebook.html()).words
    assert "The execution comes first, then the message: %asteroid_send" in card
    assert words.format(run=run_id) in card
    assert not box.messages(run_id)


def test_a_result_that_the_cell_drops_is_shown(notebook: Notebook) -> None:
    # Without the transformer: as in a cell that loads the extension, or a function.
    send = "get_ipython().run_line_magic('asteroid_send', 'run_id {}')"
    notebook.run(f"{send.format('dropped')}\nkept = {send.format('kept')}\n1")
    (shown,) = notebook.shown
    assert "dropped" in shown.data["text/plain"]
    notebook.run(send.format("last"))
    assert notebook.shown == []
    assert "last" in notebook.text


def test_an_option_at_the_end_is_sent_and_pointed_out(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    delivery = notebook.run("%asteroid_send run_id Are you done? --dry-run")
    assert "The message ends with --dry-run as typed." in delivery.as_text()
    assert box.messages(run_id) == ["Are you done? --dry-run"]
    assert not notebook.run("%%asteroid_send run_id\nAre you done? --dry-run").notes
    notebook.run("%%asteroid_send run_id --dry-run\nhello")
    assert "Nothing was sent. Type options before the execution." in notebook.text


def test_an_id_as_a_list_shows_it_is_enough(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    notebook.run("_ = %asteroid_executions")
    notebook.run(f"%asteroid_send {run_id[:9]}… Go on.")
    assert box.messages(run_id) == ["Go on."]


def test_an_unknown_outcome_names_the_command_that_shows_more(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    box.fail_next(status=503)
    notebook.run("%asteroid_executions")
    notebook.run("%asteroid_send run_id hello")
    assert f"Check with %asteroid_activities {run_id[:8]} before" in Seen(notebook.html()).words


def test_an_id_without_hyphens_works(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    bare = run_id.replace("-", "")
    notebook.run(f"%asteroid_send {bare} One.")
    notebook.shell.user_ns["bare"] = bare.upper()
    notebook.run("%asteroid_send bare Two.")
    assert box.messages(run_id) == ["One.", "Two."]


def test_a_dry_run_shows_the_request_and_sends_nothing(
    notebook: Notebook, box: Sandbox, run_id: str
) -> None:
    dry = notebook.run("%asteroid_send --dry-run --out kept run_id hello")
    assert isinstance(dry, DryRun)
    assert "Not sent (dry run)" in notebook.text
    assert "curl -X POST" in notebook.text
    assert box.api_key not in notebook.text
    assert box.messages(run_id) == []
    assert "kept" not in notebook.shell.user_ns


def test_options_of_the_connection_are_used(notebook: Notebook, box: Sandbox) -> None:
    notebook.run("%asteroid_send --base-url http://odyssey.asteroid.ai run_id hello")
    assert "unencrypted" in notebook.html()
    box.fail_next(delay=30)
    notebook.run("%asteroid_send --timeout 0.2 run_id hello")
    assert "Time ran out" in notebook.html()
    notebook.run("%asteroid_send --timeout -1 run_id hello")
    assert "number of seconds" in notebook.html()


def test_a_wrong_key_is_told(notebook: Notebook) -> None:
    session.key = ApiKey("wrong", "the test")
    notebook.run("%asteroid_send run_id hello")
    assert isinstance(notebook.error, Unauthorized)
    assert "%asteroid_login" in notebook.html()


def test_config_shows_sets_and_checks(
    notebook: Notebook, box: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    notebook.run("%config AsteroidMagics")
    assert box.base_url in notebook.text
    assert box.api_key not in notebook.text
    assert "Seconds a whole send may take" in notebook.text
    notebook.run("%config AsteroidMagics.timeout = 5.0")
    notebook.run("%config AsteroidMagics.confirm_grace = 0.0")
    assert (settings.resolve().timeout, settings.resolve().confirm_grace) == (5, 0)
    for bad, says in (
        ("timeout = -1.0", "number of seconds"),
        ("confirm_grace = -1.0", "number of seconds from 0"),
        ("base_url = 'http://odyssey.asteroid.ai'", "unencrypted"),
    ):
        notebook.run(f"%config AsteroidMagics.{bad}")
        assert says in caplog.text, "IPython logs it, which a notebook shows"
        assert "Traceback" not in notebook.text + caplog.text
    assert settings.resolve().timeout == 5
    assert settings.resolve().base_url == box.base_url
    notebook.run("%config AsteroidMagics.base_url = ''")
    assert settings.resolve().base_url == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    "bad", ["confirm_grace = 'a'", "timeout = -1.0", "base_url = 'http://odyssey.asteroid.ai'"]
)
def test_a_refused_setting_does_not_stop_the_next_load(
    notebook: Notebook, box: Sandbox, run_id: str, bad: str
) -> None:
    notebook.run("%config AsteroidMagics.timeout = 7.0")
    notebook.run(f"%config AsteroidMagics.{bad}")
    notebook.run("%reload_ext asteroid_magic")
    assert notebook.error is None
    assert settings.resolve().timeout == 7, "what was accepted stays"
    session.key = ApiKey(box.api_key, "the test")
    notebook.run("%asteroid_send run_id hello")
    assert box.messages(run_id) == ["hello"]


def test_help_is_good_enough_to_work_from(notebook: Notebook) -> None:
    help_text = notebook.shell.find_line_magic("asteroid_send").__doc__
    for needed in ("EXECUTION", "Examples", "--dry-run", "%%asteroid_send", "may have been"):
        assert needed in help_text
    notebook.run("%asteroid_send?")
    assert notebook.error is None


def typed(answer: str) -> Callable[[str], str]:
    return lambda _prompt: answer


def test_login_keeps_the_key_for_this_session(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    session.key = None
    monkeypatch.setattr(getpass, "getpass", typed(f" {box.api_key}\n"))
    notebook.run("%asteroid_login")
    assert "set for this session" in notebook.text
    assert box.api_key not in notebook.text
    notebook.run("%asteroid_send run_id hello")
    assert box.messages(run_id) == ["hello"]


def test_login_saves_and_forgets(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stored = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(stored)
    try:
        monkeypatch.setattr(getpass, "getpass", typed(box.api_key))
        notebook.run("%asteroid_login --save")
        assert "The system keyring holds it, too." in notebook.text
        assert list(stored.stored.values()) == [box.api_key]
        monkeypatch.setenv("ASTEROID_API_KEY", "other")
        notebook.run("%asteroid_login --forget")
        assert stored.stored == {}
        assert session.key is None
        assert "ASTEROID_API_KEY is still set" in notebook.text
    finally:
        keyring.set_keyring(before)


def test_a_keyring_that_does_not_take_the_key_is_told(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getpass", typed(box.api_key))
    before, stored = keyring.get_keyring(), MemoryKeyring()
    monkeypatch.setattr(stored, "set_password", None)
    keyring.set_keyring(stored)
    try:
        notebook.run("%asteroid_login --save")
    finally:
        keyring.set_keyring(before)
    assert "The API key was not saved" in notebook.html()
    assert box.api_key not in notebook.html() + notebook.text
    assert session.key is not None


def test_without_a_keyring_saving_says_what_to_install(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getpass", typed(box.api_key))
    monkeypatch.setitem(sys.modules, "keyring", None)
    notebook.run("%asteroid_login --save")
    assert "asteroid-magic[keyring]" in Seen(notebook.html()).words
    notebook.run("%asteroid_login --forget")
    assert notebook.error is None


def test_a_key_that_cannot_be_forgotten_is_told(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, stored = keyring.get_keyring(), MemoryKeyring()
    stored.set_password("asteroid-magic", "ASTEROID_API_KEY", "key-4711")
    monkeypatch.setattr(stored, "delete_password", None)
    keyring.set_keyring(stored)
    try:
        notebook.run("%asteroid_login --forget")
    finally:
        keyring.set_keyring(before)
    assert "still holds it" in notebook.text


def test_a_key_typed_into_the_line_is_refused_and_not_repeated(notebook: Notebook) -> None:
    notebook.run("%asteroid_login key-4711")
    assert notebook.text.startswith("UsageError: ")
    assert "get a new key from Asteroid" in notebook.text
    assert "key-4711" not in notebook.text


def test_a_malformed_key_is_refused_and_not_repeated(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook.run("%xmode Verbose")
    monkeypatch.setattr(getpass, "getpass", typed("two words-4711"))
    notebook.run("%asteroid_login")
    assert "holds a character that no key has" in notebook.html()
    assert "4711" not in notebook.html() + notebook.text


def test_a_front_end_that_cannot_ask_or_would_show_the_key_is_told(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def echoing(_prompt: str) -> str:
        warnings.warn("Can not control echo", getpass.GetPassWarning, stacklevel=1)
        return "shown"

    def deaf(_prompt: str) -> str:
        raise EOFError

    for asking, says in ((echoing, "would show the key"), (deaf, "cannot ask for a key")):
        monkeypatch.setattr(getpass, "getpass", asking)
        notebook.run("%asteroid_login")
        assert says in notebook.html()
        assert "ASTEROID_API_KEY" in notebook.html()


def test_an_option_that_login_does_not_have_is_no_key(notebook: Notebook) -> None:
    notebook.run("%asteroid_login --svae")
    assert "takes --save, --forget or nothing" in notebook.text
    assert "history" not in notebook.text


def test_an_interrupt_at_the_prompt_is_told_in_one_line(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", interrupted)
    before = session.key
    notebook.run("%asteroid_login")
    assert "Not done" in notebook.html()
    assert "You interrupted the login" in notebook.html()
    assert "A key that was set before stays in use." in notebook.html()
    assert session.key is before
    assert len(notebook.text.strip().splitlines()) == 1


def test_an_interrupt_while_the_key_is_saved_shows_no_frame_with_it(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: str) -> None:
        raise KeyboardInterrupt

    before, stored = keyring.get_keyring(), MemoryKeyring()
    monkeypatch.setattr(stored, "set_password", interrupted)
    monkeypatch.setattr(getpass, "getpass", typed(box.api_key))
    keyring.set_keyring(stored)
    try:
        seen = ""
        for cell in ("%xmode Verbose", "%asteroid_login --save", "%tb Verbose"):
            notebook.run(cell)
            seen += notebook.text
    finally:
        keyring.set_keyring(before)
    assert "KeyboardInterrupt" in seen
    assert box.api_key not in seen


def test_a_login_says_that_the_sandbox_is_still_in_use(
    notebook: Notebook, box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getpass", typed(box.api_key))
    notebook.run("_ = %asteroid_sandbox")
    notebook.run("%asteroid_login")
    assert "The sandbox is still in use" in notebook.text


def test_without_tornado_the_sandbox_says_what_to_install(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "asteroid_magic.sandbox", None)
    notebook.run("%asteroid_sandbox")
    assert notebook.text.startswith("UsageError: ")
    assert "Traceback" not in notebook.text


def test_show_shows_a_dry_run_too(notebook: Notebook) -> None:
    notebook.run("%asteroid_send --dry-run run_id hello\nx = 1")
    assert "Not sent (dry run)" in notebook.html()


def test_the_start_of_an_id_on_the_card_of_the_sandbox_is_enough(notebook: Notebook) -> None:
    notebook.run("box = %asteroid_sandbox")
    try:
        notebook.run("box.add_waiting(2)")
        notebook.run("%asteroid_sandbox")
        for execution in notebook.shell.user_ns["box"].executions[1:5:3]:
            notebook.run(f"%asteroid_send {execution.id[:8]} Go on.")
            assert notebook.error is None
            notebook.run("run = box.executions[1]")
        assert notebook.shell.user_ns["box"].messages(execution) == ["Go on."]
    finally:
        notebook.run("%asteroid_sandbox --stop")


def test_the_sandbox_magic_needs_no_account_and_undoes_itself(
    shell: InteractiveShell,
) -> None:
    notebook = Notebook(shell)
    notebook.run("%load_ext asteroid_magic")
    notebook.run("%config AsteroidMagics.base_url = 'https://before.invalid'")
    box = notebook.run("box = %asteroid_sandbox\nbox")
    assert isinstance(box, Sandbox)
    for execution in box.executions:
        assert execution.id in notebook.text
    assert notebook.run("%asteroid_sandbox") is box, "a second one is not started"
    notebook.run("run = box.executions[1]")
    notebook.run("%asteroid_send run hello")
    assert box.messages(box.executions[1].id) == ["hello"]
    notebook.run("%asteroid_sandbox --stop")
    assert settings.resolve().base_url == "https://before.invalid/agents/v2"
    assert settings.resolve().key is None
    notebook.run("%asteroid_sandbox --stop")
    assert notebook.error is None
    notebook.run("%asteroid_sandbox --start")
    assert "takes only --stop" in notebook.text


def footprint(shell: InteractiveShell) -> dict[str, Any]:
    manager = shell.magics_manager
    return {
        "line": sorted(manager.magics["line"]),
        "cell": sorted(manager.magics["cell"]),
        "registry": sorted(manager.registry),
        "configurables": len(shell.configurables),
        "cleanup": list(shell.input_transformers_cleanup),
        "post": list(shell.input_transformers_post),
        "tokens": list(shell.input_transformer_manager.token_transformers),
        "lines": list(shell.input_transformer_manager.line_transforms),
        "names": sorted(name for name in shell.user_ns if not name.startswith("_")),
        "completers": list(shell.Completer.custom_matchers),
        "events": {name: len(each) for name, each in shell.events.callbacks.items()},
        "exceptions": shell.custom_exceptions,
        "formatters": {
            name: len(each.type_printers) + len(each.deferred_printers)
            for name, each in shell.display_formatter.formatters.items()  # type: ignore[union-attr]
        },
    }


def test_unloading_leaves_nothing_behind(shell: InteractiveShell) -> None:
    shell.run_cell("%config")  # loads the magics that newer IPython releases load lazily
    before = footprint(shell)
    for _ in range(3):
        shell.run_line_magic("load_ext", "asteroid_magic")
        (ours,) = [one for one in shell.configurables if type(one).__name__ == "AsteroidMagics"]
        shell.run_cell("%config AsteroidMagics.timeout = 5.0\n_ = %asteroid_sandbox")
        gone = weakref.ref(ours)
        del ours
        shell.run_line_magic("reload_ext", "asteroid_magic")
        assert shell.find_line_magic("asteroid_send") is not None
        shell.run_line_magic("unload_ext", "asteroid_magic")
        assert footprint(shell) == before
        assert vars(session) == {
            "base_url": None,
            "timeout": None,
            "confirm_grace": None,
            "max_upload_mb": None,
            "key": None,
            "sandbox": None,
            "seen": {},
        }
    shell.run_cell("%reset -f")
    gc.collect()
    assert gone() is None
    assert shell.find_line_magic("asteroid_send") is None


def test_loading_twice_is_loading_once(notebook: Notebook) -> None:
    before = footprint(notebook.shell)
    notebook.run("import asteroid_magic; asteroid_magic.load_ipython_extension(get_ipython())")
    notebook.shell.user_ns.pop("asteroid_magic")
    assert footprint(notebook.shell) == before


def test_loading_works_again_after_unloading(notebook: Notebook, box: Sandbox, run_id: str) -> None:
    notebook.run("%reload_ext asteroid_magic")
    session.key = ApiKey(box.api_key, "the test")
    notebook.run(f"%asteroid_send --base-url {box.base_url} {run_id} hello again")
    assert box.messages(run_id) == ["hello again"]


def test_a_panel_opens_with_the_list_or_with_a_conversation(
    notebook: Notebook, run_id: str
) -> None:
    with capture_output():
        panel = notebook.run("panel = %asteroid_chat\npanel")
        assert isinstance(panel, ChatPanel)
        assert panel.execution == ""
        for word in (run_id, "run", "run_id", "{run.id}", f"  {run_id.upper()} "):
            panel = notebook.run(f"_p = %asteroid_chat {word}\n_p")
            assert notebook.error is None, word
            assert panel.execution == run_id, word
            panel.close()


@pytest.mark.parametrize("words", ["nobody", "8b07", "run hello there"])
def test_a_panel_of_what_is_no_execution_is_refused(notebook: Notebook, words: str) -> None:
    notebook.run(f"%asteroid_chat {words}")
    assert notebook.error is not None
    assert "asteroid_chat" in notebook.text or "execution" in notebook.text.lower()
    assert not open_views._open


def test_a_panel_is_displayed_by_the_cell_that_makes_it(notebook: Notebook) -> None:
    notebook.run("%asteroid_chat")
    (panel,) = open_views._open.values()
    shown = [set(output.data) for output in notebook.shown]
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} in shown
    assert {"text/html"} in shown
    panel.close()
