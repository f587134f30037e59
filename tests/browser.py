"""A headless Chromium spoken to over its debugging pipe: the DevTools protocol as it is, no driver and no library."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_S = 30.0


def chromium() -> str | None:
    """Return where Chromium is, None where there is none."""
    chosen = os.environ.get("CURATE_CHROMIUM")
    return chosen or next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of one browser. `send` speaks the protocol; the others are what the tests do."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests, self._answers = requests, answers
        self._rest = b""
        self._number = itertools.count(1)
        self._session = ""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._number)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._requests, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE_S
        while True:
            answer = self._next(until - time.monotonic())
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self, patience: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            assert patience > 0, "the browser does not answer"
            readable, _, _ = select.select([self._answers], [], [], patience)
            assert readable, "the browser does not answer"
            part = os.read(self._answers, 1 << 20)
            assert part, "the browser is gone"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """Return what a JavaScript expression gives in the page."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Return what an expression gives once it is true."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            with contextlib.suppress(AssertionError):  # the page may be on its way
                if value := self.value(f"!!({expression})"):
                    return value
            time.sleep(0.01)
        raise AssertionError(f"this never came true: {expression}\n{self.value('document.body.innerText')}")

    def press(self, key: str, text: str | None = None) -> None:
        """Press and release one key, as fast as a machine can."""
        typed = text if text is not None else key if len(key) == 1 else ""
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=typed)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def scheme(self, name: str) -> None:
        """Ask for the light or the dark theme."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def picture(self, path: Path, width: int = 1100, height: int = 900) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        shot = self.send("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the browser complained about: errors, refused scripts, dialogs that opened."""
        told = []
        for event in self.events:
            method, about = event.get("method", ""), event.get("params", {})
            if method == "Log.entryAdded" and about["entry"]["level"] == "error":
                told.append(f"{about['entry']['text']} {about['entry'].get('url', '')}")
            if method in ("Runtime.exceptionThrown", "Page.javascriptDialogOpening"):
                told.append(json.dumps(about))
        return told


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Yield a browser whose profile is in `folder`; it ends with the block."""
    program = chromium()
    assert program is not None
    to_read, requests = os.pipe()
    answers, to_write = os.pipe()

    # Chromium takes requests at 3 and answers at 4; the ends are moved out of the way first, since they may be 3 or 4.
    def place() -> None:
        reading, writing = os.dup(to_read), os.dup(to_write)
        os.dup2(reading, 3)
        os.dup2(writing, 4)

    options = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe",
        f"--user-data-dir={folder}", "--disable-background-networking", "--disable-component-update", "--window-size=1100,900",
        "--hide-scrollbars",
    ]  # fmt: skip
    process = subprocess.Popen(
        [program, *options], close_fds=False, preexec_fn=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(to_read)
    os.close(to_write)
    try:
        yield Browser(requests, answers)
    finally:
        os.close(requests)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        os.close(answers)
