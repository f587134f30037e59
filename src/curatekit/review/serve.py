"""Serving the review page to this machine alone, until it is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable

from curatekit.errors import InputError
from curatekit.review.app import Review
from curatekit.review.security import Guarded, new_secret

LOOPBACK = "127.0.0.1"
WAITING = 2_048  # connections that may wait to be accepted
ENDING_S = 2


def serve(review: Review, port: int = 0, ready: Callable[[str], object] = lambda address: None) -> None:
    """Answer requests at a port of the loopback interface, any free one for 0; `ready` is told the address at once.

    Returns, or raises KeyboardInterrupt, when the process is told to end. Raises InputError where the port is taken, and what
    was wrong where the rest of the rows could not be read.
    """
    import uvicorn

    # the protocol is named, since asyncio sends at once (TCP_NODELAY) only where it is: else an answer waits 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((LOOPBACK, port))
        except (OSError, OverflowError) as error:
            raise InputError(
                f"Port {port} cannot be had ({error}). Choose another with --port, or leave it out."
            ) from error
        listening.listen(WAITING)
        guarded = Guarded(review.asgi, listening.getsockname()[1], new_secret())
        server = uvicorn.Server(
            uvicorn.Config(
                guarded, http="h11", ws="none", loop="asyncio", lifespan="off", log_config=None, access_log=False,
                server_header=False, date_header=False, proxy_headers=False, backlog=WAITING,
                timeout_graceful_shutdown=ENDING_S,
            )
        )  # fmt: skip

        def stop() -> None:
            server.should_exit = True

        review.stop = stop
        ready(guarded.address)
        server.run(sockets=[listening])
        if review.fault is not None:
            raise review.fault
