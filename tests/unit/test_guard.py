"""Which requests a server of the app takes, without a server."""

import ast
import asyncio
import gc
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from types import SimpleNamespace

import pytest

from srgformer_lab import places
from srgformer_lab.backend import dropped, guard

LOCAL, CLASS = "127.0.0.1", "0.0.0.0"


@pytest.mark.parametrize(
    ("bound", "headers"),
    [
        (LOCAL, {"host": "127.0.0.1:2800"}),
        (LOCAL, {"host": "localhost:2800", "origin": "http://localhost:2800"}),
        (LOCAL, {"host": "LocalHost.:2800", "origin": "http://localhost:2800"}),
        (LOCAL, {"host": "[::1]:2800", "origin": "http://[::1]:2800"}),
        ("lab.example", {"host": "lab.example", "origin": "http://lab.example"}),
        ("lab.example", {"host": "lab.example", "origin": "https://lab.example"}),
        ("lab.example", {"host": "lab.example:80", "origin": "http://lab.example"}),
        ("192.168.0.7", {"host": "192.168.0.7:2800", "origin": "http://192.168.0.7:2800"}),
        (CLASS, {"host": "teacher.local:2800", "origin": "http://teacher.local:2800"}),
    ],
)
def test_a_page_of_the_server_itself_may_use_it(bound, headers):
    assert guard.foreign(headers, bound) == ""


@pytest.mark.parametrize(
    ("bound", "headers"),
    [
        (LOCAL, {"host": "127.0.0.1:2800", "origin": "http://evil.example"}),
        (LOCAL, {"host": "127.0.0.1:2800", "origin": "http://127.0.0.1:8888"}),  # another server of the same machine
        (LOCAL, {"host": "127.0.0.1:2800", "origin": "http://127.0.0.1"}),
        (LOCAL, {"host": "127.0.0.1:2800", "origin": "null"}),
        (LOCAL, {"host": "127.0.0.1:2800", "origin": "http://127.0.0.1:2800.evil.example"}),
        (LOCAL, {"host": "127.0.0.1:2800", "origin": "http://[evil"}),
        (CLASS, {"host": "teacher.local:2800", "origin": "http://evil.example:2800"}),
        (CLASS, {"host": "", "origin": "null"}),
    ],
)
def test_a_foreign_page_may_not(bound, headers):
    assert headers["origin"] in guard.foreign(headers, bound)


@pytest.mark.parametrize("host", ["evil.example:2800", "localhost.evil.example", "", "[", "127.0.0.1.evil.example"])
def test_a_strangers_name_for_this_machine_is_no_name_of_a_local_server(host):
    assert "is not called" in guard.foreign({"host": host, "origin": f"http://{host}"}, LOCAL)
    assert "is not called" in guard.foreign({"host": host}, "lab.example")


def test_the_address_of_a_proxy_is_ours_where_it_is_named():
    headers = {"host": "127.0.0.1:2800", "origin": "https://lab.school.edu"}
    assert guard.foreign(headers, LOCAL)
    assert guard.foreign(headers, LOCAL, ["https://lab.school.edu"]) == ""
    assert guard.foreign({"host": "lab.school.edu", "origin": "https://lab.school.edu"}, LOCAL, ["https://lab.school.edu"]) == ""
    assert guard.foreign(headers, LOCAL, ["https://other.school.edu"])
    assert guard.foreign({"host": "127.0.0.1:2800", "origin": "null"}, LOCAL, ["nonsense"])


def test_pages_are_bounded_for_all_and_one_address_leaves_room_for_the_others():
    assert guard.crowded(["a"] * (guard.MOST_PAGES_OF_ONE - 1), "a") == ""
    assert "of your machine" in guard.crowded(["a"] * guard.MOST_PAGES_OF_ONE, "a")
    assert guard.crowded(["a"] * guard.MOST_PAGES_OF_ONE, "b") == ""
    assert f"{guard.MOST_PAGES} pages are open" in guard.crowded(map(str, range(guard.MOST_PAGES)), "new")


def test_only_servers_of_our_notebooks_are_guarded(tmp_path, monkeypatch):
    monkeypatch.delenv(guard.OURS, raising=False)
    assert guard.is_ours([str(places.apps_folder() / "explore.py")])
    assert guard.is_ours([str(places.apps_folder() / "pages" / "why.py")])
    assert guard.is_ours([str(places.tutorials_folder())])
    assert not guard.is_ours([str(tmp_path / "explore.py")])
    assert not guard.is_ours([str(tmp_path / "apps" / "explore.py")])
    (tmp_path / "srgformer_lab").mkdir()
    (tmp_path / "srgformer_lab" / "version.py").touch()
    assert guard.is_ours([str(tmp_path / "apps" / "explore.py")])  # a checkout beside an installed package
    assert not guard.is_ours([])
    monkeypatch.setenv(guard.OURS, "1")  # a copy of a lesson, opened by our command
    assert guard.is_ours([str(tmp_path / "lesson.py")])


def served(notebook, cli_args=(), sessions=()):
    """Return a guard before an application that notes what reaches it, and the state of a server of that notebook."""
    workspace = SimpleNamespace(single_file=lambda: SimpleNamespace(path=str(notebook)), directory=None)
    manager = SimpleNamespace(workspace=workspace, sessions=dict.fromkeys(sessions), cli_args=dict.fromkeys(cli_args))
    reached = []

    async def app(scope, receive, send):
        message = await receive()
        reached.append((dict(scope["headers"]), message))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"done"})
        else:
            await send({"type": "websocket.send", "text": "too late"})

    return guard.Guard(app), SimpleNamespace(state=SimpleNamespace(session_manager=manager, host=LOCAL)), reached


def ask(served, kind="http", messages=(), path="/api/x", query="", client="10.0.0.1", **headers):
    """Send a request through the guard; return what the visitor gets."""
    layer, app, _ = served
    coming, got = list(messages or [{"type": f"{kind}.request", "body": b""}]), []

    async def receive():
        return coming.pop(0)

    async def send(message):
        got.append(message)

    given = {"host": "127.0.0.1:2800"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {"type": kind, "path": path, "query_string": query.encode(), "method": "POST", "app": app, "client": (client, 5)}
    scope["headers"] = [(name.encode(), value.encode()) for name, value in given.items()]
    with ThreadPoolExecutor(1) as pool:  # where a browser test ran before, this thread has a loop that runs
        pool.submit(asyncio.run, layer(scope, receive, send)).result()
    return got


APP = places.apps_folder() / "explore.py"


def test_other_notebooks_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.delenv(guard.OURS, raising=False)
    got = ask(served(tmp_path / "other.py"), origin="http://evil.example")
    assert (got[0]["status"], got[0]["headers"]) == (200, [])


def test_every_answer_of_ours_has_the_headers():
    for origin, status in (("http://127.0.0.1:2800", 200), ("http://evil.example", 403)):
        got = ask(served(APP), origin=origin)
        assert got[0]["status"] == status
        assert {name.decode(): value.decode() for name, value in got[0]["headers"]}.items() >= guard.HEADERS.items()


@pytest.mark.parametrize(("arguments", "most"), [(["serve"], guard.MOST_BYTES), ((), guard.MOST_BYTES_ALONE)])
def test_a_large_body_is_refused_whether_it_says_so_or_comes_in_parts(arguments, most):
    shop = served(APP, arguments)
    part = b"x" * (most // 2)
    exact = [{"type": "http.request", "body": part, "more_body": True}, {"type": "http.request", "body": part}]
    assert ask(shop, messages=exact)[0]["status"] == 200
    assert shop[2][0][1] == {"type": "http.request", "body": part + part}
    endless = [{"type": "http.request", "body": part, "more_body": True}] * 3
    assert ask(shop, messages=endless)[0]["status"] == 413
    assert ask(shop, content_length=str(most + 1), messages=[{"type": "none"}])[0]["status"] == 413
    assert len(shop[2]) == 1


def test_what_may_be_dropped_fits_into_a_request():
    """Marimo writes files as base64, four letters for three bytes, with their names beside them."""
    for most, fits in ((dropped.MOST_BYTES, guard.MOST_BYTES_ALONE), (dropped.MOST_BYTES_IN_CLASS, guard.MOST_BYTES)):
        assert most * 4 / 3 + dropped.MOST_FILES * 10 + 10_000 < fits


def test_a_large_message_ends_its_websocket():
    shop = served(APP)
    for message in ({"text": "é" * (guard.MOST_BYTES // 2 + 1)}, {"bytes": b"x" * (guard.MOST_BYTES + 1)}):
        got = ask(shop, "websocket", [{"type": "websocket.receive"} | message], "/ws", "session_id=s1")
        assert [(each["type"], each.get("code")) for each in got] == [("websocket.close", 1009)]
    assert [message for _, message in shop[2]] == [{"type": "websocket.disconnect", "code": 1009}] * 2


def test_a_notebook_finds_the_address_of_its_visitor_and_not_what_the_visitor_says():
    shop = served(APP)
    ask(shop, client="10.0.0.7", x_lab_address="10.0.0.99")
    assert shop[2][0][0][guard.ADDRESS.encode()] == b"10.0.0.7"


def test_a_class_has_no_more_pages_than_its_machine_bears(monkeypatch):
    monkeypatch.setattr(guard, "MOST_PAGES_OF_ONE", 2)
    shop = served(APP, ["serve"], sessions=["s1", "s2", "s3"])
    monkeypatch.setattr(shop[1].state.session_manager, "sessions", {})

    def opened(name, client="10.0.0.1"):
        got = ask(shop, "websocket", [{"type": "websocket.connect"}], "/ws", f"session_id={name}", client)
        shop[1].state.session_manager.sessions[name] = None
        return got[0]["type"] != "websocket.close"

    assert (opened("s1"), opened("s2"), opened("s2"), opened("s3")) == (True, True, True, False)
    assert opened("s4", "10.0.0.2")
    assert ask(shop, path="/", accept="text/html")[0]["status"] == 403  # and the page itself says why
    assert ask(shop, path="/", accept="text/html", client="10.0.0.2")[0]["status"] == 200
    del shop[1].state.session_manager.sessions["s1"]  # it was closed
    assert opened("s5")


def test_at_ones_own_machine_pages_are_not_counted(monkeypatch):
    monkeypatch.setattr(guard, "MOST_PAGES_OF_ONE", 0)
    assert ask(served(APP), "websocket", [{"type": "websocket.connect"}], "/ws", "session_id=s1")[0]["type"] != "websocket.close"


def test_one_thread_at_a_time_makes_syntax_trees(monkeypatch):
    """Before Python 3.11.8 a thread that parses in the middle of another's parsing makes that fail; collections let it in."""
    monkeypatch.setattr(ast, "parse", ast.parse)
    guard.parse_in_turn()
    others = []

    def let_another_parse(phase, info):
        if not others:
            others.append(Thread(target=lambda: ast.parse("f(1)")))
            others[0].start()
            others[0].join(0.3)  # it ends at once, unless it has to wait for us

    thresholds = gc.get_threshold()
    gc.callbacks.append(let_another_parse)
    gc.set_threshold(10, 1000, 1000)
    try:
        assert len(ast.parse("def f():\n    return [[[1 + 2 * g(x[3])]]]\n" * 200).body) == 200
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(let_another_parse)
    others[0].join()
