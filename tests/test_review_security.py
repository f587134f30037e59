"""The attacks on a page that a browser on this machine can reach: each is made to happen on the real server."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import resource
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import polars as pl
import pytest

pytest.importorskip("starlette", reason="the extra 'review' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'review' is not installed")

from curatekit.review.decisions import Decisions
from curatekit.review.queue import read_queue
from curatekit.review.security import MOST_BYTES
from tests.review_sample import CLASSES, Page, issues_frame, served, write_issues

ROWS = 1_000
ATTACKS = (
    "<script>window.PWNED=1</script>",
    "</textarea><script>window.PWNED=1</script>",
    "</title><img src=x onerror=window.PWNED=1>",
    '"><svg onload=window.PWNED=1>',
    "' autofocus onfocus='window.PWNED=1",
    "javascript:window.PWNED=1",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "<!-- --><base href='http://evil.example'>",
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with served(write_issues(tmp_path_factory.mktemp("security"), ROWS), "--reviewer", "anna") as page:
        yield page


def held(page: Page, folder: Path) -> int:
    store = Decisions(folder / "issues.csv.decisions.sqlite")
    try:
        return len(store.of("anna"))
    finally:
        store.close()


def key(row: int) -> str:
    from curatekit.review.queue import content_keys

    return content_keys([f"message number {row}"], [CLASSES[row % 3]], [None])[0]


def test_without_the_key_nothing_is_shown(page: Page) -> None:
    for path in ("/", "/overview", "/decisions.csv", "/review.js", "/running", "/specifications.yaml", "/nothing"):
        assert page.ask("GET", path, cookie=False).status == 403
    for wrong in ("", "?key=", "?key=" + "A" * 43, "?key=" + quote("é"), page.address.split("/open")[1][:-1]):
        opened = page.ask("GET", f"/open{wrong}", cookie=False)
        assert opened.status == 403
        assert "set-cookie" not in opened.headers
    name = page.cookie.split("=")[0]
    for cookie in (
        f"{name}=",
        f"{name}=x",
        "other=" + page.cookie.split("=")[1],
        "\x01;;==",
        name + "=" + page.address.split("key=")[1],
    ):
        assert page.ask("GET", "/", headers={"Cookie": cookie}, cookie=False).status == 403


def test_the_cookie_goes_nowhere_else(page: Page) -> None:
    opened = page.ask("GET", page.address.removeprefix(page.origin), cookie=False)
    assert "HttpOnly" in opened.headers["set-cookie"]
    assert "SameSite=Strict" in opened.headers["set-cookie"]
    assert page.address.split("key=")[1] not in opened.headers["set-cookie"], "what is in the history opens nothing"
    assert "Location" not in opened.headers


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", "[::1]:{port}", "0.0.0.0:{port}", "127.0.0.1:{port}@evil.example"])  # fmt: skip
def test_dns_rebinding_finds_nobody(page: Page, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", page.address.removeprefix(page.origin)), ("POST", "/decide")):
        answer = page.ask(method, path, {}, headers={"Host": host.format(port=page.port)})
        assert answer.status == 400
        assert "message number" not in answer.text


def test_two_hosts_are_none(page: Page) -> None:
    with socket.create_connection(("127.0.0.1", page.port)) as raw:
        raw.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nHost: evil.example\r\nCookie: {page.cookie}\r\n\r\n".encode()
        )
        assert b" 400 " in raw.recv(200)


@pytest.mark.parametrize("origin", ["-", "null", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1:1", "http://localhost:{port}", "http://127.0.0.1:{port}.evil.example"])  # fmt: skip
def test_a_form_of_another_site_changes_nothing(page: Page, origin: str) -> None:
    """Even with the cookie, which SameSite keeps from going along."""
    fields = {"key": key(0), "version": "0", "said": "drop", "where": ""}
    for path in ("/decide", "/decide-many", "/undo", "/draft"):
        answer = page.ask("POST", path, fields, headers={"Origin": origin.format(port=page.port)})
        assert answer.status == 403
    assert 'name="version" value="0"' in page.ask("GET", "/?state=all&row=0").text


def test_a_picture_or_a_frame_on_another_site_sees_nothing(page: Page) -> None:
    for site in ("cross-site", "same-site"):
        assert page.ask("GET", "/", headers={"Sec-Fetch-Site": site}).status == 403
    assert page.ask("GET", "/", headers={"Sec-Fetch-Site": "same-origin"}).status == 200
    assert page.ask("GET", "/undo").status == 405, "what changes something is no GET"


def test_every_answer_carries_the_policies(page: Page) -> None:
    answers = [
        page.ask("GET", path) for path in ("/", "/review.js", "/review.css", "/overview", "/decisions.csv", "/nothing")
    ]
    answers += [page.ask("GET", "/", cookie=False), page.ask("GET", "/", headers={"Host": "evil.example"})]
    answers += [page.ask("POST", "/decide", {}), page.ask("PUT", "/", {})]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


class Tags(HTMLParser):
    """What a parser that is not ours makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def scripts(text: str) -> list[object]:
    """Return what a page could run: scripts but our own, handlers, foreign addresses, javascript: links."""
    found: list[object] = []
    for tag, attributes in Tags(text).tags:
        if tag in ("img", "svg", "iframe", "base", "object", "embed", "style"):
            found.append(tag)
        if tag == "script" and attributes != {"src": "/review.js", "defer": None}:
            found.append((tag, attributes))
        found += [(tag, name) for name in attributes if name.startswith("on") or name in ("style", "autofocus")]
        links = [attributes.get(name) or "/" for name in ("href", "src", "action", "formaction") if name in attributes]
        found += [link for link in links if not link.startswith("/") or link.startswith("//")]
    return found


def test_nothing_in_the_data_runs_whatever_column_it_stands_in(tmp_path: Path) -> None:
    n = len(ATTACKS)
    frame = issues_frame(4 * n)
    for name in ("id", "text", "given_label", "suggested_label", "reasons"):
        attack = [f"{ATTACKS[i % n]}{'' if name in ('given_label', 'suggested_label') else i}" for i in range(4 * n)]
        frame = frame.with_columns(pl.Series(name, attack))
    frame = frame.with_columns(suggested_label=pl.Series([ATTACKS[(i + 1) % n] for i in range(4 * n)]))
    for name in ("score", "p_wrong", "self_confidence", "knn_agreement", "suggested_probability"):
        frame = frame.with_columns(pl.lit(ATTACKS[0]).alias(name))
    issues = tmp_path / "<img src=x onerror=PWNED=1>.csv"
    frame.write_csv(issues)
    with served(issues, "--reviewer", "<b onclick=PWNED=1>anna</b>") as page:
        shown = [page.ask("GET", f"/?state=all&row={row}") for row in range(4 * n)]
        keys = read_queue(issues).keys
        for row in range(n):
            many = {
                "key": keys[row],
                "where": "",
                "note": ATTACKS[row],
                "version": "0",
                "said": "label",
                "label": ATTACKS[row],
            }
            assert page.ask("POST", "/decide", many).status == 303
            draft = {
                "key": keys[row],
                "specification": ATTACKS[row],
                "statement": ATTACKS[row],
                "label": ATTACKS[row],
                "where": "",
            }
            assert page.ask("POST", "/draft", draft).status == 303
        shown += [page.ask("GET", f"/?state=all&row={row}") for row in range(n)]
        shown += [page.ask("GET", "/?state=all&view=grid"), page.ask("GET", "/overview")]
        for attack in ATTACKS:
            shown.append(
                page.ask(
                    "GET",
                    f"/?search={quote(attack)}&given={quote(attack)}&state={quote(attack)}&suggested={quote(attack)}",
                )
            )
            shown.append(
                page.ask("GET", f"/?row={quote(attack)}&page={quote(attack)}&like={quote(attack)}&view={quote(attack)}")
            )
            shown.append(
                page.ask(
                    "POST",
                    "/decide",
                    {"key": attack, "version": attack, "said": attack, "label": attack, "where": attack},
                )
            )
            shown.append(
                page.ask(
                    "POST", "/decide", {"key": keys[20], "version": "0", "said": "=" + attack + "?", "where": attack}
                )
            )
        for answer in shown:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert scripts(answer.text) == []
            assert "root:" not in answer.text
            assert ">49<" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/static/../app.py", "/review.js/../../app.py", "//etc/passwd", "/%2e%2e/app.py",
     "/issues.csv", "/issues.csv.decisions.sqlite", "/templates/row.html", "/file:///etc/passwd", "/decisions.csv/../../issues.csv", "/review.css%00.py"],
)  # fmt: skip
def test_no_path_of_the_machine_is_reachable(page: Page, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port)
    connection.putrequest("GET", path, skip_host=True)
    connection.putheader("Host", f"127.0.0.1:{page.port}")
    connection.putheader("Cookie", page.cookie)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 404
    assert text == "Not Found"


def test_a_form_that_is_too_long_is_not_read(page: Page) -> None:
    said = page.ask("POST", "/decide", b"note=" + b"x" * MOST_BYTES)
    assert said.status == 413
    # a length that is claimed and never sent
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
        head = f"POST /decide HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nOrigin: {page.origin}\r\nCookie: {page.cookie}\r\n"
        raw.sendall(f"{head}Content-Length: 99999999999\r\n\r\n".encode())
        assert b" 413 " in raw.recv(200)
    # and one that is not claimed: parts without end
    with socket.create_connection(("127.0.0.1", page.port), timeout=30) as raw:
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        part = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        answered = b""
        try:
            for _ in range(4 * MOST_BYTES // 4096):
                raw.sendall(part)
            answered = raw.recv(200)
        except (BrokenPipeError, ConnectionResetError):
            answered = b" 413 (closed)"
        assert b" 413 " in answered
    assert page.ask("GET", f"/?search={'x' * 5000}").status == 414
    assert page.ask("POST", "/decide", [("row", "x")] * 3_000).status == 400
    assert page.ask("POST", "/decide", b"\xff\xfe=\xff&key=%ff").status == 400
    assert page.ask("GET", "/").status == 200, "it lives"


def test_the_source_is_only_read(page: Page) -> None:
    """Nothing that is asked changes the issues; only the store and the drafts beside them are written."""
    folder = Path(f"/proc/{page.process.pid}/cwd").resolve()
    before = hashlib.sha256((folder / "issues.csv").read_bytes()).hexdigest()
    assert page.decide(key(7), "drop").status == 303
    assert page.ask("POST", "/undo", {"where": ""}).status == 303
    assert hashlib.sha256((folder / "issues.csv").read_bytes()).hexdigest() == before
    names = {path.name for path in folder.iterdir()}
    assert {name for name in names if ".decisions.sqlite" not in name} == {"issues.csv"}


def test_a_thousand_requests_at_once_are_all_answered_and_none_is_decided_twice(page: Page) -> None:
    """500 decisions, each of them sent twice, all at the same time: each is taken once, and once it is refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * ROWS, hard), hard))
    folder = Path(f"/proc/{page.process.pid}/cwd").resolve()
    before = held(page, folder)

    async def decide(row: int) -> int:
        body = f"key={key(row)}&version=0&said=keep&where="
        reading, writing = await asyncio.open_connection("127.0.0.1", page.port)
        writing.write(
            f"POST /decide HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nOrigin: {page.origin}\r\nCookie: {page.cookie}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writing.drain()
        answered = await reading.read()
        writing.close()
        return int(answered.split(b" ", 2)[1])

    async def all_at_once() -> list[int]:
        return await asyncio.gather(*(decide(100 + row % 500) for row in range(ROWS)))

    try:
        statuses = asyncio.run(all_at_once())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert statuses.count(303) == 500
    assert statuses.count(409) == 500
    assert held(page, folder) == before + 500


def test_it_listens_to_this_machine_alone(page: Page) -> None:
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    listening = [line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{page.port:04X}")]
    assert listening == [f"0100007F:{page.port:04X}"]
