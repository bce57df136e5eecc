import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Session, SiteOptions } from "../../mod.ts";
import {
  Errors,
  ManualClock,
  settle,
  siteOf,
  START,
} from "../helpers_session.ts";
import { ROOT, runText, testWith } from "../helpers_process.ts";

/** A site that is closed while callbacks keep it waiting. */
function closing(options: SiteOptions = {}) {
  const clock = new ManualClock();
  const errors = new Errors();
  const site = siteOf({ clock, onError: errors.onError, ...options });
  const state = { isClosed: false };
  const close = () => site.close().then(() => void (state.isClosed = true));
  /** A session with a callback that promises, and never keeps it. */
  const hang = (): Session => {
    const session = site.makeSession();
    session.notifyOnExpire(() => new Promise(() => {}));
    return session;
  };
  const isClosedAfter = async (ms: number) => {
    clock.advance(ms);
    await settle();
    return state.isClosed;
  };
  return { site, clock, errors, close, hang, isClosedAfter };
}

/** What was reported, and nothing else. */
function onlyMessage(errors: Errors): string {
  assertEquals(errors.all.length, 1);
  assertInstanceOf(errors.all[0], Error);
  return errors.all[0].message;
}

Deno.test("Site.close() waits 10 s for a callback that hangs, no more", async () => {
  const it = closing();
  it.hang();

  it.close();

  assertFalse(await it.isClosedAfter(9999));
  assert(await it.isClosedAfter(1));
});

Deno.test("Site.close() reports which session's callback hangs", async () => {
  const it = closing();
  const session = it.hang();
  it.site.makeSession();

  it.close();
  await it.isClosedAfter(10_000);

  const message = onlyMessage(it.errors);
  assertStringIncludes(message, `"${session.uid}"`);
  assertStringIncludes(message, "10 s");
});

Deno.test("Site.close() reports all the sessions whose callbacks hang, each once", async () => {
  const it = closing();
  const sessions = [it.hang(), it.hang(), it.hang()];
  sessions[0]!.notifyOnExpire(() => new Promise(() => {}));

  it.close();
  await it.isClosedAfter(10_000);

  const uids = onlyMessage(it.errors).match(/[0-9a-f]{32}/g);
  assertEquals(uids, sessions.map(({ uid }) => uid));
});

Deno.test("Site.close() reports no session whose callback has kept its promise meanwhile", async () => {
  const it = closing();
  const gate = Promise.withResolvers<void>();
  const kept = it.site.makeSession();
  kept.notifyOnExpire(() => gate.promise);
  it.hang();

  it.close();
  await it.isClosedAfter(5000);
  gate.resolve();
  await it.isClosedAfter(5000);

  assertFalse(onlyMessage(it.errors).includes(kept.uid));
});

Deno.test("Site.close() names ten of many sessions, and counts the others", async () => {
  const it = closing();
  for (let i = 0; i < 25; i++) it.hang();

  it.close();
  await it.isClosedAfter(10_000);

  const message = onlyMessage(it.errors);
  assertEquals(message.match(/[0-9a-f]{32}/g)?.length, 10);
  assertStringIncludes(message, "15 others");
});

Deno.test("Site.close() reports a session that ended before, and whose callback hangs", async () => {
  const it = closing();
  const session = it.hang();
  session.expire();

  it.close();
  await it.isClosedAfter(10_000);

  assertStringIncludes(onlyMessage(it.errors), session.uid);
});

Deno.test("Site.close() reports a session on which a listener of the site hangs", async () => {
  const it = closing();
  it.site.notifyOnSessionEnd(() => new Promise(() => {}));
  const session = it.site.makeSession();

  it.close();
  await it.isClosedAfter(10_000);

  assertStringIncludes(onlyMessage(it.errors), session.uid);
});

Deno.test("Site.close() does not wait where no callback has promised anything", async () => {
  const it = closing();
  it.site.makeSession().notifyOnExpire(() => {});

  it.close();

  assert(await it.isClosedAfter(0));
  assertEquals(it.clock.pending, 0);
});

Deno.test("Site.close() waits no longer than the callbacks, and leaves no timer", async () => {
  const it = closing();
  const gate = Promise.withResolvers<void>();
  it.site.makeSession().notifyOnExpire(() => gate.promise);
  it.close();
  assertFalse(await it.isClosedAfter(1000));

  gate.resolve();

  assert(await it.isClosedAfter(0));
  assertEquals([it.clock.pending, it.errors.all], [0, []]);
});

Deno.test("Site.close() leaves no timer when it has waited in vain", async () => {
  const it = closing();
  it.hang();
  it.close();
  await it.isClosedAfter(10_000);
  assertEquals(it.clock.pending, 0);
});

Deno.test("Site.close() reports a callback that rejects as before, and does not wait", async () => {
  const it = closing();
  it.site.makeSession().notifyOnExpire(() => Promise.reject(new Error("no")));

  it.close();

  assert(await it.isClosedAfter(0));
  assertEquals(onlyMessage(it.errors), "no");
});

Deno.test("Site.close() twice reports once, and both come to an end", async () => {
  const it = closing();
  it.hang();

  const both = Promise.all([it.close(), it.close()]);
  await it.isClosedAfter(10_000);

  await both;
  assertEquals(it.errors.all.length, 1);
});

Deno.test("Site.close() again, later, does not wait for what it has given up", async () => {
  const it = closing();
  it.hang();
  it.close();
  await it.isClosedAfter(10_000);

  await it.site.close();

  assertEquals(it.errors.all.length, 1);
});

Deno.test("Site.close() that a callback waits for comes to an end", async () => {
  const it = closing();
  it.site.makeSession().notifyOnExpire(() => it.site.close());

  it.close();

  assert(await it.isClosedAfter(10_000));
});

for (const shutdownTimeout of [0.5, 60]) {
  Deno.test(`SiteOptions.shutdownTimeout ${shutdownTimeout} is how long close() waits`, async () => {
    const it = closing({ shutdownTimeout });
    it.hang();

    it.close();

    assertFalse(await it.isClosedAfter(shutdownTimeout * 1000 - 1));
    assert(await it.isClosedAfter(1));
  });
}

Deno.test("SiteOptions.shutdownTimeout 0 has close() not wait for a callback that hangs", async () => {
  const it = closing({ shutdownTimeout: 0 });
  it.hang();

  it.close();

  assert(await it.isClosedAfter(0));
  assertEquals(it.errors.all.length, 1);
});

Deno.test("SiteOptions.shutdownTimeout Infinity has close() wait for ever", async () => {
  const it = closing({ shutdownTimeout: Infinity });
  const gate = Promise.withResolvers<void>();
  it.site.makeSession().notifyOnExpire(() => gate.promise);

  it.close();

  assertFalse(await it.isClosedAfter(1e9));
  gate.resolve();
  assert(await it.isClosedAfter(0));
});

Deno.test("SiteOptions.shutdownTimeout of more than 2^31-1 ms does not have close() give up at once", async () => {
  const it = closing({ shutdownTimeout: 1e7 });
  const gate = Promise.withResolvers<void>();
  it.site.makeSession().notifyOnExpire(() => gate.promise);

  const closed = it.close();
  gate.resolve();

  // The clock of the test refuses a timer that would fire at once.
  await closed;
  assertEquals(it.errors.all, []);
});

Deno.test("Site.close() goes by FakeTime", async () => {
  using time = new FakeTime(START);
  const errors = new Errors();
  const site = siteOf({ onError: errors.onError });
  site.makeSession().notifyOnExpire(() => new Promise(() => {}));

  const closed = site.close();
  await time.tickAsync(10_000);

  await closed;
  assertEquals(errors.all.length, 1);
});

for (
  const [value, error] of [
    [-1, RangeError],
    [NaN, RangeError],
    ["5", TypeError],
    [null, TypeError],
  ] as const
) {
  Deno.test(`SiteOptions.shutdownTimeout cannot be ${typeof value} ${value}`, () => {
    assertThrows(
      () => siteOf({ shutdownTimeout: value } as unknown as SiteOptions),
      error,
      "shutdownTimeout",
    );
  });
}

testWith(
  ["run", "read"],
  "Site.close() keeps the process until it has reported what hangs",
  async () => {
    await using program = runText(`
      import { Resource, Site } from "${ROOT}mod.ts";
      const site = new Site(new Resource(), { shutdownTimeout: 0.3 });
      const session = site.makeSession();
      console.log(session.uid);
      session.notifyOnExpire(() => new Promise(() => {}));
      site.close().then(() => console.log("closed"));
    `);

    const uid = await program.stdout.next();

    assertEquals(await program.stdout.next(), "closed");
    assertStringIncludes((await program.stderr.rest()).join("\n"), uid);
    assertEquals((await program.status).code, 0);
  },
);
