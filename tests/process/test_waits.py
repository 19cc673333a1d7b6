"""Notifications of systemd are true, signals stop or end the process, and waits are random and limited."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parking_gateway.process.signals import stopped_by_signals
from parking_gateway.process.systemd import notifying
from parking_gateway.process.waits import Backoff, attempts, finished, pause, until_calm

# systemd


@pytest.fixture
def notifications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket on which systemd listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listener


def received(listener: socket.socket) -> list[str]:
    """The notifications since the last call."""
    messages = []
    while True:
        try:
            messages.append(listener.recv(4096).decode())
        except BlockingIOError:
            return messages


def test_systemd_is_notified_of_the_life(notifications: socket.socket) -> None:
    with notifying() as supervisor:
        supervisor.ready()
        supervisor.status("Waiting for the broker — 3 attempts")
        supervisor.stopping()
    assert received(notifications) == ["READY=1", "STATUS=Waiting for the broker — 3 attempts", "STOPPING=1"]


def test_a_systemd_that_does_not_listen_stops_nobody(notifications: socket.socket) -> None:
    """Its queue holds about ten messages. A gateway that waited for space in it would block for ever."""
    with notifying() as supervisor:
        for number in range(1000):
            supervisor.status(str(number))
    assert received(notifications)[0] == "STATUS=0"


def test_nothing_is_sent_without_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    with notifying() as supervisor:
        supervisor.ready()
        supervisor.alive()


def test_a_socket_that_is_gone_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    with notifying() as supervisor:
        supervisor.ready()


def test_the_watchdog_is_fed_by_progress(notifications: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is fed once per half interval, however often there is progress, and never without progress."""
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    clock = iter([100.0, 101.0, 104.9, 105.0, 105.1, 110.0])
    with notifying(clock=clock.__next__) as supervisor:
        assert received(notifications) == []
        for _ in range(3):
            supervisor.alive()
        assert received(notifications) == ["WATCHDOG=1"]
        for _ in range(3):
            supervisor.alive()
        assert received(notifications) == ["WATCHDOG=1", "WATCHDOG=1"]


@pytest.mark.parametrize(("variable", "value"), [("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "0")])
def test_a_watchdog_of_others_is_not_fed(
    variable: str, value: str, notifications: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    monkeypatch.setenv(variable, value)
    with notifying() as supervisor:
        supervisor.alive()
    assert received(notifications) == []


# Signals

STUBBORN = """
    import asyncio, datetime, time
    from parking_gateway.process.signals import stopped_by_signals

    async def main():
        stop = asyncio.Event()
        with stopped_by_signals(stop, at_most={at_most}):
            print("started", flush=True)
            await stop.wait()
            print("stopping", flush=True)
            {afterwards}

    asyncio.run(main())
"""


@pytest.fixture
def run() -> Iterator[list[subprocess.Popen[str]]]:
    """The processes of a test, which are killed at its end."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(afterwards: str, processes: list[subprocess.Popen[str]], *, at_most: str = "None") -> subprocess.Popen[str]:
    code = textwrap.dedent(STUBBORN.format(afterwards=afterwards, at_most=at_most))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    processes.append(process)
    assert line_of(process) == "started"
    return process


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_to_stop(number: signal.Signals, run: list[subprocess.Popen[str]]) -> None:
    process = start("print('finished')", run)
    process.send_signal(number)
    assert line_of(process) == "stopping"
    assert line_of(process) == "finished"
    assert process.wait(10) == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "afterwards", ["await asyncio.Event().wait()", "while True: pass"], ids=["waits for ever", "never returns"]
)
def test_the_second_signal_ends_the_process(
    first: signal.Signals, second: signal.Signals, afterwards: str, run: list[subprocess.Popen[str]]
) -> None:
    """Even while the loop is blocked. The exit status names the signal."""
    process = start(afterwards, run)
    process.send_signal(first)
    assert line_of(process) == "stopping"
    process.send_signal(second)
    assert process.wait(10) == -second


@pytest.mark.parametrize("afterwards", ["time.sleep(3600)", "await asyncio.to_thread(time.sleep, 3600)"])
def test_whatever_hangs_a_process_that_was_asked_to_stop_ends(
    afterwards: str, run: list[subprocess.Popen[str]]
) -> None:
    """Even while the loop or a thread is blocked. The status is 0, because the work was finished."""
    process = start(afterwards, run, at_most="datetime.timedelta(seconds=0.5)")
    process.send_signal(signal.SIGTERM)
    assert line_of(process) == "stopping"
    assert process.wait(timeout=10) == 0


async def test_work_that_ends_in_time_is_neither_given_up_nor_cancelled() -> None:
    stop, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        await stop.wait()
        ended.set()

    asyncio.get_running_loop().call_soon(stop.set)
    assert await finished(stop, work(), seconds=10, give_up=pytest.fail)
    assert ended.is_set()


async def test_what_the_work_raises_is_raised() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await finished(asyncio.Event(), work(), seconds=10, give_up=pytest.fail)


async def test_work_that_takes_longer_is_given_up_and_then_cancelled() -> None:
    """Also work that does not obey at once."""
    stop, given_up = asyncio.Event(), asyncio.Event()
    seen: list[str] = []

    async def work() -> None:
        try:
            await given_up.wait()
            seen.append("given up")
            await asyncio.sleep(3600)
        finally:
            seen.append("cancelled")

    stop.set()
    assert not await finished(stop, work(), seconds=0.01, give_up=given_up.set)
    assert seen == ["given up", "cancelled"]


async def test_the_handlers_before_are_restored() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = asyncio.Event()
    with stopped_by_signals(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(10):
            await stop.wait()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


# Waits

seconds = st.floats(0.001, 3600).map(lambda number: timedelta(seconds=number))
backoffs = st.tuples(seconds, seconds).map(lambda both: Backoff(shortest=min(both), longest=max(both)))


@given(backoffs, st.integers(1, 10_000))
def test_a_wait_lies_between_its_limits(backoff: Backoff, failures: int) -> None:
    """At least the shortest; at most a limit that doubles with each failure, and never more than the longest."""
    shortest, longest = backoff.shortest.total_seconds(), backoff.longest.total_seconds()
    limit = min(shortest * 2 ** min(failures, 64), longest)
    assert shortest <= backoff.wait(failures) <= limit


def test_waits_are_spread() -> None:
    """Gateways that lost the same broker do not return at the same time, not even at first."""
    backoff = Backoff(shortest=timedelta(seconds=1), longest=timedelta(seconds=60))
    assert len({backoff.wait(1) for _ in range(100)}) == 100


@given(backoffs, st.integers(0, 1000), seconds)
def test_what_worked_for_long_begins_a_new_row(backoff: Backoff, failures: int, lasted: timedelta) -> None:
    expected = 1 if lasted > backoff.longest else failures + 1
    assert backoff.count(failures, lasted=lasted) == expected


MOMENT = Backoff(shortest=timedelta(milliseconds=1), longest=timedelta(milliseconds=2))


async def test_attempts_count_failures_until_success() -> None:
    counts = []
    async for failures in attempts(MOMENT, stop=asyncio.Event(), clock=lambda: 0):
        counts.append(failures)
        if failures == 3:
            break
    assert counts == [0, 1, 2, 3]


async def test_attempts_begin_again_after_one_that_worked() -> None:
    """A connection that lasted longer than the longest wait was not a failure, whatever ended it."""
    ticks = iter([0, 0, 0, 0, 0, 1, 1, 1])
    counts = []
    async for failures in attempts(MOMENT, stop=asyncio.Event(), clock=lambda: next(ticks)):
        counts.append(failures)
        if len(counts) == 4:
            break
    assert counts == [0, 1, 2, 1]


async def test_attempts_begin_again_after_one_that_worked_for_a_moment() -> None:
    """An attempt that worked was not a failure, however short it was."""
    counts: list[int] = []
    async for failures in attempts(MOMENT, stop=asyncio.Event(), clock=lambda: 0, has_worked=lambda: len(counts) == 3):
        counts.append(failures)
        if len(counts) == 5:
            break
    assert counts == [0, 1, 2, 1, 2]


async def test_attempts_end_when_asked_to_stop() -> None:
    """Also in the middle of a wait that would last an hour."""
    stop = asyncio.Event()
    backoff = Backoff(shortest=timedelta(hours=1), longest=timedelta(hours=1))
    counts = []
    async with asyncio.timeout(10):
        async for failures in attempts(backoff, stop=stop):
            counts.append(failures)
            asyncio.get_running_loop().call_soon(stop.set)
    assert counts == [0]
    assert [failures async for failures in attempts(backoff, stop=stop)] == []


async def test_a_pause_ends_by_itself() -> None:
    began = time.monotonic()
    await pause(0.01, stop=asyncio.Event())
    assert time.monotonic() - began >= 0.01


# What lets a backlog go first


async def test_work_goes_on_when_the_backlog_is_worked_off() -> None:
    looks = iter([True, False])
    await until_calm(lambda: next(looks))
    assert list(looks) == []


async def test_work_waits_no_longer_than_it_may() -> None:
    began = time.monotonic()
    await until_calm(lambda: True, within=0.05)
    assert time.monotonic() - began >= 0.05


async def test_who_stops_does_not_wait_for_a_backlog() -> None:
    stop = asyncio.Event()
    waiting = asyncio.ensure_future(until_calm(lambda: True, stop=stop))
    stop.set()
    await asyncio.wait_for(waiting, 5)
