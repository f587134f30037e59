"""Whether the Hugging Face hub can be asked, found out in seconds."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies

SECONDS = 3.0


def is_off() -> bool:
    """Return whether HF_HUB_OFFLINE says that the hub must not be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def answers() -> bool:
    """Return whether the hub (or the proxy to it) accepts a connection within SECONDS.

    The hub's clients wait for their own, longer timeouts, several times; and a name server that is silent has no timeout
    at all, so the question is put from a thread that we need not wait for.
    """
    parts = urlsplit(getproxies().get("https") or os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    answered = threading.Event()

    def connect() -> None:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        with suppress(OSError), socket.create_connection((parts.hostname or "", port), timeout=SECONDS):
            answered.set()

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answered.is_set()
