"""The labelling page as a local server: a free port of this machine, an address that holds a secret."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from dechrome_training.annotate.app import make_app
from dechrome_training.annotate.session import Session

HOST = "127.0.0.1"


def serve(session: Session, announce: Callable[[str], object], *, open_browser: bool) -> None:
    """Serve the session until the program is interrupted; ``announce`` is told the address, once it answers."""
    token = secrets.token_urlsafe(24)
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()  # from here on the browser is not refused, but waits
        host = f"{HOST}:{listener.getsockname()[1]}"
        address = f"http://{host}/{token}/"
        config = uvicorn.Config(
            make_app(session, token, host),
            log_level="warning",
            access_log=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        stopped = threading.Event()
        reader = threading.Thread(target=session.read_pages, args=(stopped,), daemon=True)
        announce(address)
        reader.start()
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        stopped.set()
        reader.join()
