/**
 * The script that updates the page. The page works without it too.
 *
 * It receives parts of the page as HTML that the server has escaped, and counts
 * the times down in between. Rows do not change while the viewer points at them.
 */
export const MONITOR_SCRIPT: string = String.raw`"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector) => document.querySelectorAll(selector);
  const { now, events } = document.querySelector("main").dataset;
  if (events === undefined) return;

  // Milliseconds that rows stay unchanged, so that the viewer can read them.
  const ROWS_STAY = 2500;
  const ENDED_STAY = 1500;
  const LITTLE_LEFT = 0.2;
  const [live, rows, announcement, dialog] = ["live", "rows", "announcement", "confirm"].map(byId);
  const canHover = matchMedia("(hover: hover)").matches;
  const parts = new Map();
  // Seconds by which the server's clock is ahead.
  let ahead = now - Date.now() / 1000;
  let rowsAt = 0;
  let boot;

  const durationText = (seconds) => {
    if (seconds === Infinity) return "never";
    const whole = Math.max(0, Math.round(seconds));
    if (whole < 60) return whole + " s";
    const units = [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]];
    const [large, name, small, smallName] = units.find(([large]) => whole >= large);
    const rest = Math.floor((whole % large) / small);
    return Math.floor(whole / large) + " " + name + (rest ? " " + rest + " " + smallName : "");
  };
  const show = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const runTime = () => {
    const now = Date.now() / 1000 + ahead;
    for (const cell of all("[data-since]")) show(cell, durationText(now - cell.dataset.since));
    for (const cell of all("span[data-until]")) show(cell, durationText(cell.dataset.until - now));
    for (const bar of all("rect[data-until]")) {
      const { from, until } = bar.dataset;
      const part = until === "Infinity" ? 1 : Math.min(1, Math.max(0, (until - now) / (until - from) || 0));
      bar.setAttribute("width", (part * 100).toFixed(1));
      bar.closest("tr").classList.toggle("low", part < LITTLE_LEFT);
    }
  };
  const areRowsInUse = () =>
    dialog.open || rows.matches(":focus-within") || (canHover && rows.matches(":hover")) ||
    Date.now() < rowsAt + ROWS_STAY;
  const apply = () => {
    for (const [id, html] of parts) {
      if (id === "rows") {
        if (areRowsInUse()) continue;
        rowsAt = Date.now();
      }
      byId(id).innerHTML = html;
      parts.delete(id);
    }
    runTime();
  };
  const markEnded = ([uid, reason]) => {
    const row = rows.querySelector('[data-uid="' + uid + '"]');
    if (row === null || row.className === "over") return;
    row.className = "over";
    // Once a row only: a constant flow of ends would delay the rows for ever.
    const now = Date.now();
    if (now > rowsAt + ROWS_STAY) rowsAt = now - ROWS_STAY + ENDED_STAY;
    const mark = document.createElement("span");
    mark.className = "reason " + (/^[a-z]+$/.test(reason) ? reason : "other");
    mark.textContent = reason;
    row.querySelector(".left").replaceChildren(mark);
    row.querySelector(".end").remove();
  };

  const source = new EventSource(events);
  source.onopen = () => {
    live.className = "live on";
    show(live, "Live");
  };
  source.onerror = () => {
    live.className = "live off";
    const isOver = source.readyState === EventSource.CLOSED;
    show(live, isOver ? "Not live: reload the page" : "Reconnecting");
  };
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    // A restarted server has new form tokens.
    if (boot !== undefined && boot !== message.boot) return location.reload();
    boot = message.boot;
    ahead = message.now - Date.now() / 1000;
    for (const [id, html] of Object.entries(message.parts)) parts.set(id, html);
    message.ended.forEach(markEnded);
    if (message.announcement !== "") show(announcement, message.announcement);
    apply();
  };
  setInterval(apply, 1000);
  runTime();

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.end");
    if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const row = link.closest("tr");
    const { uid } = row.dataset;
    const principal = row.cells[1].querySelector("i") ? "" : row.cells[1].textContent;
    dialog.querySelector("[name=uid]").value = uid;
    show(byId("confirm-uid"), uid);
    show(byId("confirm-principal"), principal === "" ? "" : " of " + principal);
    dialog.showModal();
  });
  byId("cancel").addEventListener("click", () => dialog.close());
})();
`;
