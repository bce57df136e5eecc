// What the listeners of each signal that an application can get throw and reject.

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  Errors,
  ManualClock,
  onlySession,
  settle,
  siteOf,
  visit,
} from "../helpers_session.ts";

/** A signal, what aborts it, and what was reported. */
interface Subject {
  readonly signal: AbortSignal;
  readonly abort: () => unknown;
  readonly errors: Errors;
}

const SIGNALS: Record<string, () => Subject> = {
  "Session.signal at expire()": () => {
    const errors = new Errors();
    const session = siteOf({ onError: errors.onError }).makeSession();
    return { signal: session.signal, abort: () => session.expire(), errors };
  },
  "Session.signal at the deadline": () => {
    const errors = new Errors();
    const clock = new ManualClock();
    const site = siteOf({ clock, onError: errors.onError });
    const { signal } = site.makeSession();
    return { signal, abort: () => clock.advance(900_000), errors };
  },
  "Session.signal when the site is closed": () => {
    const errors = new Errors();
    const site = siteOf({ onError: errors.onError });
    const { signal } = site.makeSession();
    return { signal, abort: () => site.close(), errors };
  },
  "EventStream.signal": () => {
    const errors = new Errors();
    let signal: AbortSignal | undefined;
    const site = siteOf({ onError: errors.onError }, (request) => {
      const events = request.getSession().events(request);
      signal = events.signal;
      return events.response;
    });
    visit(site);
    const session = onlySession(site);
    return { signal: signal!, abort: () => session.expire(), errors };
  },
  "SiteRequest.signal": () => {
    const errors = new Errors();
    let signal: AbortSignal | undefined;
    const site = siteOf({ onError: errors.onError }, (request) => {
      signal = request.signal;
      return new Promise(() => {});
    });
    const visitor = new AbortController();
    site.fetch(new Request("http://localhost/", { signal: visitor.signal }));
    return { signal: signal!, abort: () => visitor.abort(), errors };
  },
  "Site.stopSignal": () => {
    const errors = new Errors();
    const site = siteOf({ onError: errors.onError });
    const { stopSignal } = site;
    return { signal: stopSignal, abort: () => site.stopStreams(), errors };
  },
};

const ERROR = new Error("oops");

function fail(): never {
  throw ERROR;
}

async function reject(): Promise<never> {
  await undefined;
  throw ERROR;
}

/** Errors whose properties cannot be read. */
const UNREADABLE = new Proxy(new Error("oops"), {
  get: fail,
  getPrototypeOf: fail,
});

const LISTENERS: Record<
  string,
  { add: (signal: AbortSignal) => void; thrown: unknown }
> = {
  "a listener that throws": {
    add: (signal) => signal.addEventListener("abort", fail),
    thrown: ERROR,
  },
  "a listener that rejects": {
    add: (signal) => signal.addEventListener("abort", reject),
    thrown: ERROR,
  },
  "a listener that throws undefined": {
    add: (signal) =>
      signal.addEventListener("abort", () => {
        throw undefined;
      }),
    thrown: undefined,
  },
  "a listener that throws an error that cannot be read": {
    add: (signal) =>
      signal.addEventListener("abort", () => {
        throw UNREADABLE;
      }),
    thrown: UNREADABLE,
  },
  "an object whose handleEvent throws": {
    add: (signal) => signal.addEventListener("abort", { handleEvent: fail }),
    thrown: ERROR,
  },
  "an object whose handleEvent rejects": {
    add: (signal) => signal.addEventListener("abort", { handleEvent: reject }),
    thrown: ERROR,
  },
  "an onabort that throws": {
    add: (signal) => signal.onabort = fail,
    thrown: ERROR,
  },
  "an onabort that rejects": {
    add: (signal) => signal.onabort = reject,
    thrown: ERROR,
  },
  "a listener of a dependent signal that throws": {
    add: (signal) => AbortSignal.any([signal]).addEventListener("abort", fail),
    thrown: ERROR,
  },
};

for (const [name, makeSubject] of Object.entries(SIGNALS)) {
  for (const [what, { add, thrown }] of Object.entries(LISTENERS)) {
    Deno.test(`${name} has ${what} reported, once, and calls the others`, async () => {
      const { signal, abort, errors } = makeSubject();
      let calls = 0;
      const count = () => void calls++;
      signal.addEventListener("abort", count);
      add(signal);
      signal.addEventListener("abort", count, { capture: true });
      await abort();
      await settle();
      assertEquals(errors.all.length, 1);
      assertStrictEquals(errors.all[0], thrown);
      assertEquals(calls, 2);
    });
  }

  Deno.test(`${name} calls no listener that was removed`, async () => {
    const { signal, abort, errors } = makeSubject();
    const stop = new AbortController();
    signal.addEventListener("abort", fail);
    signal.removeEventListener("abort", fail);
    signal.addEventListener("abort", reject, { signal: stop.signal });
    stop.abort();
    await abort();
    await settle();
    assert(signal.aborted);
    assertEquals(errors.all, []);
  });
}
