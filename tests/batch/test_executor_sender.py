"""Batches that other processes send: pools of `concurrent.futures`, and a real cluster of Dask."""

import _thread
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from asteroid_magic import AsteroidClient, ConfigurationError, DeliveryUnknown, send_many
from asteroid_magic.batch import executor_sender, throttle
from asteroid_magic.batch.executor_sender import KEY_NEEDED, RemoteTask, deliver, mark_of
from asteroid_magic.client.retry import Backoff
from asteroid_magic.config.api_key import ApiKey
from asteroid_magic.sandbox import Sandbox
from tests.support.batches import Send
from tests.support.outcomes import ID
from tests.support.waiting import until

Row = tuple[str, str]
KEY = "a-key-that-nobody-else-has"
# Two threads of a worker of the cluster, with a task of four messages each.
MOST_IN_A_WORKER = 8


@pytest.fixture
def client(box: Sandbox) -> Iterator[AsteroidClient]:
    with AsteroidClient(box.api_key, box.base_url, confirm_grace=1) as made:
        yield made


@pytest.fixture
def hasty(box: Sandbox) -> Iterator[AsteroidClient]:
    """A client that looks for what is not there only for a moment."""
    with AsteroidClient(box.api_key, box.base_url, confirm_grace=0.05) as made:
        yield made


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy server that does not say for how long, in whole seconds, gets a short pause."""
    monkeypatch.setattr(throttle, "BUSY_SERVER", Backoff(0.1, 0.4))


def texts(run_id: str, count: int, word: str = "message") -> list[Row]:
    """Return rows, each text twice."""
    return [(run_id, f"{word} {number // 2}") for number in range(count)]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as made:
        yield made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = import_module("distributed")
    # Any port: also one that has no dashboard serves its state, and warns where 8787 is taken.
    quiet = {"silence_logs": logging.CRITICAL, "dashboard_address": "127.0.0.1:0"}
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, **quiet) as local,
        distributed.Client(local) as made,
    ):
        yield made


def test_a_pool_of_processes_sends_each_message_once(
    box: Sandbox, run_id: str, client: AsteroidClient, pool: Executor, tmp_path: Path
) -> None:
    rows = texts(run_id, 120)
    box.fail_next(status=400)
    box.fail_next(status=429, retry_after=0.2)
    journal = tmp_path / "answers.db"
    first = send_many(rows, client=client, executor=pool, journal=journal, progress=False)
    assert first.counts == {"delivered": 119, "failed": 1}
    assert first.errors[0].error == "BadRequest"
    second = send_many(rows, client=client, executor=pool, journal=journal, progress=False)
    assert second.counts == {"delivered": 120}
    assert Counter(box.messages(run_id)) == Counter(text for _, text in rows)


def test_answers_that_are_lost_elsewhere_are_looked_up_here(
    box: Sandbox, run_id: str, hasty: AsteroidClient, pool: Executor
) -> None:
    box.fail_next(drop="after", times=5)
    box.fail_next(drop="before")
    rows = texts(run_id, 40)
    report = send_many(rows, client=hasty, executor=pool, progress=False)
    assert report.counts == {"delivered": 39, "unknown": 1}
    assert len(box.messages(run_id)) == 39


def test_what_another_process_sends_is_accounted_for_in_this_one(
    box: Sandbox, run_id: str, hasty: AsteroidClient, pool: Executor
) -> None:
    """Otherwise a lost message with the same text would count as delivered."""
    report = send_many([(run_id.upper(), "once")], client=hasty, executor=pool, progress=False)
    box.fail_next(drop="before")
    with pytest.raises(DeliveryUnknown):
        hasty.send(run_id, "once")
    assert report.counts == {"delivered": 1}
    assert box.messages(run_id) == ["once"]


def test_what_another_process_could_not_send_accounts_for_nothing(
    box: Sandbox, run_id: str, client: AsteroidClient, pool: Executor
) -> None:
    box.fail_next(status=400)
    report = send_many([(run_id, "twice")], client=client, executor=pool, progress=False)
    box.fail_next(drop="after")
    assert client.send(run_id, "twice").confirmed_by == "activities"
    assert report.counts == {"failed": 1}


def test_threads_of_this_process_share_the_client(
    box: Sandbox, run_id: str, client: AsteroidClient
) -> None:
    with ThreadPoolExecutor(4) as threads:
        report = send_many(texts(run_id, 40), client=client, executor=threads, progress=False)
    assert report.counts == {"delivered": 40}
    assert len(box.messages(run_id)) == 40


def test_a_pool_of_threads_smaller_than_the_batch_is_enough_and_is_free_afterwards(
    box: Sandbox, run_id: str, client: AsteroidClient
) -> None:
    box.fail_next(status=429, retry_after=0.1)
    with ThreadPoolExecutor(1) as pool:
        rows = texts(run_id, 40)
        report = send_many(rows, client=client, executor=pool, workers=16, progress=False)
        assert pool.submit(lambda: "free").result(timeout=10) == "free"
    assert report.counts == {"delivered": 40}
    assert Counter(box.messages(run_id)) == Counter(text for _, text in rows)


def test_a_pool_of_threads_that_is_shut_down_stops_the_batch_with_its_rows_waiting(
    box: Sandbox, run_id: str, client: AsteroidClient
) -> None:
    pool = ThreadPoolExecutor(2)
    pool.shutdown()
    report = send_many(texts(run_id, 40), client=client, executor=pool, progress=False)
    assert "The executor accepts no more work" in report.stopped
    assert report.counts == {"waiting": 40}
    assert not box.messages(run_id)


def fails() -> None:
    raise RuntimeError("no thread begins")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", ["no thread begins", "dropped before", "dropped midway"])
def test_a_pool_of_threads_that_drops_its_work_stops_the_batch_at_once(
    box: Sandbox, run_id: str, client: AsteroidClient, kind: str
) -> None:
    pool = ThreadPoolExecutor(2, initializer=fails if kind == "no thread begins" else None)
    done = threading.Event()
    if kind == "dropped before":
        for _ in range(2):
            pool.submit(done.wait)
    box.fail_next(delay=0.05, times=400)

    def drop() -> None:
        until(lambda: len(box.messages(run_id)) >= 10 if kind == "dropped midway" else True)
        pool.shutdown(wait=False, cancel_futures=True)
        done.set()

    dropping = threading.Timer(0.3, drop)
    dropping.start()
    rows = texts(run_id, 40)
    report = send_many(rows, client=client, executor=pool, workers=4, progress=False)
    dropping.join()
    arrived = len(box.messages(run_id))
    assert report.counts.get("delivered", 0) == arrived
    assert sum(report.counts.values()) == 40
    assert not report.counts.get("unknown")
    assert bool(report.stopped) == (kind != "dropped midway")


def test_an_interrupt_does_not_wait_for_a_pool_that_is_busy(
    box: Sandbox, run_id: str, client: AsteroidClient
) -> None:
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(done.wait)
        stopping = threading.Timer(0.5, _thread.interrupt_main)
        stopping.start()
        began = time.monotonic()
        report = send_many(texts(run_id, 6), client=client, executor=pool, progress=False)
        assert time.monotonic() - began < 5
        done.set()
    assert report.interrupted
    assert report.counts == {"waiting": 6}
    assert not box.messages(run_id)


def test_a_cluster_of_dask_sends_each_message_once(
    box: Sandbox, run_id: str, client: AsteroidClient, cluster: Any
) -> None:
    rows = texts(run_id, 120)
    report = send_many(rows, client=client, executor=cluster.get_executor(), progress=False)
    assert report.counts == {"delivered": 120}
    assert Counter(box.messages(run_id)) == Counter(text for _, text in rows)


def test_nothing_is_doubled_where_dask_does_the_work_of_a_dead_worker_again(
    box: Sandbox, run_id: str, client: AsteroidClient, cluster: Any
) -> None:
    rows = texts(run_id, 160, "killed")
    box.fail_next(delay=0.1, times=400)
    victim = next(iter(cluster.run(os.getpid).values()))
    killing = kill_when(victim, box, run_id, 50)
    report = send_many(rows, client=client, executor=cluster.get_executor(), progress=False)
    killing.join()
    # If the worker was killed after a task had begun, and before its messages had left, nobody
    # sends them again: they stay in doubt.
    in_doubt = report.counts.get("unknown", 0)
    assert in_doubt <= MOST_IN_A_WORKER
    assert report.counts["delivered"] + in_doubt == 160
    arrived = Counter(box.messages(run_id))
    assert arrived <= Counter(text for _, text in rows)
    assert arrived.total() >= 160 - in_doubt


def test_a_pool_that_breaks_leaves_nothing_doubled_and_stops_the_batch(
    box: Sandbox, run_id: str, client: AsteroidClient, tmp_path: Path
) -> None:
    rows = texts(run_id, 200, "broken")
    journal = tmp_path / "answers.db"
    box.fail_next(delay=0.05, times=400)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        victim = pool.submit(os.getpid).result()
        killing = kill_when(victim, box, run_id, 40)
        report = send_many(rows, client=client, executor=pool, journal=journal, progress=False)
        killing.join()
    assert "The executor accepts no more work: BrokenProcessPool" in report.stopped
    assert report.counts["waiting"]
    again = send_many(rows, client=client, journal=journal, progress=False, absent_after=1)
    assert again.counts == {"delivered": 200}
    assert Counter(box.messages(run_id)) == Counter(text for _, text in rows)


def kill_when(victim: int, box: Sandbox, run_id: str, count: int) -> threading.Thread:
    def watch() -> None:
        end = time.monotonic() + 30
        while len(box.messages(run_id)) < count:
            assert time.monotonic() < end
            time.sleep(0.005)
        os.kill(victim, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


class Recording(Executor):
    """Runs each task at once, from its pickle, and keeps the pickles."""

    def __init__(self) -> None:
        self.pickles: list[bytes] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.pickles.append(pickle.dumps((fn, args, kwargs)))
        fn, args, kwargs = pickle.loads(self.pickles[-1])
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def test_the_key_does_not_travel_where_it_is_there_already(
    box: Sandbox, run_id: str, client: AsteroidClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTEROID_API_KEY", box.api_key)
    executor = Recording()
    report = send_many(texts(run_id, 20), client=client, executor=executor, progress=False)
    assert report.counts == {"delivered": 20}
    assert not [one for one in executor.pickles if box.api_key.encode() in one]


class DirectView:
    """Stands for the view of ipyparallel of this name, which does each task on every engine."""


class Answering(Executor):
    """Returns its own answer to every task."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        del fn, args, kwargs
        future: Future[Any] = Future()
        future.set_result(self.answer)
        return future


def test_an_executor_that_would_do_each_task_several_times_is_refused(
    run_id: str, client: AsteroidClient
) -> None:
    executor = Answering([])
    executor.view = DirectView()  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="load_balanced_view"):
        send_many(texts(run_id, 3), client=client, executor=executor)
    with pytest.raises(ConfigurationError, match=r"has no submit\(\)"):
        send_many(texts(run_id, 3), client=client, executor=object())  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", [None, [], ["delivered"], [[], []], {"a": 1}])
def test_an_answer_that_cannot_be_read_is_no_delivery(
    run_id: str, hasty: AsteroidClient, answer: object
) -> None:
    rows = texts(run_id, 3)
    report = send_many(rows, client=hasty, executor=Answering(answer), progress=False)
    assert report.counts == {"unknown": 3}


@pytest.mark.parametrize("other", [None, "the-key-of-another-account"])
def test_the_key_travels_where_it_is_missing(
    box: Sandbox,
    run_id: str,
    client: AsteroidClient,
    monkeypatch: pytest.MonkeyPatch,
    other: str | None,
) -> None:
    if other:
        monkeypatch.setenv("ASTEROID_API_KEY", other)
    executor = Recording()
    report = send_many(texts(run_id, 80), client=client, executor=executor, progress=False)
    assert report.counts == {"delivered": 80}
    assert not report.stopped
    assert box.api_key.encode() not in executor.pickles[0]
    assert [one for one in executor.pickles if box.api_key.encode() in one]


def test_without_any_key_the_batch_stops_and_says_so(box: Sandbox, run_id: str) -> None:
    with AsteroidClient(base_url=box.base_url) as client:
        report = send_many(texts(run_id, 50), client=client, executor=Recording(), progress=False)
    assert "Neither the workers nor this process has an API key" in report.stopped
    assert "ASTEROID_API_KEY" in report.stopped
    assert box.messages(run_id) == []


def test_a_task_that_is_logged_shows_neither_key_nor_message() -> None:
    key = ApiKey(KEY, "the test")
    task = RemoteTask("https://host/agents/v2", 30.0, mark_of(key), 1, ((0, (ID, "secret")),), key)
    again = pickle.loads(pickle.dumps(task))
    assert again.key == key
    for shown in (repr(task), str(again), f"{(again,)}"):
        assert KEY not in shown
        assert "secret" not in shown
    assert KEY.encode() not in mark_of(key)
    assert mark_of(key) != mark_of(key), "salted"
    assert task.__dask_tokenize__() == again.__dask_tokenize__()


def test_a_process_keeps_one_client_for_all_tasks(
    box: Sandbox, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor_sender, "_clients", {})
    mark = mark_of(ApiKey(box.api_key, "the test"))
    assert deliver(RemoteTask(box.base_url, 30.0, mark, 1, ((0, (run_id, "x")),))) == KEY_NEEDED
    monkeypatch.setenv("ASTEROID_API_KEY", box.api_key)
    for number in range(3):
        answer = deliver(RemoteTask(box.base_url, 30.0, mark, 1, ((number, (run_id, "x")),)))
        assert not isinstance(answer, str)
        assert answer[0][:2] == (number, "delivered")
    (client,) = executor_sender._clients.values()
    client.close()


def test_a_pool_of_interpreters_is_refused_with_the_reason(send: Send, run_id: str) -> None:
    # Python has it from 3.14 on; it is a ThreadPoolExecutor.
    pool_type = type(
        "InterpreterPoolExecutor",
        (ThreadPoolExecutor,),
        {"__module__": "concurrent.futures.interpreter"},
    )
    with pool_type(2) as pool, pytest.raises(ConfigurationError) as raised:
        send([(run_id, "hello")], executor=pool)
    assert "InterpreterPoolExecutor cannot send" in raised.value.detail
    assert "ThreadPoolExecutor or a ProcessPoolExecutor" in raised.value.hint
