/**
 * Watches the session of a page: the state machine of the session's clock. The
 * text of this function runs in browsers, so it cannot use anything outside of it.
 *
 * The state follows from the last known deadline, not from answers: a page whose
 * server is silent still warns, counts, and ends. Answers correct the deadline.
 *
 * Tabs share each answer, and each tab waits for a different time before it asks. So
 * many tabs ask hardly more often than one.
 *
 * @param {string} url The address of the `SessionClock`.
 * @param {object} deadline As `session_clock_deadline.js` makes it.
 */
export function watchSession(url, deadline) {
  // Milliseconds: for an answer, between two questions.
  const ANSWER_LIMIT = 4000;
  const ASK_EVERY = 5000;
  // Milliseconds between two checks of the clocks, which send nothing.
  const LOOK_VISIBLE = 1000;
  const LOOK_HIDDEN = 30000;
  // Seconds before the warning at which the server is asked, so that there is no
  // warning if another page has prolonged the session.
  const ASK_BEFORE = 3;

  const leads = new Map();
  const views = new Map();
  /** Seconds that this tab waits for the answer of another tab. */
  const patience = Math.random() * 2;
  let channel;
  let timer;
  /** The session of the page; undefined before the first answer with one. */
  let owner;
  let canStay = false;
  let isKnown = false;
  /** The reason of the end, once the server has confirmed it. */
  let end;
  let isReachable = true;
  let failed = null;
  let askedAt = -Infinity;
  let asking;
  let isAskedAgain = false;
  /**
   * The number of stays and sign-outs: an answer to an older question is out of
   * date.
   */
  let acts = 0;

  const steady = () => performance.now();
  const lead = () => Math.max(0, ...leads.values());

  const viewFor = (lead) => {
    const left = deadline.left();
    const isOver = end !== undefined || (owner !== undefined && left <= 0);
    const status = isOver
      ? "ended"
      : owner === undefined
      ? isKnown ? "none" : "unknown"
      : left <= lead
      ? "warning"
      : "active";
    const whole = status === "active"
      ? Math.ceil(left / 60) * 60
      : Math.max(0, Math.ceil(left));
    return {
      status,
      secondsLeft: owner === undefined || left === Infinity
        ? null
        : isOver
        ? 0
        : whole,
      canStay: !isOver && owner !== undefined && canStay,
      reason: isOver ? end ?? (canStay ? "idle" : "absolute") : null,
      isConfirmed: end !== undefined,
      isReachable,
      failed,
    };
  };

  const notify = () => {
    for (const [listener, lead] of [...leads]) {
      const view = viewFor(lead);
      const text = JSON.stringify(view);
      if (views.get(listener) === text || !leads.has(listener)) continue;
      views.set(listener, text);
      try {
        listener(view);
      } catch (error) {
        reportError(error);
      }
    }
  };

  /** Whether there is no session to watch. */
  const isIdle = () => end !== undefined || (isKnown && owner === undefined);

  const isAskDue = () => {
    const silent = steady() - askedAt;
    if (isIdle()) return false;
    if (owner === undefined) return silent >= ASK_EVERY;
    const left = deadline.left();
    if (left > lead() + ASK_BEFORE - patience) return false;
    // Asks once more right before the end, which another page may have postponed.
    return silent >= ASK_EVERY + patience * 1000 ||
      (left < 1 + patience / 2 && silent >= 1500);
  };

  const tick = () => {
    if (deadline.hasJumped() || isAskDue()) look();
    notify();
    schedule();
  };

  const schedule = () => {
    clearTimeout(timer);
    timer = undefined;
    if (leads.size === 0 || isIdle()) return;
    const left = deadline.left();
    const calm = left - lead() - ASK_BEFORE;
    const look = document.hidden ? LOOK_HIDDEN : LOOK_VISIBLE;
    const delay = calm > 0
      ? Math.min(look, calm * 1000)
      // At the next whole second, when the text changes.
      : left > 0
      ? (left - Math.ceil(left) + 1) * 1000
      : LOOK_VISIBLE;
    timer = setTimeout(tick, Math.max(50, delay + 2));
  };

  const update = () => {
    notify();
    schedule();
  };

  const isAnother = ({ session, principal }) =>
    session !== owner.session ||
    (owner.principal !== null && principal !== owner.principal);

  /**
   * Takes over a state of the session that is `age` milliseconds old; `cause` is
   * the reason of the end, if it is known.
   */
  const hear = (state, { age = 0, cause } = {}) => {
    if (end !== undefined) return;
    isKnown = true;
    isReachable = true;
    deadline.trust();
    if (!state.isActive) {
      // A page that never had a session shows nothing.
      if (owner !== undefined) {
        const isDue = deadline.left() < 2;
        const due = canStay ? "idle" : "absolute";
        end = cause ?? (isDue ? due : "signed-out");
      }
    } else if (owner !== undefined && isAnother(state)) {
      end = "replaced";
    } else {
      owner = { session: state.session, principal: state.principal };
      canStay = state.canStay;
      deadline.set(state.secondsLeft ?? Infinity, age);
    }
    update();
  };

  const share = (state) => channel?.postMessage({ state, at: Date.now() });

  /** Asks the server; returns the state, or undefined if it cannot be reached. */
  const ask = async (method) => {
    const abort = new AbortController();
    const limit = setTimeout(() => abort.abort(), ANSWER_LIMIT);
    const before = acts;
    askedAt = steady();
    try {
      const { signal } = abort;
      const response = await fetch(url, { method, cache: "no-store", signal });
      if (!response.ok) throw new Error(response.statusText);
      const state = await response.json();
      if (method === "GET" && before !== acts) return undefined;
      hear(state, method === "DELETE" ? { cause: "signed-out" } : {});
      share(state);
      return state;
    } catch {
      isReachable = false;
      deadline.trust();
      update();
      return undefined;
    } finally {
      clearTimeout(limit);
    }
  };

  /** Asks for the state of the session now; does not prolong it. */
  const look = async () => {
    if (end !== undefined) return;
    if (asking !== undefined) {
      isAskedAgain = true;
      return await asking;
    }
    asking = ask("GET");
    await asking;
    asking = undefined;
    if (!isAskedAgain) return;
    isAskedAgain = false;
    await look();
  };

  const act = async (name, method) => {
    acts++;
    failed = null;
    notify();
    const state = await ask(method);
    acts++;
    failed = state === undefined ? name : null;
    update();
    return state !== undefined;
  };

  /** Prolongs the session; resolves to true if the server has done so. */
  const stay = () => act("stay", "POST");

  /** Ends the session; resolves to true if the server has done so. */
  const signOut = () => act("signOut", "DELETE");

  const lookIfVisible = () => {
    if (!document.hidden) look();
    schedule();
  };
  /** The page has logged in or out itself: the next answer is about its session. */
  const restart = () => {
    owner = end = undefined;
    isKnown = false;
    acts++;
    isAskedAgain = asking !== undefined;
    look();
  };
  const open = () => {
    channel = new BroadcastChannel(`session clock ${url}`);
    channel.onmessage = ({ data: { state, at } }) => {
      const age = Date.now() - at;
      // A page that was frozen receives old messages.
      if (!(Math.abs(age) < ASK_EVERY)) return;
      askedAt = steady();
      hear(state, { age: Math.max(0, age) });
    };
  };
  const close = () => {
    channel?.close();
    channel = undefined;
  };
  const wake = ({ persisted }) => {
    if (channel === undefined) open();
    if (persisted) look();
  };
  const sources = [
    [document, "visibilitychange", lookIfVisible],
    [document, "resume", look],
    [globalThis, "focus", look],
    [globalThis, "online", look],
    [globalThis, "pageshow", wake],
    // An open channel would keep the page out of the back/forward cache.
    [globalThis, "pagehide", close],
    // The capturing phase of the window sees events of the document too.
    [globalThis, "session-changed", restart, true],
  ];

  const start = () => {
    deadline.begin();
    open();
    for (const [target, ...rest] of sources) target.addEventListener(...rest);
    look();
  };
  const stop = () => {
    clearTimeout(timer);
    close();
    for (const [target, ...rest] of sources) {
      target.removeEventListener(...rest);
    }
  };

  /**
   * Calls back with the state, now, at each change, and each second during the last
   * `lead` seconds; returns a function that stops that.
   */
  const subscribe = (listener, { lead = 60 } = {}) => {
    const own = (view) => listener(view);
    leads.set(own, lead);
    if (leads.size === 1) start();
    update();
    return () => {
      views.delete(own);
      if (leads.delete(own) && leads.size === 0) stop();
    };
  };

  return { subscribe, look, stay, signOut };
}
