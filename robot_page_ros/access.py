"""Who may open the page: only this machine's browser, or a browser that has the token; never another site's script."""

from __future__ import annotations

import contextlib
import hmac
import http
from collections.abc import Callable, Iterator, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import websockets.asyncio.server
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from robot_page_ros.page_config import LOCAL

COOKIE = "rl_trainer_page"


def refusal(headers: Mapping[str, str], path: str, local_only: bool, token: str) -> str:
    """Return why a request is refused, or an empty text. Pure.

    `local_only`: the page listens on this machine only, so Host must name it: a foreign name that resolves to 127.0.0.1 (DNS
    rebinding) is refused. Origin, where a browser sends one, must be the page's own.
    """
    host = headers.get("Host", "")
    if local_only and _name(host) not in LOCAL:
        return f"this page is for {', '.join(LOCAL)} only, and the request names {host or 'no host'}"
    origin = headers.get("Origin", "")
    if origin and urlsplit(origin).netloc != host:
        return f"a page of {origin} may not use this one"
    if token and not any(hmac.compare_digest(given, token) for given in _tokens(headers, path)):
        return "the token is missing or wrong: open the address with its ?token=... as the page node printed it"
    return ""


@contextlib.contextmanager
def guarded(local_only: bool, token: str) -> Iterator[None]:
    """Within the context, servers of `websockets` that start check every request before they answer it.

    viser has no setting for this; it looks `serve` up when its server starts, and passes it the function that answers plain
    HTTP requests.
    """
    serve = websockets.asyncio.server.serve

    def guarded_serve(*arguments: Any, process_request: Callable[..., Any], **settings: Any) -> Any:
        def process(connection: Any, request: Request) -> Response | None:
            reason = refusal(request.headers, request.path, local_only, token)
            if reason:
                return Response(
                    http.HTTPStatus.FORBIDDEN,
                    "Forbidden",
                    Headers({"Content-Type": "text/plain; charset=utf-8"}),
                    (reason + "\n").encode(),
                )
            response: Response | None = process_request(connection, request)
            if response is not None and token:
                response.headers["Set-Cookie"] = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
            if response is not None:
                response.headers["X-Frame-Options"] = "DENY"  # no other page may show this one and steer its clicks
                response.headers["Referrer-Policy"] = "no-referrer"  # the address has the token
            return response

        return serve(*arguments, process_request=process, **settings)

    websockets.asyncio.server.serve = guarded_serve  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        websockets.asyncio.server.serve = serve  # type: ignore[misc]


def _name(host: str) -> str:
    """Return the host's name without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _tokens(headers: Mapping[str, str], path: str) -> list[str]:
    given = parse_qs(urlsplit(path).query).get("token", [])
    try:
        cookie = SimpleCookie(headers.get("Cookie", "")).get(COOKIE)
    except CookieError:
        cookie = None
    texts = [*given, *([cookie.value] if cookie is not None else [])]
    return [text for text in texts if text.isascii()]  # compare_digest takes ASCII text only
