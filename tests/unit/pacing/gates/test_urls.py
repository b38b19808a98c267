"""A URL that answers anything but 200 pauses a rotation."""

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from tests.support.answering import Answering, answering
from token_rotation.pacing.gates.questions import host_of, status_of
from token_rotation.pacing.gates.signals import url_signal
from token_rotation.pacing.throttle import Throttle


@pytest.fixture
def server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def test_an_answer_of_200_is_a_go(server: Answering) -> None:
    assert status_of(server.url) == ""
    assert server.asked == ["/is-calm?key=not-for-messages"]


@pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 404, 429, 500, 503])
def test_every_other_answer_is_a_wait(server: Answering, status: int) -> None:
    server.status = status
    assert status_of(server.url) == str(status)
    assert len(server.asked) == 1, "a redirect is not followed"


def test_no_answer_is_a_wait_and_says_the_kind_alone() -> None:
    with answering() as server:
        url = server.url
    assert status_of(url) == "no answer (ConnectionRefusedError)"


def test_what_does_not_speak_http_is_a_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def talk() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"220 mail.example ESMTP\r\n")

        talking = Thread(target=talk)
        talking.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/is-calm"
        assert status_of(url) == "no answer (BadStatusLine)"
        talking.join()


def test_a_url_that_cannot_be_asked_is_a_wait() -> None:
    assert status_of("http://127.0.0.1/is calm") == "no answer (InvalidURL)"


def test_a_rotation_waits_and_says_the_host_and_the_answer_and_no_path(server: Answering) -> None:
    now = 50.0
    throttle = Throttle(clock=lambda: now, signals=(url_signal(server.url),))
    assert throttle.next_wait() is None
    now += 1.0
    server.status = 503
    wait = throttle.next_wait()
    assert wait is not None
    assert (wait.kind, wait.reason) == ("URL", f"{server.host}: 503")
    assert throttle.holds_back
    now += 0.5
    server.status = 200
    assert throttle.next_wait() is None
    assert not throttle.holds_back


def test_a_host_is_named_without_its_path() -> None:
    assert host_of("https://calm.example:8443/a/b?c=d") == "calm.example:8443"
