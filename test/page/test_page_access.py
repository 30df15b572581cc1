"""Who may open the page: this machine's browser or one with the token, and never another site's script."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

pytest.importorskip("viser")
import viser
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from robot_interface_ros.config import ConfigError
from robot_page_ros.access import COOKIE, guarded, refusal
from robot_page_ros.page_config import PageConfig

TOKEN = "correct-horse-battery"


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "localhost"])
def test_a_browser_of_this_machine_is_served(host: str) -> None:
    assert refusal({"Host": host}, "/", True, "") == ""
    assert refusal({"Host": host, "Origin": f"http://{host}"}, "/", True, "") == ""


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Host": "evil.example:8080"}, "evil.example:8080"),
        ({"Host": "127.0.0.1.evil.example"}, "evil"),
        ({}, "no host"),
        ({"Host": "localhost:8080", "Origin": "http://evil.example"}, "http://evil.example may not"),
        ({"Host": "localhost:8080", "Origin": "http://localhost:9999"}, "http://localhost:9999 may not"),
        ({"Host": "localhost:8080", "Origin": "null"}, "null may not"),
        ({"Host": "[::1"}, r"\[::1"),
    ],
)
def test_other_names_and_other_sites_are_refused(headers: dict[str, str], reason: str) -> None:
    said = refusal(headers, "/", True, "")
    assert said
    with pytest.raises(ValueError, match=reason):
        raise ValueError(said)


def test_a_token_is_needed_in_the_address_or_the_cookie() -> None:
    headers = {"Host": "robot.lab:8080"}
    assert "token" in refusal(headers, "/", False, TOKEN)
    assert "token" in refusal(headers, "/?token=wrong", False, TOKEN)
    assert "token" in refusal(headers, "/?token=\u00e9", False, TOKEN)
    assert "token" in refusal({**headers, "Cookie": f"{COOKIE}=wrong"}, "/", False, TOKEN)
    assert "token" in refusal({**headers, "Cookie": "a=;;;=b"}, "/", False, TOKEN)
    assert refusal(headers, f"/?token={TOKEN}", False, TOKEN) == ""
    assert refusal({**headers, "Cookie": f"other=1; {COOKIE}={TOKEN}"}, "/", False, TOKEN) == ""


def test_an_open_address_needs_a_token() -> None:
    with pytest.raises(ConfigError, match=r"host:=0\.0\.0\.0 can be reached .* token:=auto, .* ssh -L"):
        PageConfig(host="0.0.0.0")
    with pytest.raises(ConfigError, match="token has 5 characters; use at least 12"):
        PageConfig(token="short")
    for bad in ("twelve chars; x", "zwölf-zeichen-lang", "a&b=c&d=e&f=g"):
        with pytest.raises(ConfigError, match="token may have a-z"):
            PageConfig(token=bad)
    made = PageConfig(host="0.0.0.0", token="auto").token
    assert len(made) >= 20
    assert made != PageConfig(host="0.0.0.0", token="auto").token


@pytest.fixture
def port() -> Iterator[int]:
    with guarded(True, TOKEN):
        server = viser.ViserServer("127.0.0.1", 18080, verbose=False)
    yield server.get_port()
    server.stop()


def get(port: int, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


def test_the_server_gives_nothing_without_the_token_and_nothing_to_another_site(port: int) -> None:
    refused = get(port, "/")
    assert refused.status == 403
    assert b"<html" not in refused.read()
    assert get(port, "/?token=wrong-wrong-wrong").status == 403
    assert get(port, f"/?token={TOKEN}", Host="evil.example").status == 403

    served = get(port, f"/?token={TOKEN}")
    assert served.status == 200
    cookie = served.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert served.headers["X-Frame-Options"] == "DENY"
    assert get(port, "/", Cookie=cookie.partition(";")[0]).status == 200

    protocol = [f"viser-v{viser.__version__}"]
    address, own = f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}"
    with connect(
        address, origin=own, additional_headers={"Cookie": f"{COOKIE}={TOKEN}"}, subprotocols=protocol
    ) as page:
        assert page.recv(timeout=10.0)
    for origin, cookie in ((own, "x=1"), ("http://evil.example", f"{COOKIE}={TOKEN}")):
        with pytest.raises(InvalidStatus, match="403"):
            connect(address, origin=origin, additional_headers={"Cookie": cookie}, subprotocols=protocol)
