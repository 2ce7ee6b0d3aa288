"""Who may ask, and what the answers may do: token, host, size and kind of requests, security headers."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

MAX_BODY: Final = 1_000_000  # bytes of a request

# No script but ours, nothing from elsewhere; strings never become markup.
APP_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types"
)
# Of a page that is shown: nothing runs, loads or submits, in whatever frame or window it stands.
FRAME_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI application around another one, which sees the paths without the token.

    A request needs the token as the first step of its path, and names the host that we listen at: other names may be
    another site's, resolved to us (DNS rebinding). One that changes something is JSON, small, and of our own origin.
    """

    def __init__(self, app: Application, token: str, host: str) -> None:
        self.app = app
        self._token = token.encode()
        self._host = host.encode()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # closes the connection
        status, reason = self._refusal(scope)
        if status:
            await _refuse(status, reason, send)
            return
        path = "/" + scope["path"].split("/", 2)[2]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name.lower() == b"content-security-policy" for name, _ in headers):
                    headers.append((b"content-security-policy", APP_POLICY.encode()))
                message["headers"] = [*headers, *_HEADERS]
            await send(message)

        await self.app({**scope, "path": path, "raw_path": path.encode(), "root_path": ""}, receive, send_guarded)

    def _refusal(self, scope: Message) -> tuple[int, str]:
        """Return the status and the reason that a request is refused with, 0 for a good one."""
        headers = {name.lower(): value for name, value in scope["headers"]}
        if headers.get(b"host") != self._host:
            return 403, "wrong host"
        steps = scope["path"].split("/", 2)
        if len(steps) < 3 or not secrets.compare_digest(steps[1].encode("utf-8", "replace"), self._token):
            return 403, "wrong token: use the whole address that dechrome annotate printed"
        if scope["method"] in ("GET", "HEAD"):
            return 0, ""
        if headers.get(b"origin") not in (None, b"http://" + self._host):
            return 403, "wrong origin"
        if headers.get(b"content-type", b"").split(b";")[0].strip().lower() != b"application/json":
            return 415, "only JSON is taken"
        length = headers.get(b"content-length", b"")
        if not length.isdigit():
            return 411, "the length is missing"
        return (413, "too large") if int(length) > MAX_BODY else (0, "")


async def _refuse(status: int, reason: str, send: Send) -> None:
    body = f"{reason}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    policy = (b"content-security-policy", b"default-src 'none'")
    await send({"type": "http.response.start", "status": status, "headers": [*headers, policy, *_HEADERS]})
    await send({"type": "http.response.body", "body": body})
