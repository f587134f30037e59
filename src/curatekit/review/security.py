"""Who may ask the review page: one browser on this machine that was given the address. All else is refused before it is read.

A page in the same browser can send requests to any port of this machine, so that it listens on loopback alone is no
protection. Hence: the Host must be ours (against DNS rebinding); the secret in the address is exchanged for a cookie that
no other site's request carries; what changes something must come from our own Origin (against forged requests);
what is too long is not read; and the page may run no script but its own file, nor be framed.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BYTES = 3 << 16
"""Of a body. The longest form of ours holds a note of 10,000 characters and a label of 1,000, each up to 12 bytes as a form writes it."""
LONGEST_QUERY = 4_096
OPEN = "/open"

HEADERS = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)  # fmt: skip

_EXCHANGED = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>curate review</title>
<meta http-equiv="refresh" content="0;url=/"></head><body><p><a href="/">To the rows</a></p></body></html>"""


def new_secret() -> str:
    """Return 256 random bits, as they can stand in an address."""
    return secrets.token_urlsafe(32)


class Guarded:
    """An app that answers only requests that may be answered, each answer with `HEADERS`."""

    def __init__(self, app: App, port: int, secret: str) -> None:
        """port: where it is reached, part of what Host and Origin must be. secret: what stands in the address."""
        self._app, self._secret = app, secret
        self._cookie_name = f"curate_review_{port}"  # cookies know no ports, and two of these may run at once
        self._cookie_value = new_secret()  # the one in the address may stay in the browser's history
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.address = f"http://127.0.0.1:{port}{OPEN}?key={secret}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = _single(scope["headers"])
        why = self._refused(scope, headers)
        if why is not None:
            await _answer(send, *why)
            return
        if scope["path"] == OPEN:
            await self._exchange(scope, send)
            return
        if not self._knows(headers.get(b"cookie", b"")):
            await _answer(
                send, 403, "Open the address that curate review printed last: it holds a key for this browser."
            )
            return
        body = await _body(scope, headers, receive)
        if body is None:
            await _answer(send, 413, "This is more than the review page takes. Nothing was saved.")
            return
        sent = False

        async def whole() -> Message:
            nonlocal sent
            if sent:
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in HEADERS}
                kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in own]
                message = {**message, "headers": [*kept, *HEADERS]}
            await send(message)

        await self._app(scope, whole, guarded)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if host not in self._hosts:
            return 400, "This server answers to its own address alone."
        if scope["method"] not in ("GET", "POST"):
            return 405, "Only GET and POST are answered."
        if len(scope.get("query_string", b"")) > LONGEST_QUERY:
            return 414, "The address is too long."
        origin = headers.get(b"origin")
        if scope["method"] == "POST" and origin != f"http://{host}".encode():
            return 403, "This did not come from the review page, so nothing was done."
        if headers.get(b"sec-fetch-site", b"none") not in (b"same-origin", b"none") and scope["path"] != OPEN:
            return (
                403,
                "Another site asked for this page, so it is not shown. Open the address that curate review printed.",
            )
        return None

    async def _exchange(self, scope: Scope, send: Send) -> None:
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("key", [""])[0]
        if scope["method"] != "GET" or not hmac.compare_digest(given.encode(), self._secret.encode()):
            await _answer(send, 403, "This address is no longer right. Open the one that curate review printed last.")
            return
        cookie = f"{self._cookie_name}={self._cookie_value}; Path=/; HttpOnly; SameSite=Strict"
        # No redirect: a strict cookie would not go along with one that began on another site, such as a terminal in a browser.
        await _respond(send, 200, b"text/html; charset=utf-8", _EXCHANGED, ((b"set-cookie", cookie.encode()),))

    def _knows(self, header: bytes) -> bool:
        try:
            cookies = SimpleCookie(header.decode("latin-1"))
        except CookieError:
            return False
        given = cookies[self._cookie_name].value if self._cookie_name in cookies else ""
        return hmac.compare_digest(given.encode(), self._cookie_value.encode())


def _single(headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the headers by name; one that is given twice is none of ours, and holds both."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        found[name] = found[name] + b"; " + value if name in found else value
    return found


async def _body(scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """Return the body, None where it is too long: then no more of it is read."""
    said = headers.get(b"content-length", b"0")
    if not said.isdigit() or int(said) > MOST_BYTES:
        return None
    body = b""
    while scope["method"] == "POST":
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            break
    return body


async def _answer(send: Send, status: int, text: str) -> None:
    await _respond(send, status, b"text/plain; charset=utf-8", text.encode(), ((b"connection", b"close"),))


async def _respond(
    send: Send, status: int, kind: bytes, body: bytes, more: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *more, *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
