/**
 * The script of a page: warns before the session ends, and lets the user extend or
 * end the session. The text of this function runs in browsers, so it cannot use
 * anything outside of it.
 *
 * The script polls the server while a warning is near or shown, and is idle at
 * other times. Each tab sends the states that it receives to the other tabs.
 */
export function sessionClock() {
  const script = document.currentScript;
  const { dataset, src } = script;
  const url = new URL(".", src).href.slice(0, -1);
  const lead = Number(dataset.lead) || 60;
  const texts = {
    warning: dataset.warning ?? "Your session ends in {time}.",
    stay: dataset.stay ?? "Stay",
    leave: dataset.leave ?? "Leave",
    dismiss: dataset.dismiss ?? "OK",
    ended: dataset.ended ?? "Your session has ended.",
    again: dataset.again ?? "Continue",
  };
  const channel = new BroadcastChannel(`session clock ${url}`);
  const language = document.documentElement.lang || undefined;

  let deadline = Infinity;
  let canStay = true;
  let isKnown = false;
  let hasEnded = false;
  let dismissed;
  let ticks = 0;
  let timer;

  const add = (parent, tag, properties) =>
    parent.appendChild(Object.assign(document.createElement(tag), properties));
  const root = add(document.body ?? document.documentElement, "div", {
    className: "session-clock",
  }).attachShadow({ mode: "open" });
  // A Content-Security-Policy allows a constructed stylesheet, and no inline one.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    dialog { color-scheme: light dark; color: CanvasText; background: Canvas;
      font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; padding: 1.5rem;
      border: 1px solid GrayText; border-radius: .5rem }
    dialog::backdrop { background: rgb(0 0 0 / .4) }
    p { margin: 0 0 1rem }
    button { font: inherit; padding: .5em 1.5em; margin-inline-end: .5em }
    button:focus-visible { outline: 3px solid CanvasText; outline-offset: 2px }
    output { position: absolute; width: 1px; height: 1px; overflow: hidden;
      clip-path: inset(50%) }
    @media (prefers-color-scheme: dark) {
      dialog::backdrop { background: rgb(0 0 0 / .7) } }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open] { animation: appear .2s } }
    @keyframes appear { from { opacity: 0 } }`);
  root.adoptedStyleSheets = [sheet];
  const dialog = add(root, "dialog", { part: "dialog" });
  dialog.setAttribute("role", "alertdialog");
  dialog.setAttribute("aria-labelledby", "text");
  const text = add(dialog, "p", { id: "text" });
  // Screen readers would read the countdown each second; they read this instead.
  const spoken = add(dialog, "output", { ariaLive: "polite" });
  const first = add(dialog, "button", { type: "button", autofocus: true });
  const second = add(dialog, "button", {
    type: "button",
    textContent: texts.leave,
  });

  const show = (words, button) => {
    text.textContent = words;
    first.textContent = button;
    second.hidden = hasEnded;
    if (!dialog.open) dialog.showModal();
  };
  const hide = () => {
    spoken.textContent = "";
    dialog.close();
  };
  const wait = (act, delay) => {
    clearTimeout(timer);
    timer = setTimeout(act, Math.min(Math.max(delay, 250), 2 ** 31 - 1));
  };
  const leavePage = () => {
    if (dataset.after === undefined) location.reload();
    else location.assign(dataset.after);
  };

  const warn = (left) => {
    const seconds = Math.max(0, Math.ceil(left));
    const [amount, unit] = seconds > 120
      ? [Math.round(seconds / 60), "minute"]
      : [seconds, "second"];
    const time = new Intl.NumberFormat(language, {
      style: "unit",
      unit,
      unitDisplay: "long",
    }).format(amount);
    const words = texts.warning.replace("{time}", time);
    show(words, canStay ? texts.stay : texts.dismiss);
    if (seconds % 30 === 0 || seconds === 10) spoken.textContent = words;
  };

  const end = () => {
    hasEnded = true;
    clearTimeout(timer);
    show(texts.ended, texts.again);
    spoken.textContent = texts.ended;
    first.focus();
  };

  const tick = () => {
    const left = (deadline - Date.now()) / 1000;
    if (left > lead) {
      hide();
      wait(poll, (left - lead) * 1000);
      return;
    }
    if (dismissed !== deadline) warn(left);
    const isPollDue = left <= 0 || ++ticks % 5 === 0;
    wait(isPollDue ? poll : tick, Math.min(1000, left * 1000));
  };

  const follow = (state) => {
    if (hasEnded) return;
    if (!state.isActive) {
      // A page that never had a session shows no dialog.
      if (isKnown) end();
      return;
    }
    isKnown = true;
    canStay = state.canStay;
    const reported = Date.now() + (state.secondsLeft ?? Infinity) * 1000;
    // A small difference is the time that the response took.
    if (!(Math.abs(reported - deadline) < 500)) deadline = reported;
    tick();
  };

  const request = async (method) => {
    try {
      const response = await fetch(url, { method, cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      const state = await response.json();
      follow(state);
      return state;
    } catch {
      // The server cannot be reached: try again later.
      if (!hasEnded) wait(poll, 5000);
    }
  };
  const share = (state) => {
    if (state !== undefined) channel.postMessage(state);
  };
  const poll = async () => {
    const state = await request("GET");
    if (hasEnded) share(state);
  };

  first.onclick = async () => {
    if (hasEnded) leavePage();
    else if (canStay) share(await request("POST"));
    else {
      dismissed = deadline;
      hide();
    }
  };
  second.onclick = async () => {
    const state = await request("DELETE");
    share(state);
    if (state !== undefined) leavePage();
  };
  dialog.oncancel = (event) => {
    event.preventDefault();
    if (!hasEnded) first.click();
  };
  channel.onmessage = ({ data }) => follow(data);
  document.addEventListener("visibilitychange", () => {
    if (isKnown && !hasEnded && !document.hidden) poll();
  });
  // The request for this page has extended the session for the other tabs too.
  request("GET").then(share);
}
