"use strict";

/* Keeps the page live: polls every two seconds while the page is visible, says when its figures are old,
   and keeps the reader's place when parts of the page are replaced. */
(() => {
  const POLL_MS = 2000;
  const page = document.getElementById("content");
  const poll = document.getElementById("poll");
  const fresh = document.getElementById("fresh");
  const stale = document.getElementById("stale");
  const said = document.getElementById("said");
  const answer = document.getElementById("answer");
  const timezone = page.dataset.timezone;
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, timeStyle: "medium" });
  const charts = new Map();
  let freshAt = new Date();

  // Asking.

  function ask() {
    if (poll && !document.hidden) htmx.trigger(poll, "poll");
  }
  setInterval(ask, POLL_MS);
  document.addEventListener("visibilitychange", ask);

  document.body.addEventListener("htmx:configRequest", ({ detail }) => {
    if (detail.elt !== poll) return;
    detail.parameters.seen = Array.from(page.querySelectorAll("[data-version]"), (piece) => `${piece.id}:${piece.dataset.version}`);
  });

  // Fresh or stale.

  function isFresh() {
    freshAt = new Date();
    stale.hidden = true;
    document.body.classList.remove("is-stale");
    fresh.className = "fresh fresh--live";
    fresh.textContent = `live, ${clock.format(freshAt)} ${timezone}`;
  }

  function isStale(why) {
    const sentence = `${why} These figures are from ${clock.format(freshAt)} ${timezone}; the page tries again every two seconds.`;
    if (stale.textContent !== sentence) stale.textContent = sentence;  // announced once, not at each try
    stale.hidden = false;
    document.body.classList.add("is-stale");
    fresh.className = "fresh fresh--stale";
    fresh.textContent = "not live";
  }

  function whyNot(request) {
    if (request.status === 503) return "The database cannot be reached.";
    if (request.status >= 400) return `The server answers with an error (${request.status}).`;
    return "The connection to the server is lost.";
  }

  document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.elt === poll) {
      if (detail.successful) isFresh();
      else isStale(whyNot(detail.xhr));
    } else if (!detail.successful) {
      const line = document.createElement("p");
      line.className = "notice notice--bad";
      line.textContent = detail.xhr.status === 403
        ? "Nothing was done: you may not use this button, or you have logged in again. Reload the page."
        : `${whyNot(detail.xhr)} It is unknown if that was done. Check the figures before you try again.`;
      answer.replaceChildren(line);
    }
  });

  // Keep open details and the focus when a part is replaced.

  let open = new Set();
  let focused = null;

  document.body.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
    open = new Set(Array.from(detail.target.querySelectorAll("details[open]"), (each) => each.id));
    focused = detail.target.contains(document.activeElement) ? document.activeElement.id : null;
  });

  document.body.addEventListener("htmx:oobAfterSwap", ({ detail }) => {
    const piece = document.getElementById(detail.target.id);
    if (!piece) return;
    for (const each of piece.querySelectorAll("details")) each.open = open.has(each.id);
    if (focused !== null) {
      const again = focused ? document.getElementById(focused) : null;
      (again ?? piece.closest(".panel")?.querySelector("h2"))?.focus({ preventScroll: true });
      focused = null;
    }
    show();
  });

  // Announcements and charts, which are outside the replaced parts.

  function show() {
    const announcements = Array.from(page.querySelectorAll("[data-announcement]"), (each) => each.dataset.announcement);
    const sentence = announcements.join(" ");
    if (said.dataset.last !== undefined && said.dataset.last !== sentence) said.textContent = sentence;
    said.dataset.last = sentence;
    for (const host of page.querySelectorAll("[data-chart]")) {
      const points = document.getElementById(host.dataset.chart).querySelector("[data-points]");
      if (!charts.has(host)) {
        charts.set(host, new RateChart(host, host.closest(".card").querySelector(".readout"), timezone));
      }
      charts.get(host).show(points ? points.dataset.points : "");
    }
  }

  show();
  if (poll) isFresh();
})();
