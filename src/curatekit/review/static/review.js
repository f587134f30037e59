// The page works without this file; with it, every button has a key, and no page is loaded whole.
// A key counts only once the row that it is for has been painted: fast keys must not decide a row that nobody has seen.
"use strict";
{
  let busy = false;
  const failure = document.getElementById("failure");

  const painted = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

  const fail = (text) => {
    failure.textContent = text;
    failure.hidden = false;
  };

  async function load(address, options) {
    if (busy) return;
    busy = true;
    document.documentElement.dataset.busy = "true";
    try {
      const answer = await fetch(address, { ...options, credentials: "same-origin" });
      const text = await answer.text();
      if (!(answer.headers.get("content-type") || "").startsWith("text/html")) {
        fail("NOT SAVED: " + text);
        return;
      }
      // what the server sent is escaped there; a parsed document runs no script
      const page = new DOMParser().parseFromString(text, "text/html");
      document.getElementById("main").replaceWith(document.adoptNode(page.getElementById("main")));
      document.title = page.title;
      if (answer.ok) {
        failure.hidden = true;
        if (answer.url !== location.href) history.pushState(null, "", answer.url);
      }
      scrollTo(0, 0);
      document.getElementById("main").focus({ preventScroll: true });
      ready();
    } catch (error) {
      fail("NOT SAVED: the server does not answer. Start curate review again; what was saved before is kept.");
    } finally {
      await painted();
      busy = false;
      delete document.documentElement.dataset.busy;
    }
  }

  async function ready() {
    for (const hidden of document.querySelectorAll("[data-tick], button[data-marks]")) hidden.hidden = false;
    const again = document.querySelector("[data-again]");
    if (again) setTimeout(() => again.isConnected && load(location.href, {}), 1000);
    const running = document.querySelector("[data-source]");
    if (!running) return;
    const answer = await fetch(running.dataset.source, { credentials: "same-origin" }).catch(() => null);
    if (!answer || !answer.ok || !running.isConnected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    running.replaceWith(document.adoptNode(page.querySelector(".running")));
  }

  const submit = (form, button) => {
    const fields = new URLSearchParams(new FormData(form, button));
    if (form.method === "get") load(new URL("?" + fields, form.action), {});
    else load(form.action, { method: "POST", body: fields });
  };

  addEventListener("submit", (event) => {
    event.preventDefault();
    submit(event.target, event.submitter);
  });

  addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (event.target.closest("[data-tick]")) {
      const ticks = [...document.querySelectorAll("input[name=row]")];
      const all = ticks.every((tick) => tick.checked);
      for (const tick of ticks) tick.checked = !all;
      return;
    }
    if (event.target.closest("button[data-marks]")) {
      const of = document.documentElement.dataset;
      of.marks = of.marks === "off" ? "on" : "off";
      return;
    }
    if (!link || link.hasAttribute("download") || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    load(link.href, {});
  });

  addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (field) {
      if (event.key === "Escape") field.blur();
      return;
    }
    if (busy || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if ((event.key === " " || event.key === "Enter") && event.target.closest("button, a, summary, input")) return;
    const of = document.querySelector(`[data-key="${CSS.escape(event.key)}"]:not(:disabled)`);
    if (!of) return;
    event.preventDefault();
    if (of.matches("input, textarea, select")) of.focus();
    else of.click();
    if (of.matches("summary")) of.parentElement.querySelector("input:not([type=hidden])").focus();
  });

  addEventListener("popstate", () => load(location.href, {}));
  painted().then(ready);
}
