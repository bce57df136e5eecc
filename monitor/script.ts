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
  // The first to end change all the time.
  const ROWS_STAY = document.querySelector(".by-soonest") ? 1000 : 2500;
  const ENDED_STAY = 1000;
  // Milliseconds without the stream, and without a message, until the page is old.
  const DOWN_FOR = 2000;
  const SILENT_FOR = 25_000;
  const LITTLE_LEFT = 0.2;
  const [live, rows, announcement, dialog] = ["live", "rows", "announcement", "confirm"].map(byId);
  const main = document.querySelector("main");
  const canHover = matchMedia("(hover: hover)").matches;
  const parts = new Map();
  // Seconds by which the server's clock is ahead.
  let ahead = now - Date.now() / 1000;
  let rowsAt = 0;
  let boot;
  let heardAt = Date.now();
  // The stream is not open yet.
  let downAt = Date.now();

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
  const arePointedAt = () =>
    dialog.open || rows.matches(":focus-within") || (canHover && rows.matches(":hover"));
  const areRowsInUse = () => arePointedAt() || Date.now() < rowsAt + ROWS_STAY;
  const dropEnded = () => {
    if (arePointedAt()) return;
    for (const row of all("#rows .over")) {
      if (Date.now() > Number(row.dataset.over) + ENDED_STAY) row.remove();
    }
  };
  const isStale = () => {
    const now = Date.now();
    return now > heardAt + SILENT_FOR || (downAt !== undefined && now > downAt + DOWN_FOR);
  };
  const showState = () => {
    const isOld = isStale();
    main.classList.toggle("stale", isOld);
    if (!isOld && downAt !== undefined) return;
    live.className = isOld ? "live off" : "live on";
    const since = new Date(heardAt).toLocaleTimeString();
    const isOver = source.readyState === EventSource.CLOSED;
    show(live, !isOld ? "Live" : "Not live since " + since + (isOver ? ": reload the page" : ": reconnecting"));
  };
  const apply = () => {
    showState();
    if (main.classList.contains("stale")) return;
    dropEnded();
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
    row.dataset.over = Date.now();
    // Once a row only: a constant flow of ends would delay the rows forever.
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
    heardAt = Date.now();
    downAt = undefined;
    showState();
  };
  source.onerror = () => {
    downAt ??= Date.now();
  };
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    // A restarted server has new form tokens.
    if (boot !== undefined && boot !== message.boot) return location.reload();
    boot = message.boot;
    heardAt = Date.now();
    ahead = message.now - heardAt / 1000;
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
    const principal = row.cells[1].querySelector("a")?.textContent ?? "";
    dialog.querySelector("[name=uid]").value = uid;
    show(byId("confirm-uid"), uid);
    show(byId("confirm-principal"), principal === "" ? "" : " of " + principal);
    dialog.showModal();
  });
  byId("cancel").addEventListener("click", () => dialog.close());
})();
`;
