/**
 * The script of a page: warns before the session ends, lets the user extend or end
 * the session, and covers the page at the end. The text of this function runs in
 * browsers, so it cannot use anything outside of it.
 *
 * @param {Function} watchSession As in `session_clock_client.js`.
 * @param {string} tokens The declarations that all pages share.
 */
export function sessionClock(watchSession, tokens) {
  const { dataset, src } = document.currentScript;
  const url = new URL(".", src).href.slice(0, -1);
  const clock = watchSession(url);
  const language = document.documentElement.lang || undefined;
  const texts = {
    heading: "You are about to be signed out",
    warning:
      "You will be signed out in {time}, because you have not done anything for a while.",
    last: dataset.warning ??
      "You will be signed out in {time}. This cannot be put off: save your work now.",
    stay: "Stay signed in",
    leave: "Sign out",
    dismiss: "OK",
    endHeading: "You have been signed out",
    again: "Sign in again",
    away: "The site cannot be reached at the moment.",
    stayFailed: "Staying signed in has failed. Try again.",
    leaveFailed: "Signing out has failed. Try again.",
    ...dataset,
  };
  const ends = {
    idle:
      "Your session has ended, because you had not done anything for a while.",
    replaced:
      "Your session has ended. Another one has begun in this browser since.",
  };

  const add = (parent, tag, properties) =>
    parent.appendChild(Object.assign(document.createElement(tag), properties));
  const host = Object.assign(document.createElement("div"), {
    className: "session-clock",
  });
  const root = host.attachShadow({ mode: "open" });
  // A Content-Security-Policy allows a constructed stylesheet, and no inline one.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    dialog { ${tokens} color: var(--text); background: var(--sheet);
      font: var(--font); max-width: min(26rem, 100vw - 2rem); padding: 1.5rem;
      border: 1px solid var(--edge); border-radius: .75rem; box-sizing: border-box }
    dialog::backdrop { background: rgb(0 0 0 / .5) }
    dialog.cover::backdrop { background: var(--page, Canvas) }
    h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .5rem }
    p { margin: 0 0 1rem }
    p:empty, [hidden] { display: none }
    button { font: inherit; min-height: 2.75rem; padding: .5rem 1.25rem;
      margin-inline-end: .75rem; border: 1px solid transparent;
      border-radius: .5rem; cursor: pointer }
    #first { background: var(--accent); color: var(--on-accent);
      font-weight: 600; margin-inline-end: 1.25rem }
    #second { background: none; color: inherit; text-decoration: underline;
      padding-inline: .5rem; margin-inline-start: -.5rem }
    button:focus-visible { outline: 3px solid var(--text); outline-offset: 2px }
    output { position: absolute; width: 1px; height: 1px; overflow: hidden;
      clip-path: inset(50%) }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open]:not(.cover) { animation: appear .2s } }
    @keyframes appear { from { opacity: 0 } }`);
  root.adoptedStyleSheets = [sheet];
  const dialog = add(root, "dialog", { part: "dialog" });
  dialog.setAttribute("role", "alertdialog");
  dialog.setAttribute("aria-labelledby", "heading");
  dialog.setAttribute("aria-describedby", "text");
  const heading = add(dialog, "h2", { id: "heading" });
  const text = add(dialog, "p", { id: "text" });
  const note = add(dialog, "p", { id: "note", role: "status" });
  // Screen readers would read the countdown each second; they read this instead.
  const spoken = add(dialog, "output", { ariaLive: "polite" });
  const first = add(dialog, "button", {
    id: "first",
    type: "button",
    autofocus: true,
  });
  const second = add(dialog, "button", {
    id: "second",
    type: "button",
    textContent: texts.leave,
  });

  let state = { status: "unknown" };
  let isDismissed = false;
  /** Whether the page is about to open another one, or waits for the sign-out. */
  let isLeaving = false;

  const show = (words) => {
    const isCover = state.status === "ended";
    heading.textContent = isCover ? texts.endHeading : texts.heading;
    text.textContent = words;
    second.hidden = isCover;
    const parent = document.body ?? document.documentElement;
    // The page may have replaced its body.
    if (!host.isConnected) parent.append(host);
    if (isCover !== dialog.classList.contains("cover")) {
      dialog.classList.toggle("cover", isCover);
      dialog.setAttribute("closedby", isCover ? "none" : "closerequest");
      // Opened again, it lies above dialogs of the page.
      if (dialog.open) dialog.close();
    }
    if (dialog.open) return;
    dialog.showModal();
    first.focus();
  };
  const hide = () => {
    spoken.textContent = "";
    dialog.classList.remove("cover");
    if (dialog.open) dialog.close();
  };
  const isShown = () =>
    state.status === "ended" || (state.status === "warning" && !isDismissed);

  const timeOf = (seconds) => {
    const isLong = seconds > 120;
    return new Intl.NumberFormat(language, {
      style: "unit",
      unit: isLong ? "minute" : "second",
      unitDisplay: "long",
    }).format(isLong ? Math.round(seconds / 60) : seconds);
  };
  const noteOf = ({ failed, isReachable }) => {
    const failure = failed === "stay"
      ? texts.stayFailed
      : failed === "signOut"
      ? texts.leaveFailed
      : "";
    return [failure, isReachable ? "" : texts.away].filter(Boolean).join(" ");
  };
  const setNote = (words) => {
    if (note.textContent !== words) note.textContent = words;
  };

  const warn = () => {
    const { secondsLeft, canStay } = state;
    const words = (canStay ? texts.warning : texts.last)
      .replace("{time}", timeOf(secondsLeft));
    first.textContent = canStay ? texts.stay : texts.dismiss;
    show(words);
    if (secondsLeft % 30 === 0 || secondsLeft === 10) {
      spoken.textContent = words;
    }
  };
  const cover = () => {
    const words = dataset.ended ?? ends[state.reason] ??
      "Your session has ended.";
    first.textContent = texts.again;
    show(words);
    spoken.textContent = `${texts.endHeading}. ${words}`;
  };

  const announce = (type) =>
    document.dispatchEvent(
      new CustomEvent(type, { bubbles: true, detail: state }),
    );
  const isOf = (status, ...statuses) => statuses.includes(status);

  const render = (next) => {
    const before = state.status;
    state = next;
    const { status } = next;
    if (status !== before) {
      isDismissed = false;
      // The page can save its data before it is covered.
      if (isOf(status, "warning", "ended")) announce(`session-${status}`);
      else if (isOf(before, "warning", "ended") && status === "active") {
        announce("session-continued");
      }
    }
    if (isLeaving) return;
    setNote(noteOf(next));
    if (!isShown()) hide();
    else if (status === "warning") warn();
    else cover();
  };

  const leavePage = () => {
    if (dataset.after === undefined) location.reload();
    else location.assign(dataset.after);
  };

  first.onclick = async () => {
    if (state.status === "warning") {
      if (state.canStay) return void clock.stay();
      isDismissed = true;
      return hide();
    }
    // An error page of the browser would replace unsaved work.
    if (!state.isConfirmed) await clock.look();
    if (state.status === "ended" && state.isReachable) leavePage();
  };
  second.onclick = async () => {
    isLeaving = true;
    isLeaving = await clock.signOut();
    if (isLeaving) leavePage();
    else render(state);
  };
  dialog.oncancel = (event) => {
    event.preventDefault();
    if (state.status === "warning") first.click();
  };
  // Browsers close a dialog at the second Escape, even if the page prevents the
  // first.
  dialog.onclose = () => {
    if (isShown() && !isLeaving && !dialog.open) dialog.showModal();
  };

  /** Keeps the visitor present while the page is open. */
  const bePresent = () => {
    let source;
    let name;
    const open = () => {
      source = new EventSource(`${url}/presence`);
      source.addEventListener("name", ({ data }) => name = data);
      // The session is over: a browser would ask forever.
      source.addEventListener("end", () => source.close());
    };
    addEventListener("pagehide", () => {
      source.close();
      if (name !== undefined) navigator.sendBeacon(`${url}/presence`, name);
      name = undefined;
    });
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted) open();
    });
    open();
  };
  if ("presence" in dataset) bePresent();
  clock.subscribe(render, { lead: Number(dataset.lead) || 60 });
}
