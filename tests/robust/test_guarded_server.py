"""A real server of the app refuses foreign pages, and says in its headers what browsers should refuse."""

import re
import urllib.error
import urllib.request
from http.client import HTTPConnection

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from srgformer_lab.backend import guard


@pytest.fixture(scope="module")
def server(guarded):
    return guarded()


def answer(server, path="/", body=None, **headers):
    request = urllib.request.Request(server.address + path, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=60) as got:
            return got.status, {name.lower(): value for name, value in got.headers.items()}, got.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def first_message(server, **headers):
    with connect(server.address.replace("http", "ws") + "/ws?session_id=s_1", open_timeout=60, additional_headers=headers) as socket:
        return socket.recv(timeout=60)


def test_a_plain_request_works_and_its_answer_has_the_headers(server):
    status, headers, body = answer(server)
    assert status == 200
    assert b"<marimo" in body
    assert headers.items() >= guard.HEADERS.items()


def test_a_websocket_of_the_servers_own_page_works_and_one_of_a_foreign_page_does_not(server):
    assert '"op"' in first_message(server, Origin=server.address)
    with pytest.raises(InvalidStatus) as refused:
        first_message(server, Origin="http://evil.example")
    assert refused.value.response.status_code == 403


def test_a_request_of_a_foreign_page_or_name_is_refused_before_anything_else(server):
    token = re.search(rb'data-token="([^"]*)"', answer(server)[2])[1].decode()  # marimo wants it, and a foreign page can't read it
    sent = {"path": "/api/kernel/set_ui_element_value", "body": b'{"objectIds":[],"values":[]}', "Marimo_Server_Token": token}
    assert answer(server, **sent, Origin=server.address)[0] not in (401, 403)
    assert answer(server, **sent, Origin="http://evil.example")[0] == 403
    assert answer(server, "/sse?session_id=s_2", Origin="http://evil.example")[0] == 403
    status, headers, body = answer(server, Host="evil.example")
    assert (status, b"is not called 'evil.example'" in body) == (403, True)
    assert headers.items() >= guard.HEADERS.items()


def test_a_large_request_is_refused(server):
    token = re.search(rb'data-token="([^"]*)"', answer(server)[2])[1].decode()
    host, _, port = server.address.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=60)
    connection.putrequest("POST", "/api/kernel/set_ui_element_value")
    connection.putheader("Content-Length", str(guard.MOST_BYTES_ALONE + 1))  # that much is on its way; it is refused before it comes
    connection.putheader("Marimo-Server-Token", token)
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
