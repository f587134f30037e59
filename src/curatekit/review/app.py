"""The review page: a few server-rendered pages over a desk. It works without scripts, and by keyboard with one.

Starlette, since it is the smallest well-kept ASGI framework; Jinja2, since it escapes by default; uvicorn to serve it.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from curatekit.errors import CurateError, InputError, Locked, NoSpace
from curatekit.review.agreement import between
from curatekit.review.decisions import LABEL, UNDECIDED, Stale
from curatekit.review.desk import NOTHING_TO_UNDO, Answer, Desk
from curatekit.review.drafts import as_yaml, drafts_path, write_drafts
from curatekit.review.export import export
from curatekit.review.filters import ALL, STATES, TODO
from curatekit.review.security import App
from curatekit.review.telling import Part, Telling, telling
from curatekit.review.views import View, view_of
from curatekit.review.visible import visible

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from curatekit.review.evidence import Evidence
    from curatekit.review.queue import Queue

NEEDED = ("jinja2", "starlette", "uvicorn")
IN_GRID = 48
DIGITS = 9
LONG = 20_000  # characters of a text that are shown at first
IN_CELL = 400
MOST_OFFERED = 1_000
MOST_FIELDS = 500
FIRST_PAGE_S = 2.0  # how long the rest of the reading waits for the first page to be asked for
HERE = Path(__file__).parent


def check_installed() -> None:
    """Raise InputError with the line that installs what the page needs, where it is not there."""
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise InputError(
            f"The review page needs {', '.join(lacking)}. Install it: pip install 'curatekit[review]', or use --terminal."
        )


class Review:
    """The pages over one desk. `evidence` may come later: pages show it from then on."""

    def __init__(self, desk: Desk) -> None:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        self.desk = desk
        self.evidence: Evidence | None = None
        self.telling: Telling | None = None
        """Words that tell a label; None until they are counted."""
        self.missing = ""
        """Why there is no evidence, or not all; shown on the overview."""
        self.fault: Exception | None = None
        """Why the rest of the rows could not be read."""
        self.stop: Callable[[], None] = lambda: None
        """What ends the server."""
        self._told = ""
        """What the next page of rows says first."""
        self._last = desk.queue  # of those read
        self._arrived: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._asked = Event()  # the first page was
        self._templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        self._templates.filters["visible"] = visible
        self._templates.globals.update(STATES=STATES, TODO=TODO, ALL=ALL)

    def read_behind(self, rest: Callable[[], Queue] | None, evidence: Callable[[Queue], Evidence]) -> Thread:
        """Show what these return once they have: the rest of the rows, and what is known of them. No page waits for it.

        Where the rest cannot be read the page ends, and `fault` says why.
        """

        def read() -> None:
            self._asked.wait(FIRST_PAGE_S)  # a page and this are not both at once
            try:
                if rest is not None:
                    self._arrived.put(self._with_all(rest()))
            except Exception as error:  # noqa: BLE001  # what is not foreseen too: `serve` raises it, else the page waits for ever
                self.fault = error
                self.stop()
                return
            queue = self._last
            try:
                self._arrived.put(self._with_evidence(evidence(queue), queue))
            except CurateError as error:
                self.missing = str(error)
            self.telling = telling(*(queue.frame[name].to_list() for name in ("text", "given_label")))

        thread = Thread(target=read, name="behind the page", daemon=True)
        thread.start()
        return thread

    def _with_all(self, queue: Queue) -> Callable[[], None]:
        queue.contents  # noqa: B018  # a second's work on 100,000 rows, that no page need wait for
        self._last = queue
        return lambda: self.desk.take(queue)

    def _with_evidence(self, evidence: Evidence, queue: Queue) -> Callable[[], None]:
        alike = evidence.clusters(queue.alike)

        def take() -> None:
            self.desk.link(alike)
            self.evidence, self.missing = evidence, evidence.missing

        return take

    def _take_arrived(self) -> None:
        """Take what was read since: here, between two pages, and not in the thread that read it."""
        while not self._arrived.empty():
            self._arrived.get()()

    @property
    def asgi(self) -> App:
        """The app that answers, unguarded."""
        from starlette.applications import Starlette
        from starlette.routing import Route

        files = {
            "/review.js": ("text/javascript", (HERE / "static" / "review.js").read_bytes()),
            "/review.css": ("text/css", _style()),
        }
        routes = [
            Route("/", self.rows),
            Route("/decide", self.decide, methods=["POST"]),
            Route("/decide-many", self.decide_many, methods=["POST"]),
            Route("/undo", self.undo, methods=["POST"]),
            Route("/draft", self.draft, methods=["POST"]),
            Route("/running", self.running),
            Route("/overview", self.overview),
            Route("/decisions.csv", self.decisions),
            Route("/specifications.yaml", self.specifications),
            *(Route(path, _file(*file)) for path, file in files.items()),
        ]
        app: App = Starlette(routes=routes, exception_handlers={InputError: self._unreadable})
        return app

    # Handlers are coroutines that do not wait: one at a time works on the desk, so that two answers cannot cross.

    async def rows(self, request: Request) -> Response:
        """Show a row, or a grid."""
        view, told = view_of(request.scope["query_string"].decode("latin-1")), self._told
        self._told = ""
        shown = self._shown(view, told)
        self._asked.set()
        return shown

    async def decide(self, request: Request) -> Response:
        """Keep the answer to one row, and go on to the next."""
        form = await _form(request)
        view = view_of(_last(form, "where"))
        said, label = _said(form)
        note = _last(form, "note").replace("\r\n", "\n")
        answer = Answer(_last(form, "key"), _whole(_last(form, "version")), said, label, note)
        if said == "note":
            # the verdict stays what it is
            return self._answered(view, [answer], noted=True)
        return self._answered(view, [answer])

    async def decide_many(self, request: Request) -> Response:
        """Keep the same answer to the rows that are ticked."""
        form = await _form(request)
        view = view_of(_last(form, "where"))
        said, label = _said(form)
        ticked = [value.partition(":") for name, value in form if name == "row"]
        if not ticked:
            return self._shown(view, "No row is ticked, so nothing was changed.", 400)
        unique = {key: Answer(key, _whole(version), said, label) for key, _, version in ticked}
        return self._answered(view, list(unique.values()))

    async def undo(self, request: Request) -> Response:
        """Take the last answer back, and show its row."""
        view = view_of(_last(await _form(request), "where"))
        try:
            undone = self.desk.undo()
        except CurateError as error:
            return self._refused(view, error)
        if undone is None:
            return self._shown(view, NOTHING_TO_UNDO, 400)
        self._told = undone.told
        return _to(view if view.grid else view.at(undone.row))

    async def draft(self, request: Request) -> Response:
        """Make the row an example of a specification."""
        form = await _form(request)
        view = view_of(_last(form, "where"))
        row = self._row(view, _last(form, "key"))
        if row is None:
            return self._shown(view, "There is no such row in these issues.", 400)
        try:
            self.desk.draft(row, _last(form, "specification"), _last(form, "statement"), _last(form, "label"))
            write_drafts(self.desk.store.drafts(), drafts_path(self.desk.store.path))
        except CurateError as error:
            return self._refused(view, error)
        return _to(view.at(row))

    async def running(self, request: Request) -> Response:
        """Show how many labels are wrong by what is decided so far."""
        from starlette.concurrency import run_in_threadpool

        wrong = self.desk.wrong()
        found = await run_in_threadpool(self.desk.running, wrong)
        return self._page("running.html", running=found)

    async def overview(self, request: Request) -> Response:
        """Show how far the work is, by reviewer and by pair of labels, and what can be taken away."""
        self._take_arrived()
        desk, store = self.desk, self.desk.store
        by_reviewer = {name: store.of(name) for name in store.reviewers()}
        agreement = between(desk.queue, by_reviewer) if len(by_reviewer) > 1 else None
        return self._page(
            "overview.html",
            view=View(),
            running=desk.running(),
            agreement=agreement,
            differing=[(row, desk.queue.cell(row, "text")) for row in agreement.differing[:IN_GRID]]
            if agreement
            else [],
            reviewers={name: sum(d.said != UNDECIDED for d in of.values()) for name, of in by_reviewer.items()},
            drafts=store.drafts(),
            missing=self.missing,
        )

    async def decisions(self, request: Request) -> Response:
        """Hand over the decisions of all reviewers, as curate fix reads them."""
        self._take_arrived()
        store = self.desk.store
        if not self.desk.queue.whole:
            return self._shown(View(), "The rows are still being read. Take the decisions away in a moment.", 503)
        table = export(self.desk.queue, {name: store.of(name) for name in store.reviewers()}).table
        stream = io.BytesIO()
        table.write_csv(stream)
        return _download(stream.getvalue(), "text/csv; charset=utf-8", "decisions.csv")

    async def specifications(self, request: Request) -> Response:
        """Hand over the specifications being written."""
        try:
            text = as_yaml(self.desk.store.drafts())
        except InputError as error:
            return self._shown(View(), str(error), 404)
        return _download(text.encode(), "application/yaml; charset=utf-8", "specifications.yaml")

    async def _unreadable(self, request: Request, error: Exception) -> Response:
        return self._shown(View(), f"{'NOT SAVED. ' if request.method == 'POST' else ''}{error}", 400)

    def _answered(self, view: View, answers: Sequence[Answer], *, noted: bool = False) -> Response:
        desk = self.desk
        try:
            if noted:
                desk.note(answers[0])
            else:
                desk.answer(answers)
        except CurateError as error:
            return self._refused(view, error)
        if view.grid:
            return _to(view)
        row = self._row(view, answers[0].key)
        assert row is not None
        return _to(view.at(row if noted else desk.next_row(view.filter, row)))

    def _row(self, view: View, key: str) -> int | None:
        """Return the row that was answered: the one that the view shows where it has the key, since copies share theirs."""
        queue = self.desk.queue
        shown = view.row if view.row is not None and view.row < len(queue) else None
        return shown if shown is not None and queue.keys[shown] == key else queue.row_of.get(key)

    def _refused(self, view: View, error: CurateError) -> Response:
        status = 409 if isinstance(error, Stale) else 503 if isinstance(error, Locked | NoSpace) else 400
        return self._shown(view, f"NOT SAVED. {error}", status)

    def _shown(self, view: View, notice: str = "", status: int = 200) -> Response:
        self._take_arrived()
        if view.grid:
            return self._grid(view, notice, status)
        desk, queue = self.desk, self.desk.queue
        row = view.row if view.row is not None and view.row < len(queue) else desk.next_row(view.filter)
        if row is None:
            return self._page("done.html", status, view=view, notice=notice, running=desk.running())
        view, known = view._replace(row=row), self.evidence
        text = queue.cell(row, "text")
        left, before = desk.next_row(view.filter, row), desk.row_before(view.filter, row)
        probabilities = known.probabilities_of(row) if known else ()
        return self._page(
            "row.html",
            status,
            view=view,
            notice=notice,
            row=row,
            key=queue.keys[row],
            id=queue.cell(row, "id"),
            parts=None if text is None else self._parts(text if view.whole else text[:LONG], row),
            marked=self.telling is not None,
            cut=0 if text is None or view.whole else max(0, len(text) - LONG),
            given=queue.cell(row, "given_label"),
            suggested=queue.cell(row, "suggested_label"),
            reasons=_reasons(queue.cell(row, "reasons")),
            figures=self._figures(row),
            decision=desk.decision(row),
            right=desk.right_label(row),
            offered=self._offered([label for label, _ in probabilities]),
            probabilities=probabilities,
            neighbours=known.neighbours_of(row) if known else (),
            copies=int((desk.alike == desk.alike[row]).sum()),
            after=None if left is None else view.at(left),
            before=None if before is None else view.at(before),
        )

    def _grid(self, view: View, notice: str, status: int) -> Response:
        desk, queue = self.desk, self.desk.queue
        rows = desk.rows(view.filter)
        pages = max(1, -(-len(rows) // IN_GRID))
        view = view._replace(page=min(view.page, pages - 1))
        cells = [
            {
                "row": row,
                "key": queue.keys[row],
                "text": visible((queue.cell(row, "text") or "")[:IN_CELL]),
                "more": len(queue.cell(row, "text") or "") > IN_CELL,
                "given": queue.cell(row, "given_label"),
                "suggested": queue.cell(row, "suggested_label"),
                "decision": desk.decision(row),
            }
            for row in rows[view.page * IN_GRID : (view.page + 1) * IN_GRID].tolist()
        ]
        return self._page(
            "grid.html", status, view=view, notice=notice, cells=cells, rows=len(rows), pages=pages,
            offered=self._offered([]), ticked=view.filter.like is not None,
        )  # fmt: skip

    def _parts(self, text: str, row: int) -> tuple[Part, ...]:
        given = self.desk.queue.cell(row, "given_label")
        return self.telling.parts(text, given) if self.telling else (Part(text),)

    def _figures(self, row: int) -> list[tuple[str, str]]:
        queue = self.desk.queue
        pvi = self.evidence.pvi_of(row) if self.evidence else queue.number(row, "pvi")
        found = [
            ("P(label is wrong)", queue.number(row, "p_wrong"), "{:.2f}"),
            ("P(suggested label)", queue.number(row, "suggested_probability"), "{:.2f}"),
            ("P(given label)", queue.number(row, "self_confidence"), "{:.2f}"),
            ("neighbours with the given label", queue.number(row, "knn_agreement"), "{:.0%}"),
            ("PVI", pvi, "{:+.2f} bits"),
        ]
        return [(name, form.format(value).replace("-", "−")) for name, value, form in found if value is not None]

    def _offered(self, probable: Sequence[str]) -> list[str]:
        """Return the labels under the digit keys: all where they are few, else the row's most probable."""
        classes = self.desk.queue.classes
        return list(classes) if len(classes) <= DIGITS else list(probable[:DIGITS])

    def _page(self, template: str, status: int = 200, **values: Any) -> Response:
        from starlette.responses import HTMLResponse

        desk = self.desk
        values = {
            "notice": "",
            "queue": desk.queue,
            "reviewer": desk.reviewer,
            "progress": desk.progress(),
            "classes": desk.queue.classes[:MOST_OFFERED],
            "audit": desk.queue.design is not None,
            **values,
        }
        if "running" not in values:
            # in an audit it takes a tenth of a second, so the page asks for it after it is painted
            values["running"] = None if values["audit"] else desk.running()
        return HTMLResponse(self._templates.get_template(template).render(values), status)


def _style() -> bytes:
    from curatekit.plot.style import PAGE, THEMES

    return (THEMES + PAGE).encode() + (HERE / "static" / "review.css").read_bytes()


def _file(kind: str, content: bytes) -> Any:
    from starlette.responses import Response

    async def file(request: Request) -> Response:
        return Response(content, media_type=kind)

    return file


def _download(content: bytes, kind: str, name: str) -> Response:
    from starlette.responses import Response

    return Response(content, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def _to(view: View) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse(view.address, 303)


async def _form(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form; none where it is no form of ours."""
    try:
        return parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:  # no UTF-8, or too many fields
        return []


def _last(form: Sequence[tuple[str, str]], name: str) -> str:
    return next((value for key, value in reversed(form) if key == name), "")


def _said(form: Sequence[tuple[str, str]]) -> tuple[str, str | None]:
    """Return what a form says of its rows, and the label that it names: "=praise" is a button that gives this one."""
    said = _last(form, "said")
    return (LABEL, said[1:]) if said.startswith("=") else (said, _last(form, "label") or None)


def _whole(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else -1


def _reasons(reasons: object) -> list[str]:
    return [reason.strip() for reason in str(reasons).split(";") if reason.strip()] if reasons else []
