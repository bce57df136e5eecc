// The figures of all processes in the monitor, over a store.

import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { setImmediate } from "node:timers";
import { Resource, Site, type SiteOptions } from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { Sessions } from "../../sessions.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import { Page } from "../helpers_http.ts";
import { makeFolder, testWith } from "../helpers_process.ts";
import { BrokenStore } from "../helpers_store.ts";

/** Milliseconds in which all processes answer, and their figures are shown. */
const ANSWERED = 1500;

/** Milliseconds after which the figures are read again, with the answers. */
const LATER = 10_000 + ANSWERED;

/** A process with a monitor. */
class Watched implements AsyncDisposable {
  readonly errors: unknown[] = [];
  readonly site: Site;

  constructor(store: SessionStore | undefined, options: SiteOptions = {}) {
    const root = new Resource();
    this.site = new Site(root, {
      onError: (error) => void this.errors.push(error),
      ...store === undefined ? {} : { store },
      ...options,
    });
    root.putChild("monitor", new SessionMonitor(this.site));
    root.putChild(
      "login",
      new Page((request) => request.logIn(request.query.get("as")!).uid),
    );
  }

  /** Logs a new visitor in; returns the uid. */
  async logIn(name: string): Promise<string> {
    return await this.#get(`/login?as=${name}`);
  }

  /** Returns the page. */
  see(): Promise<string> {
    return this.#get("/monitor");
  }

  /** Returns the page after some time in which a viewer has looked at it. */
  async seeAfter(time: FakeTime, milliseconds: number): Promise<string> {
    const viewing = await this.site.fetch(
      new Request("http://localhost/monitor/events"),
    );
    const reader = viewing.body!.getReader();
    // A viewer that does not read is sent nothing.
    const reading = (async () => {
      while (!(await reader.read()).done);
    })();
    for (let passed = 0; passed < milliseconds; passed += 250) {
      await time.tickAsync(250);
    }
    await reader.cancel();
    await reading;
    return await ticking(time, this.see());
  }

  async #get(path: string): Promise<string> {
    const url = `http://localhost${path}`;
    const response = await this.site.fetch(new Request(url));
    assertEquals(response.status, 200);
    return await response.text();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site.close();
  }
}

/** Lets time pass until a promise is settled. */
async function ticking<T>(time: FakeTime, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  const settling = promise.finally(() => isSettled = true);
  while (!isSettled) {
    await time.tickAsync(10);
    // The key of form tokens is made on another thread.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await settling;
}

/** Lets a store work again, and calls that hang reach their time limit. */
async function recover(broken: BrokenStore, time: FakeTime): Promise<void> {
  broken.how = "works";
  await time.tickAsync(20_000);
}

/** Returns a figure of the part about all processes. */
function figureOf(page: string, name: string): string | undefined {
  const [, fleet = ""] = page.split('id="fleet"');
  return fleet.split(`<dt>${name}</dt><dd>`)[1]?.split("<")[0];
}

/** Returns the text of each row about a process. */
function processesIn(page: string): string[] {
  const [, rows = ""] = page.split('id="processes">');
  return rows.split("</tbody>")[0]!.split("\n")
    .map((row) => row.replace(/<[^>]*>/g, " ").replace(/ +/g, " ").trim());
}

/** Stores of processes that share their sessions. */
class Shared implements Disposable {
  readonly #stack = new DisposableStack();
  readonly open: () => SessionStore;

  constructor(kind: string) {
    if (kind === "MemoryStore") {
      const store = new MemoryStore();
      this.open = () => store;
      return;
    }
    const folder = this.#stack.use(makeFolder());
    const path = `${folder.path}/sessions.db`;
    this.open = () => this.#stack.use(new SqliteStore({ path }));
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

for (const kind of ["MemoryStore", "SqliteStore"]) {
  testWith(
    ["read", "write", "sys"],
    `SessionMonitor over ${kind} counts the sessions and ends of all processes, without holds`,
    async () => {
      using time = new FakeTime();
      using shared = new Shared(kind);
      await using one = new Watched(shared.open());
      await using other = new Watched(shared.open());
      await Promise.all([one.site.sessions.ready, other.site.sessions.ready]);
      const uid = await one.logIn("ann");
      await one.logIn("bob");
      await other.logIn("cyd");
      await other.site.sessions.hold("report", { seconds: 600 });
      let page = await one.see();
      assertEquals(figureOf(page, "Live sessions"), "3");
      assertEquals(figureOf(page, "Ends to deliver"), "0");

      const { promise, resolve } = Promise.withResolvers<void>();
      one.site.notifyOnSessionEnd(() => promise);
      await other.site.sessions.end(uid);
      other.site.notifyOnSessionEnd(() => promise);
      const [last] = other.site.sessions.sessionsOf("cyd");
      void other.site.sessions.end(last!.uid);
      page = await one.seeAfter(time, LATER);
      assertEquals(figureOf(page, "Live sessions"), "1");
      assertEquals(figureOf(page, "Ends to deliver"), "1");

      resolve();
      page = await one.seeAfter(time, LATER);
      assertEquals(figureOf(page, "Ends to deliver"), "0");
    },
  );

  testWith(
    ["read", "write", "sys"],
    `SessionMonitor over ${kind} lists the processes, and how recently each was seen`,
    async () => {
      using time = new FakeTime();
      using shared = new Shared(kind);
      await using one = new Watched(shared.open());
      await time.tickAsync(60_000);
      const other = new Watched(shared.open());
      await Promise.all([one.site.sessions.ready, other.site.sessions.ready]);
      assertEquals(processesIn(await one.see()), ["Asking the processes …"]);

      const page = await one.seeAfter(time, LATER);

      const [first, second, ...more] = processesIn(page);
      assertEquals(more, []);
      const name = `process ${Deno.pid} on ${Deno.hostname()}`;
      assert(first!.startsWith(`${name} (this page) 1 min`), first);
      assert(second!.startsWith(`${name} 1`), second);
      assertFalse(page.includes('class="silent"'));
      assertEquals(figureOf(page, "Processes"), "2");

      await other.site.close();
      const later = processesIn(await one.seeAfter(time, LATER));
      assertEquals(later.length, 1);
    },
  );
}

Deno.test("SessionMonitor marks a process that does not answer, and lists it for five minutes", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const broken = new BrokenStore(store);
  await using one = new Watched(store);
  await using _other = new Watched(broken.store);
  await time.tickAsync(100);
  let page = await one.seeAfter(time, LATER);
  assertEquals(figureOf(page, "Processes"), "2");

  broken.how = "hangs";
  page = await one.seeAfter(time, 60_000);
  assertEquals(figureOf(page, "Processes"), "1");
  assertEquals(page.split('class="silent"').length, 2);
  assertEquals(processesIn(page).length, 2);

  page = await one.seeAfter(time, 300_000);
  assertEquals(processesIn(page).length, 1);
  await recover(broken, time);
});

Deno.test("SessionMonitor asks the store for figures only while someone looks", async () => {
  using time = new FakeTime();
  const { store, calls } = new BrokenStore();
  await using one = new Watched(store);
  await using other = new Watched(store);
  await time.tickAsync(1000);
  await one.logIn("ann");
  await other.logIn("bob");
  const asked = () =>
    calls.filter((call) => ["count", "take", "listDeadLetters"].includes(call));
  await time.tickAsync(120_000);
  assertEquals(asked(), []);

  await one.seeAfter(time, LATER);
  const before = asked().length;
  assert(before > 0);
  await time.tickAsync(120_000);
  assertEquals(asked().length, before);
});

for (const how of ["throws", "hangs"] as const) {
  Deno.test(`SessionMonitor says that a store ${how}, and keeps the last figures in grey`, async () => {
    using time = new FakeTime();
    const broken = new BrokenStore();
    await using watched = new Watched(broken.store);
    await time.tickAsync(100);
    await ticking(time, watched.logIn("ann"));
    let page = await watched.seeAfter(time, ANSWERED);
    assertEquals(figureOf(page, "Live sessions"), "1");
    assertFalse(page.includes("does not answer"));

    broken.how = how;
    page = await watched.seeAfter(time, 20_000);
    assertStringIncludes(page, "The store does not answer: the figures are");
    assertStringIncludes(page, '<dl class="counts stale">');
    assertEquals(figureOf(page, "Live sessions"), "1");
    await recover(broken, time);
  });
}

Deno.test("SessionMonitor shows the figures again when the store answers again", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using watched = new Watched(broken.store);
  await time.tickAsync(100);
  broken.how = "throws";
  let page = await watched.seeAfter(time, ANSWERED);
  assertStringIncludes(page, "The store does not answer.");
  assertEquals(figureOf(page, "Live sessions"), "–");

  broken.how = "works";
  page = await watched.seeAfter(time, LATER);
  assertFalse(page.includes("does not answer"));
  assertEquals(figureOf(page, "Live sessions"), "0");
});

Deno.test("SessionMonitor shows no counts over a store that has none", async () => {
  using time = new FakeTime();
  const none = { count: undefined, take: undefined };
  const store: SessionStore = Object.assign(new MemoryStore(), none);
  await using watched = new Watched(store);
  await watched.site.sessions.ready;
  const page = await watched.seeAfter(time, ANSWERED);
  assertEquals(figureOf(page, "Live sessions"), "–");
  assertEquals(figureOf(page, "Ends given up (dead letters)"), "0");
  assertEquals(processesIn(page), ["The store lists no processes."]);
  assertFalse(page.includes("does not answer"));
});

Deno.test("Sessions.countStored() and listProcesses() are empty without a store", async () => {
  await using sessions = new Sessions();
  assertEquals(await sessions.countStored(), undefined);
  assertEquals(await sessions.listProcesses(), []);
});
