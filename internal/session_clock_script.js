/**
 * What a page includes: it warns before the session ends, and lets the visitor
 * stay or leave. It runs in browsers, and is served as the text that it is, so
 * it may use nothing from outside.
 *
 * The server is asked when a warning is near, and while it is shown; in between
 * nothing is done. What one tab learns, it tells the others.
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
  let looks = 0;
  let timer;

  const add = (parent, tag, properties) =>
    parent.appendChild(Object.assign(document.createElement(tag), properties));
  const root = add(document.body ?? document.documentElement, "div", {
    className: "session-clock",
  }).attachShadow({ mode: "open" });
  // A sheet that is made here is no inline style to a Content-Security-Policy.
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
  // The count would be read out each second: this is, now and then.
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
  const goOn = () => {
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
      wait(look, (left - lead) * 1000);
      return;
    }
    if (dismissed !== deadline) warn(left);
    const isLookDue = left <= 0 || ++looks % 5 === 0;
    wait(isLookDue ? look : tick, Math.min(1000, left * 1000));
  };

  const follow = (state) => {
    if (hasEnded) return;
    if (!state.isActive) {
      // A page for visitors without a session has nothing to say.
      if (isKnown) end();
      return;
    }
    isKnown = true;
    canStay = state.canStay;
    const moved = Date.now() + (state.secondsLeft ?? Infinity) * 1000;
    // The way here takes its time: that is no move.
    if (!(Math.abs(moved - deadline) < 500)) deadline = moved;
    tick();
  };

  const ask = async (method) => {
    try {
      const response = await fetch(url, { method, cache: "no-store" });
      if (!response.ok) throw new Error(response.statusText);
      const state = await response.json();
      follow(state);
      return state;
    } catch {
      // Nobody is there: later, perhaps.
      if (!hasEnded) wait(look, 5000);
    }
  };
  const tell = (state) => {
    if (state !== undefined) channel.postMessage(state);
  };
  const look = async () => {
    const state = await ask("GET");
    if (hasEnded) tell(state);
  };

  first.onclick = async () => {
    if (hasEnded) goOn();
    else if (canStay) tell(await ask("POST"));
    else {
      dismissed = deadline;
      hide();
    }
  };
  second.onclick = async () => {
    const state = await ask("DELETE");
    tell(state);
    if (state !== undefined) goOn();
  };
  dialog.oncancel = (event) => {
    event.preventDefault();
    if (!hasEnded) first.click();
  };
  channel.onmessage = ({ data }) => follow(data);
  document.addEventListener("visibilitychange", () => {
    if (isKnown && !hasEnded && !document.hidden) look();
  });
  // The visit to this page has moved the deadline for the other tabs.
  ask("GET").then(tell);
}
