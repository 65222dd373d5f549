"""Speaks to the server of real_test.go through PyPI's python-socketio, and says what it found; an error ends it.

    python client.py URL TRANSPORTS
"""

import queue
import sys

import socketio

url, transports = sys.argv[1], sys.argv[2].split(",")
PATIENCE = 10


class Peer:
    """A client, and what it hears, by name of the event."""

    def __init__(self, namespace="/", auth=None):
        self.namespace, self.heard = namespace, {}
        self.client = socketio.Client(reconnection_delay=0.01, randomization_factor=0)
        for event in ("auth", "message-back", "answered", "unanswered", "connect", "disconnect", "connect_error"):
            self.on(event)
        self.client.connect(url, transports=transports, namespaces=[namespace], auth=auth, wait_timeout=PATIENCE)

    def on(self, event):
        heard = self.heard[event] = queue.Queue()
        self.client.on(event, lambda *args: heard.put(args), namespace=self.namespace)

    def next(self, event):
        return self.heard[event].get(timeout=PATIENCE)

    def emit(self, event, *args):
        self.client.emit(event, args, namespace=self.namespace)


def expect(got, want):
    assert got == want, f"{got!r}, want {want!r}"


def auth_and_transport():
    peer = Peer(auth={"token": "ä"})
    expect(peer.next("auth"), ({"token": "ä"},))
    expect(peer.client.transport(), transports[-1])
    return peer


def values_there_and_back():
    peer = Peer()
    values = (1, -2.5, "ä\u2028\u001e€", None, True, {"a": [{"b": ""}]}, [])
    peer.emit("message", *values)
    expect(peer.next("message-back"), values)
    expect(peer.client.call("message-with-ack", ("a", 1), timeout=PATIENCE), ("a", 1))
    return peer


def binary_data_there_and_back():
    peer = Peer()
    large = bytes(range(256)) * 800
    peer.emit("message", b"\x00\xff", {"deep": [b"", "text"]}, large)
    expect(peer.next("message-back"), (b"\x00\xff", {"deep": [b"", "text"]}, large))
    expect(peer.client.call("message-with-ack", b"\x01\x02", timeout=PATIENCE), b"\x01\x02")
    return peer


def an_answer_that_does_not_come():
    peer = Peer()
    try:
        peer.client.call("unknown", timeout=0.1)
    except socketio.exceptions.TimeoutError:
        return peer
    raise AssertionError("it was answered")


def the_server_asks():
    peer = Peer()
    peer.client.on("question", lambda text, data: (text + "!", data + data))
    peer.emit("ask")
    expect(peer.next("answered"), ("well?!", b"\x01\x02\x01\x02"))
    return peer


def all_of_many():  # in whatever order: this client has a thread for each event
    peer = Peer()
    for i in range(200):
        peer.emit("message", i)
    expect(sorted(peer.next("message-back")[0] for _ in range(200)), list(range(200)))
    return peer


def namespaces():
    peer = Peer("/custom", auth={"token": "abc"})
    expect(peer.next("auth"), ({"token": "abc"},))
    peer.emit("message", "custom")
    expect(peer.next("message-back"), ("custom",))
    for namespace, words in (("/nobody", "Invalid namespace"), ("/guarded", "not you")):
        try:
            Peer(namespace).client.disconnect()
        except socketio.exceptions.ConnectionError:
            continue
        raise AssertionError(f"{namespace} let it in: {words} was expected")
    Peer("/guarded", auth={"token": "right"}).client.disconnect()
    return peer


def the_server_closes_and_it_comes_back():
    peer = Peer()
    peer.next("connect")
    peer.emit("close")
    peer.next("disconnect")
    peer.next("connect")
    peer.emit("message", "again")
    expect(peer.next("message-back"), ("again",))
    return peer


def the_server_has_it_leave():
    peer = Peer()
    peer.emit("leave")
    peer.next("disconnect")
    return peer


for check in (
    auth_and_transport,
    values_there_and_back,
    binary_data_there_and_back,
    an_answer_that_does_not_come,
    the_server_asks,
    all_of_many,
    namespaces,
    the_server_closes_and_it_comes_back,
    the_server_has_it_leave,
):
    print(check.__name__, flush=True)
    check().client.disconnect()
print("all of it")
