// What becomes of a write that the store does not answer in time: another
// process writes meanwhile, and nothing that it has written is overwritten.

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { NO_TOKEN } from "../../persistence/record_calls.ts";
import { FakeTime } from "@std/testing/time";
import type { Session, SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  SetClock,
  uidOf,
} from "../helpers_store.ts";

type Act = (...args: unknown[]) => unknown;
type Fault = (act: Act, ...args: unknown[]) => unknown;

/** What may happen to one commit; a visitor waits for it for 2 s. */
const FAULTS: Readonly<Record<string, Fault>> = {
  async "is made, but not answered"(act, ...args) {
    await act(...args);
    throw new Error("connection reset");
  },
  async "is made, but answered too late"(act, ...args) {
    const answer = await act(...args);
    await after(3000);
    return answer;
  },
  "never arrives"() {
    return Promise.reject(new Error("connection reset"));
  },
  async "arrives too late"(act, ...args) {
    await after(3000);
    return act(...args);
  },
  async "arrives a minute late"(act, ...args) {
    await after(60_000);
    return act(...args);
  },
  "arrives after it has failed"(act, ...args) {
    setTimeout(() => act(...args), 500);
    return Promise.reject(new Error("connection reset"));
  },
};

/** Those after which the store does not have what was written. */
const UNDONE = [
  "never arrives",
  "arrives too late",
  "arrives a minute late",
  "arrives after it has failed",
];

/** Two processes that share a store, of which one loses what it writes. */
class Fleet implements AsyncDisposable {
  readonly time: FakeTime = new FakeTime();
  readonly inner: MemoryStore = new MemoryStore();
  readonly bent: BentStore = new BentStore(asynchronous(this.inner));
  readonly suspicions: string[] = [];
  readonly one: Node;
  readonly other: Node;
  cookie = "";

  constructor(options: SiteOptions = {}) {
    this.one = this.#makeNode(this.bent.store, options);
    this.other = this.#makeNode(asynchronous(this.inner), options);
  }

  /** Makes a session, which both processes have loaded. */
  async begin(): Promise<void> {
    const response = await this.visit(this.other, "count");
    assertEquals(response, "200 1");
    assertEquals(await this.visit(this.one, "show"), "200 1 nobody 900");
    await pass(this.time, 100);
  }

  /** Visits a process, as a browser does; answers the status and the text. */
  async visit(node: Node, path: string): Promise<string> {
    let response: Response | undefined;
    Promise.resolve(node.get(path, this.cookie)).then((it) => response = it);
    // No timer fires before the answer, unless the answer waits for one.
    await pass(this.time, 0);
    while (response === undefined) await pass(this.time, 10);
    const [set] = response.headers.getSetCookie();
    if (set !== undefined) this.cookie = cookieOf(response);
    const text = await response.text();
    return response.ok ? `${response.status} ${text}` : `${response.status}`;
  }

  /** Has the next commit of the first process go wrong. */
  breakOnce(fault: Fault): void {
    this.bent.bends.commit = (act, ...args) => {
      this.bent.bends.commit = undefined;
      return fault(act, ...args);
    };
  }

  /** Has that, and all further ones fail until the first process is mended. */
  breakDown(fault: Fault): void {
    this.bent.bends.commit = (act, ...args) => {
      this.bent.bends.commit = () => Promise.reject(new Error("away"));
      return fault(act, ...args);
    };
  }

  /** Has commits of the first process arrive and be answered again. */
  mend(): void {
    this.bent.bends.commit = undefined;
  }

  /** The live session of the first process. */
  get live(): Session {
    const session = this.one.site.sessions.get(uidOf(this.cookie));
    assert(session !== undefined, "the first process has no such session");
    return session;
  }

  /** What was reported by the first process, as text. */
  get reports(): string[] {
    return this.one.errors.map(String);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.one.site.close();
    await this.other.site.close();
    this.time.restore();
  }

  #makeNode(store: SessionStore, options: SiteOptions): Node {
    const node = new Node(store, {
      sessionTimeout: 900,
      onSuspiciousSession: ({ kind }) => void this.suspicions.push(kind),
      ...options,
    });
    const count = (session: Session) => {
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return String(count);
    };
    return node
      .page("count", (request) => count(request.getSession()))
      .page("show", (request) => {
        const session = request.getSession();
        return `${session.get("count") ?? "none"} ${
          session.principal ?? "nobody"
        } ${session.sessionTimeout}`;
      })
      .page("forget", (request) => {
        request.getSession().delete("count");
        return "";
      })
      .page("login", (request) => {
        request.renewSession().principal = "alice";
        return "";
      })
      .page("renew", (request) => request.renewSession().uid)
      .page("anonymous", (request) => {
        request.getSession().principal = undefined;
        return "";
      })
      .page("principal", (request) => {
        request.getSession().principal = "alice";
        return "";
      })
      .page("timeout", (request) => {
        const seconds = Number(request.query.get("seconds"));
        request.getSession().sessionTimeout = seconds;
        return "";
      })
      .page("book", (request) => {
        request.getSession().notifyOnExpire("free seat", 7);
        return "";
      })
      .page("leave", (request) => {
        request.getSession().expire();
        return "";
      });
  }
}

/** Counts the calls of the named callback "free seat" in some processes. */
function countFreed(...nodes: readonly Node[]): { readonly count: number } {
  const freed = { count: 0 };
  for (const { site } of nodes) {
    site.onEnd("free seat", () => void freed.count++);
  }
  return freed;
}

for (const [what, fault] of Object.entries(FAULTS)) {
  const isUndone = UNDONE.includes(what);

  Deno.test(`Site answers 503 if the commit of a value ${what}, and overwrites nothing`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "count"), "503");
    let count = isUndone ? 1 : 2;
    for (let i = 0; i < 2; i++) {
      assertEquals(await fleet.visit(other, "count"), `200 ${++count}`);
    }
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "count"), `200 ${++count}`);
    assertEquals(await fleet.visit(one, "count"), `200 ${++count}`);
    assertEquals(await fleet.visit(other, "count"), `200 ${++count}`);
  });

  Deno.test(`Session.get() answers what the store has if the commit of a value ${what}`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "count"), "503");
    // The store is known to answer again within a second.
    await pass(time, 1500);
    const count = isUndone ? 1 : 2;
    assertEquals(fleet.live.get("count"), count);
    assertEquals(await fleet.visit(one, "show"), `200 ${count} nobody 900`);
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "show"), `200 ${count} nobody 900`);
    assertEquals(fleet.live.get("count"), count);
  });

  Deno.test(`Site answers 503 if the commit of a deleted value ${what}, and deletes no other`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "forget"), "503");
    const count = isUndone ? 2 : 1;
    assertEquals(await fleet.visit(other, "count"), `200 ${count}`);
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "count"), `200 ${count + 1}`);
  });

  Deno.test(`Site answers 503 if the commit of a principal ${what}, and sets none later`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "principal"), "503");
    await fleet.visit(other, "anonymous");
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "show"), "200 1 nobody 900");
    assertEquals(await fleet.visit(one, "show"), "200 1 nobody 900");
    assertEquals(one.site.sessionsOf("alice"), []);
    assertEquals(fleet.inner.uidsOf("alice"), []);
  });

  Deno.test(`Site answers 503 if the commit of a timeout ${what}, and sets none later`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "timeout?seconds=300"), "503");
    await fleet.visit(other, "timeout?seconds=600");
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "show"), "200 1 nobody 600");
    assertEquals(await fleet.visit(one, "show"), "200 1 nobody 600");
  });

  Deno.test(`Site answers 503 if the commit of a callback by name ${what}, and adds none later`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    const freed = countFreed(one, other);
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "book"), "503");
    await pass(time, 62_000);
    await fleet.visit(other, "leave");
    await pass(time, 100);
    assertEquals(freed.count, isUndone ? 0 : 1);
  });

  Deno.test(`Site answers 503 if the commit of a renewal ${what}, and the visitor stays`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    const { cookie } = fleet;
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "renew"), "503");
    // The old token stays current until a request comes with the new one.
    assertEquals(fleet.cookie, cookie);
    assertEquals(await fleet.visit(other, "count"), "200 2");
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "count"), "200 3");
    assertEquals(await fleet.visit(one, "count"), "200 4");
    assertEquals(fleet.suspicions, []);
  });

  Deno.test(`Session.renew() renews again after a commit of a renewal that ${what}`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakOnce(fault);
    assertEquals(await fleet.visit(one, "renew"), "503");
    await pass(time, 1500);
    const { cookie } = fleet;
    assertEquals(await fleet.visit(one, "login"), "200 ");
    assertNotEquals(fleet.cookie, cookie);
    await pass(time, 62_000);
    assertEquals(await fleet.visit(other, "show"), "200 1 alice 900");
    assertEquals(fleet.suspicions, []);
  });
}

Deno.test("Site names what it has dropped for a request that it answered 503", async () => {
  await using fleet = new Fleet();
  await fleet.begin();
  fleet.breakOnce(FAULTS["never arrives"]!);
  assertEquals(await fleet.visit(fleet.one, "count"), "503");
  assertMatch(
    fleet.reports.join("\n"),
    /Cannot keep "count" of session "[\da-f]{32}": .*503/,
  );
});

Deno.test("Site answers 503 to a request that is under way when its change is dropped", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  await fleet.begin();
  const gate = Promise.withResolvers<void>();
  one.page("slow", async (request) => {
    request.getSession().set("count", 100);
    await gate.promise;
    return "done";
  });
  fleet.breakDown(FAULTS["never arrives"]!);
  const slow = one.get("slow", fleet.cookie);
  // It is written while the request waits; that fails, and others write.
  await pass(time, 50);
  assertEquals(await fleet.visit(other, "count"), "200 2");
  fleet.mend();
  await pass(time, 2000);
  gate.resolve();
  await pass(time, 100);
  assertEquals((await slow).status, 503);
  assertEquals(await fleet.visit(other, "count"), "200 3");
});

Deno.test("Site answers 503 to both of two requests whose changes were sent together", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  await fleet.begin();
  const gate = Promise.withResolvers<void>();
  one.page("slow", async (request) => {
    await gate.promise;
    request.getSession().set("slow", true);
    await undefined;
    await undefined;
    return "done";
  }).page("fast", (request) => {
    request.getSession().set("fast", true);
    gate.resolve();
    return "done";
  });
  const slow = one.get("slow", fleet.cookie);
  await pass(time, 10);
  fleet.breakOnce(FAULTS["never arrives"]!);
  const fast = one.get("fast", fleet.cookie);
  await pass(time, 2000);
  const statuses = [(await slow).status, (await fast).status];
  const loaded = fleet.inner.load(uidOf(fleet.cookie), NO_TOKEN);
  // What was answered 200 is kept, and nothing else.
  assertEquals(
    ["slow", "fast"].map((key) => loaded?.values.has(key)),
    statuses.map((status) => status === 200),
  );
  assertEquals(statuses[1], 503);
  assertEquals(await fleet.visit(other, "count"), "200 2");
});

Deno.test("Site answers 503 to both of two requests whose changes were sent at once", async () => {
  await using fleet = new Fleet();
  const { one, time, inner } = fleet;
  await fleet.begin();
  one.page("keep", (request) => {
    request.getSession().set(request.query.get("key")!, true);
    return "";
  });
  // Both wait for what is being written, and then one writes for both.
  fleet.bent.bends.commit = async (act, ...args) => {
    fleet.breakOnce(FAULTS["never arrives"]!);
    await after(100);
    return act(...args);
  };
  fleet.live.set("basket", "tea");
  await pass(time, 10);
  const answers = ["a", "b"].map((key) =>
    one.get(`keep?key=${key}`, fleet.cookie)
  );
  await pass(time, 500);
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assertEquals(statuses, [503, 503]);
  const loaded = inner.load(uidOf(fleet.cookie), NO_TOKEN);
  assertEquals([...loaded!.values.keys()], ["count", "basket"]);
});

Deno.test("Site answers 503 to a request that made its session if another request has dropped its change", async () => {
  await using fleet = new Fleet();
  const { one, time } = fleet;
  const created = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  one.page("first", async (request) => {
    const session = request.getSession();
    await created.promise;
    session.set("basket", "tea");
    await gate.promise;
    return "done";
  }).page("other", async () => {
    created.resolve();
    await undefined;
    await undefined;
    return "done";
  });
  const first = one.get("first");
  await pass(time, 100);
  fleet.breakOnce(FAULTS["never arrives"]!);
  const other = one.get("other");
  await pass(time, 100);
  assertEquals((await other).status, 503);
  gate.resolve();
  await pass(time, 100);
  assertEquals((await first).status, 503);
  assertMatch(fleet.reports.join("\n"), /Cannot keep "basket" of session/);
});

Deno.test("Site answers what the store has while it cannot be written", async () => {
  await using fleet = new Fleet();
  const { one, other } = fleet;
  await fleet.begin();
  fleet.breakDown(FAULTS["never arrives"]!);
  assertEquals(await fleet.visit(one, "count"), "503");
  assertEquals(await fleet.visit(one, "show"), "200 1 nobody 900");
  fleet.mend();
  assertEquals(await fleet.visit(one, "count"), "200 2");
  assertEquals(await fleet.visit(other, "count"), "200 3");
});

Deno.test("Site answers what the store has to the first request after an unanswered change", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  await fleet.begin();
  fleet.breakDown(FAULTS["never arrives"]!);
  fleet.live.set("count", 10);
  await pass(time, 10);
  assertEquals(await fleet.visit(other, "count"), "200 2");
  fleet.mend();
  assertEquals(await fleet.visit(one, "count"), "200 3");
});

Deno.test("Site serves other sessions while a change of one cannot be written", async () => {
  await using fleet = new Fleet();
  const { one, time } = fleet;
  await fleet.begin();
  const uid = uidOf(fleet.cookie);
  fleet.bent.bends.commit = (act, ...args) =>
    args[0] === uid
      ? Promise.reject(new Error("OOM command not allowed"))
      : act(...args);
  fleet.live.set("basket", "tea");
  await pass(time, 100);
  fleet.cookie = "";
  for (let count = 1; count < 5; count++) {
    assertEquals(await fleet.visit(one, "count"), `200 ${count}`);
    await pass(time, 400);
  }
  assertEquals(one.site.sessions.get(uid)?.get("basket"), "tea");
});

Deno.test("Site drops the change of another session that a request could not write", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  await fleet.begin();
  const { live } = fleet;
  one.page("grant", () => {
    live.set("role", "admin");
    return "granted";
  });
  fleet.breakOnce(FAULTS["never arrives"]!);
  const answer = one.get("grant");
  await pass(time, 100);
  assertEquals((await answer).status, 503);
  await pass(time, 3000);
  assertEquals(live.get("role"), undefined);
  assertMatch(fleet.reports.join("\n"), /Cannot keep "role" of session/);
  assertEquals(await fleet.visit(other, "count"), "200 2");
});

for (const [what, fault] of Object.entries(FAULTS)) {
  Deno.test(`Session.set() outside of requests is kept once if its commit ${what}`, async () => {
    await using fleet = new Fleet();
    await fleet.begin();
    fleet.breakOnce(fault);
    fleet.live.set("count", 10);
    await pass(fleet.time, 65_000);
    assertEquals(await fleet.visit(fleet.other, "count"), "200 11");
    assertEquals(fleet.reports.filter((text) => /Cannot keep/.test(text)), []);
  });

  // It is written again at once, before others write.
  if (what === "arrives after it has failed") continue;

  Deno.test(`Session.set() outside of requests overwrites nothing if its commit ${what}`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakDown(fault);
    fleet.live.set("count", 10);
    await pass(time, 10);
    const count = UNDONE.includes(what) ? 2 : 11;
    assertEquals(await fleet.visit(other, "count"), `200 ${count}`);
    fleet.mend();
    await pass(time, 65_000);
    assertEquals(fleet.live.get("count"), count);
    // What a load shows to be made is lost to nothing but a later write.
    const isKnown = what === "is made, but not answered";
    assertEquals(
      /Cannot keep "count" of session "[\da-f]{32}": .*others have changed/
        .test(fleet.reports.join("\n")),
      !isKnown,
    );
    assertEquals(await fleet.visit(other, "count"), `200 ${count + 1}`);
    assertEquals(await fleet.visit(one, "count"), `200 ${count + 2}`);
  });

  Deno.test(`Session changes outside of requests overwrite nothing if their commit ${what}`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    fleet.breakDown(fault);
    const { live } = fleet;
    live.principal = "alice";
    live.sessionTimeout = 300;
    live.renew();
    await pass(time, 10);
    await fleet.visit(other, "anonymous");
    await fleet.visit(other, "timeout?seconds=600");
    fleet.mend();
    await pass(time, 5000);
    assertEquals(await fleet.visit(other, "show"), "200 1 nobody 600");
    assertEquals(await fleet.visit(one, "show"), "200 1 nobody 600");
    assertEquals(fleet.inner.uidsOf("alice"), []);
  });
}

Deno.test("Session.set() outside of requests is written again at once, and the first time refused", async () => {
  await using fleet = new Fleet();
  const { other, time } = fleet;
  await fleet.begin();
  fleet.breakOnce(FAULTS["arrives after it has failed"]!);
  fleet.live.set("count", 10);
  await pass(time, 100);
  assertEquals(await fleet.visit(other, "count"), "200 11");
  await pass(time, 5000);
  assertEquals(await fleet.visit(other, "count"), "200 12");
});

Deno.test("Session.set() outside of requests is written at once after one that was written again", async () => {
  await using fleet = new Fleet();
  const { other, time } = fleet;
  await fleet.begin();
  fleet.breakOnce(FAULTS["never arrives"]!);
  fleet.live.set("count", 10);
  await pass(time, 100);
  fleet.live.set("count", 20);
  await pass(time, 100);
  assertEquals(await fleet.visit(other, "count"), "200 21");
});

Deno.test("Site answers 503 at once while the store is away, though a change was not answered", async () => {
  await using fleet = new Fleet();
  const { one, time } = fleet;
  await fleet.begin();
  for (const name of ["load", "commit", "claim", "nextIn"]) {
    fleet.bent.bends[name] = () => new Promise(() => {});
  }
  fleet.live.set("count", 10);
  await pass(time, 2500);
  const before = Date.now();
  assertEquals(await fleet.visit(one, "show"), "503");
  assertEquals(Date.now(), before);
  for (const name of ["load", "commit", "claim", "nextIn"]) {
    fleet.bent.bends[name] = undefined;
  }
  // What is under way is given up after the timeout.
  await pass(time, 2500);
});

Deno.test("Session.set() outside of requests reports nothing if it was made and others wrote another key", async () => {
  await using fleet = new Fleet();
  const { other, time } = fleet;
  await fleet.begin();
  fleet.breakDown(FAULTS["is made, but not answered"]!);
  fleet.live.set("basket", "tea");
  await pass(time, 10);
  await fleet.visit(other, "count");
  fleet.mend();
  await pass(time, 5000);
  assertEquals(fleet.live.get("basket"), "tea");
  assertEquals(fleet.live.get("count"), 2);
  assertEquals(fleet.reports.filter((text) => /Cannot keep/.test(text)), []);
});

Deno.test("Session.renew() outside of requests is sent to the visitor though its commit was not answered", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  await fleet.begin();
  const { cookie } = fleet;
  const gate = Promise.withResolvers<void>();
  one.page("slow", async (request) => {
    request.getSession();
    await gate.promise;
    return "";
  });
  fleet.breakDown(FAULTS["never arrives"]!);
  fleet.live.renew();
  await pass(time, 100);
  const slow = fleet.visit(one, "slow");
  await pass(time, 100);
  fleet.mend();
  gate.resolve();
  assertEquals(await slow, "200 ");
  assertNotEquals(fleet.cookie, cookie);
  await pass(time, 62_000);
  assertEquals(await fleet.visit(other, "count"), "200 2");
  assertEquals(fleet.suspicions, []);
});

Deno.test("Session.notifyOnExpire() by name outside of requests is kept though others have written", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  const freed = countFreed(one, other);
  await fleet.begin();
  fleet.breakDown(FAULTS["never arrives"]!);
  fleet.live.notifyOnExpire("free seat", 7);
  await pass(time, 10);
  await fleet.visit(other, "count");
  fleet.mend();
  await pass(time, 5000);
  await fleet.visit(other, "leave");
  await pass(time, 100);
  assertEquals(freed.count, 1);
});

Deno.test("Session.notifyOnExpire() by name is kept though others have written, and the second commit is not answered either", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  const freed = countFreed(one, other);
  await fleet.begin();
  fleet.breakDown(FAULTS["never arrives"]!);
  fleet.live.notifyOnExpire("free seat", 7);
  await pass(time, 10);
  await fleet.visit(other, "count");
  // It is sent again, for the record of the other process.
  await pass(time, 2000);
  fleet.mend();
  await pass(time, 5000);
  await fleet.visit(other, "leave");
  await pass(time, 100);
  assertEquals(freed.count, 1);
});

Deno.test("A named callback that is taken back outside of requests is not called though others have written", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  const freed = countFreed(one, other);
  await fleet.begin();
  const takeBack = fleet.live.notifyOnExpire("free seat", 7);
  await pass(time, 10);
  fleet.breakDown(FAULTS["never arrives"]!);
  takeBack();
  await pass(time, 10);
  await fleet.visit(other, "count");
  fleet.mend();
  await pass(time, 5000);
  await fleet.visit(other, "leave");
  await pass(time, 100);
  assertEquals(freed.count, 0);
  assertEquals(fleet.reports.filter((text) => text.includes("keep")), []);
});

Deno.test("A named callback that replaces another one, and is taken back, is reported if others have written", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  const freed: unknown[] = [];
  for (const { site } of [one, other]) {
    site.onEnd("free seat", (seat) => void freed.push(seat));
  }
  await fleet.begin();
  const key = "seat";
  other.site.sessions.get(fleet.live.uid)!
    .notifyOnExpire("free seat", 7, { key });
  await pass(time, 300);
  fleet.breakDown(FAULTS["never arrives"]!);
  fleet.live.notifyOnExpire("free seat", 8, { key })();
  await pass(time, 10);
  await fleet.visit(other, "count");
  fleet.mend();
  await pass(time, 5000);
  await fleet.visit(other, "leave");
  await pass(time, 100);
  // The other process may have registered its callback later.
  assertEquals(freed, [7]);
  const reports = fleet.reports.filter((text) => text.includes("keep"));
  assertEquals(reports.length, 1);
  assertMatch(reports[0]!, /the removal of callback "free seat"/);
});

Deno.test("Session.notifyOnExpire() by name is called though the session ends while its commit is unanswered", async () => {
  await using fleet = new Fleet();
  const { one, time } = fleet;
  let freed = 0;
  one.site.onEnd("free seat", () => void freed++);
  await fleet.begin();
  fleet.breakDown(FAULTS["never arrives"]!);
  fleet.live.notifyOnExpire("free seat", 7);
  await pass(time, 10);
  fleet.live.expire();
  await pass(time, 500);
  fleet.mend();
  await pass(time, 3000);
  assertEquals(freed, 1);
});

Deno.test("Session.notifyOnExpire() by name is called once though the session ends here, and its deadline passes while the store is away", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  const freed = countFreed(one, other);
  await fleet.begin();
  await fleet.visit(one, "timeout?seconds=5");
  for (const name of ["load", "commit", "end", "claim", "nextIn"]) {
    fleet.bent.bends[name] = () => Promise.reject(new Error("away"));
  }
  const { live } = fleet;
  const { site } = other;
  live.notifyOnExpire("free seat", 7);
  live.set("basket", "tea");
  live.expire();
  await pass(time, 100);
  // The other process does not claim the end.
  await site.close();
  await pass(time, 7000);
  for (const name of Object.keys(fleet.bent.bends)) {
    fleet.bent.bends[name] = undefined;
  }
  await pass(time, 10_000);
  assertEquals(freed.count, 1);
  assertMatch(fleet.reports.join("\n"), /Cannot keep "basket" of session/);
});

Deno.test("Session.notifyOnExpire() by name is called once though the last commit before its end has no answer, and another process delivers the end", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  const freed = countFreed(one, other);
  await fleet.begin();
  await fleet.visit(one, "timeout?seconds=5");
  fleet.breakDown(FAULTS["is made, but not answered"]!);
  fleet.bent.bends.end = () => Promise.reject(new Error("away"));
  fleet.live.notifyOnExpire("free seat", 7);
  fleet.live.expire();
  await pass(time, 100);
  for (const name of ["load", "claim", "nextIn"]) {
    fleet.bent.bends[name] = fleet.bent.bends.end;
  }
  await pass(time, 7000);
  assertEquals([freed.count, other.reasons], [1, ["idle"]]);
  for (const name of Object.keys(fleet.bent.bends)) {
    fleet.bent.bends[name] = undefined;
  }
  await pass(time, 10_000);
  assertEquals(freed.count, 1);
  assertMatch(fleet.reports.join("\n"), /Cannot keep callback "free seat"/);
});

for (const how of ["fails", "hangs"] as const) {
  Deno.test(`Session.set() while the store ${how} overwrites nothing when it is back`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    for (const name of ["load", "commit", "claim", "create"]) {
      fleet.bent.bends[name] = () =>
        how === "fails"
          ? Promise.reject(new Error("away"))
          : new Promise(() => {});
    }
    assertEquals(await fleet.visit(one, "count"), "503");
    await pass(time, 3000);
    const { live } = fleet;
    live.set("count", 10);
    live.set("basket", "tea");
    await pass(time, 3000);
    assertEquals(await fleet.visit(other, "count"), "200 2");
    for (const name of ["load", "commit", "claim", "create"]) {
      fleet.bent.bends[name] = undefined;
    }
    await pass(time, 5000);
    assertEquals(await fleet.visit(other, "count"), "200 3");
    assertEquals(await fleet.visit(one, "count"), "200 4");
    assertMatch(fleet.reports.join("\n"), /Cannot keep "count", "basket" of/);
  });

  Deno.test(`Session.set() while the store ${how} is kept if no other process writes`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    for (const name of ["load", "commit", "claim", "create"]) {
      fleet.bent.bends[name] = () =>
        how === "fails"
          ? Promise.reject(new Error("away"))
          : new Promise(() => {});
    }
    assertEquals(await fleet.visit(one, "show"), "503");
    await pass(time, 3000);
    fleet.live.set("count", 10);
    await pass(time, 3000);
    for (const name of ["load", "commit", "claim", "create"]) {
      fleet.bent.bends[name] = undefined;
    }
    await pass(time, 5000);
    assertEquals(await fleet.visit(other, "count"), "200 11");
    assertEquals(fleet.reports.filter((text) => /Cannot keep/.test(text)), []);
  });
}

Deno.test("Session.set() outside of requests is written though another process has set a fence", async () => {
  await using fleet = new Fleet();
  const { other, time } = fleet;
  await fleet.begin();
  const live = other.site.sessions.get(uidOf(fleet.cookie))!;
  fleet.breakOnce(FAULTS["never arrives"]!);
  assertEquals(await fleet.visit(fleet.one, "count"), "503");
  live.set("basket", "tea");
  await pass(time, 3000);
  assertEquals(live.get("basket"), "tea");
  const record = fleet.inner.load(uidOf(fleet.cookie), NO_TOKEN);
  assertEquals(record?.values.get("basket"), 'j"tea"');
  assertEquals(other.errors, []);
});

Deno.test("Site over a store that answers at once keeps what waited for a lock", async () => {
  using time = new FakeTime();
  const bent = new BentStore(new MemoryStore());
  await using node = new Node(bent.store).page("set", (request) => {
    request.getSession().set("basket", "tea");
    return "";
  });
  const cookie = cookieOf(await node.get("set"));
  bent.bends.commit = (act, ...args) => {
    time.tick(4000);
    return act(...args);
  };
  assertEquals((await node.get("set", cookie)).status, 200);
});

for (const isMade of [true, false]) {
  Deno.test(`Site over a store that answers at once overwrites nothing by a commit that was ${isMade ? "" : "not "}made when it threw`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    const bent = new BentStore(inner);
    const makeNode = (store: SessionStore) =>
      new Node(store).page("count", (request) => {
        const session = request.getSession();
        const count = (session.get<number>("count") ?? 0) + 1;
        session.set("count", count);
        return String(count);
      });
    await using one = makeNode(bent.store);
    await using other = makeNode(inner);
    const cookie = cookieOf(await other.get("count"));
    const count = async (node: Node) => {
      const response = await node.get("count", cookie);
      return response.ok ? Number(await response.text()) : response.status;
    };
    bent.bends.commit = (act, ...args) => {
      bent.bends.commit = undefined;
      if (isMade) act(...args);
      throw new Error("disk I/O error");
    };
    assertEquals(await count(one), 503);
    const next = isMade ? 3 : 2;
    assertEquals(await count(other), next);
    assertEquals(await count(one), next + 1);
    await pass(time, 3000);
    assertEquals(await count(other), next + 2);
  });
}

for (const how of ["fails", "hangs"]) {
  for (const ms of [0, 10, 5000]) {
    Deno.test(`Site.close() names what cannot be written outside of requests while the store ${how} for ${ms} ms`, async () => {
      await using fleet = new Fleet();
      const { one, time } = fleet;
      one.site.onEnd("free seat", () => {});
      await fleet.begin();
      const { live } = fleet;
      for (const name of ["load", "commit", "claim", "nextIn"]) {
        fleet.bent.bends[name] = () =>
          how === "fails"
            ? Promise.reject(new Error("away"))
            : new Promise(() => {});
      }
      live.set("basket", "tea");
      live.notifyOnExpire("free seat", 7);
      await pass(time, ms);
      let isClosed = false;
      const closing = one.site.close().then(() => isClosed = true);
      while (!isClosed) await pass(time, 10);
      await closing;
      assertMatch(
        fleet.reports.join("\n"),
        /Cannot keep "basket", callback "free seat" of session "[\da-f]{32}": the sessions are closed/,
      );
    });
  }
}

Deno.test("Site.close() names the callback of a session whose end cannot be written", async () => {
  await using fleet = new Fleet();
  const { one, time } = fleet;
  one.site.onEnd("free seat", () => {});
  await fleet.begin();
  const { live } = fleet;
  for (const name of ["load", "commit", "end", "claim", "nextIn"]) {
    fleet.bent.bends[name] = () => Promise.reject(new Error("away"));
  }
  live.notifyOnExpire("free seat", 7);
  live.expire();
  await pass(time, 3000);
  let isClosed = false;
  const closing = one.site.close().then(() => isClosed = true);
  while (!isClosed) await pass(time, 10);
  await closing;
  assertMatch(
    fleet.reports.join("\n"),
    /Cannot keep callback "free seat" of session "[\da-f]{32}": the sessions are closed/,
  );
});

for (const how of ["fails", "hangs"]) {
  Deno.test(`A value that is set outside of requests is reported if the session ends while the store ${how}`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    await fleet.visit(one, "timeout?seconds=5");
    await other.site.close();
    const { live } = fleet;
    const names = ["load", "commit", "claim", "nextIn"];
    for (const name of names) {
      fleet.bent.bends[name] = () =>
        how === "fails"
          ? Promise.reject(new Error("away"))
          : new Promise(() => {});
    }
    live.set("basket", "tea");
    await pass(time, 7000);
    for (const name of names) fleet.bent.bends[name] = undefined;
    await pass(time, 10_000);
    assertEquals(live.isActive, false);
    assertMatch(
      fleet.reports.join("\n"),
      /Cannot keep "basket" of session "[\da-f]{32}": it has ended/,
    );
  });
}

for (const isAway of [false, true]) {
  Deno.test(`A value that is set while the site closes is ${isAway ? "reported, as the store is away" : "written"}`, async () => {
    await using fleet = new Fleet();
    const { one, other, time } = fleet;
    await fleet.begin();
    const { live } = fleet;
    const leaving = one.site.makeSession();
    one.site.notifyOnSessionEnd(() => after(500));
    await pass(time, 100);
    leaving.expire();
    await pass(time, 100);
    let isClosed = false;
    const closing = one.site.close().then(() => isClosed = true);
    await pass(time, 100);
    assertEquals(isClosed, false);
    live.set("basket", "tea");
    if (isAway) {
      fleet.bent.bends.commit = () => Promise.reject(new Error("away"));
    }
    while (!isClosed) await pass(time, 10);
    await closing;
    const record = fleet.inner.load(uidOf(fleet.cookie), NO_TOKEN);
    const reports = fleet.reports.join("\n");
    assertEquals(
      [record?.values.get("basket"), /Cannot keep "basket" of/.test(reports)],
      isAway ? [undefined, true] : ['j"tea"', false],
    );
    assertEquals(await fleet.visit(other, "count"), "200 2");
  });
}

Deno.test("Site.close() names what a write under way could not write, though its session has ended", async () => {
  await using fleet = new Fleet();
  const { one, other, time } = fleet;
  one.site.onEnd("free seat", () => {});
  await fleet.begin();
  fleet.breakOnce(() => new Promise(() => {}));
  fleet.live.set("basket", "tea");
  fleet.live.notifyOnExpire("free seat", 7);
  await pass(time, 10);
  await fleet.visit(other, "leave");
  await pass(time, 100);
  assertEquals(one.site.sessions.size, 0);
  let isClosed = false;
  const closing = one.site.close().then(() => isClosed = true);
  while (!isClosed) await pass(time, 10);
  await closing;
  assertMatch(
    fleet.reports.join("\n"),
    /Cannot keep "basket", callback "free seat" of session/,
  );
});

/** A clock that stands ahead of all timers after its process was blocked. */
class BlockingClock extends SetClock {
  override monotonic(): number {
    return this.now();
  }
}

Deno.test("Site writes a change again that another process has overtaken, though it was blocked while the store answered", async () => {
  using time = new FakeTime();
  const clock = new BlockingClock();
  const { store, inner, bends } = new BentStore(
    asynchronous(new MemoryStore({ clock })),
  );
  await using one = new Node(store, { clock });
  await using other = new Node(inner, { clock });
  for (const node of [one, other]) {
    node.page("set", (request) => {
      request.getSession().set(request.query.get("key")!, "kept");
      return "";
    }).page("both", (request) => {
      const session = request.getSession();
      return `${session.get("a")} ${session.get("b")}`;
    });
  }
  const cookie = cookieOf(await one.get("set?key=c"));
  await pass(time, 200);
  bends.commit = async (act, ...args) => {
    bends.commit = undefined;
    await other.get("set?key=a", cookie);
    const answer = await act(...args);
    clock.set(3000);
    return answer;
  };
  const set = Promise.resolve(one.get("set?key=b", cookie));
  await pass(time, 1000);
  assertEquals((await set).status, 200);
  assertEquals(await (await other.get("both", cookie)).text(), "kept kept");
});

Deno.test("Site writes the change of a request though it was blocked while the store answered its load", async () => {
  using time = new FakeTime();
  const clock = new BlockingClock();
  const { store, bends } = new BentStore(
    asynchronous(new MemoryStore({ clock })),
  );
  await using node = new Node(store, { clock });
  node.page("set", (request) => {
    request.getSession().set("note", "kept");
    return "";
  });
  const cookie = cookieOf(await node.get("set"));
  await pass(time, 200);
  bends.load = async (act, ...args) => {
    bends.load = undefined;
    const answer = await act(...args);
    clock.set(3000);
    return answer;
  };
  const set = Promise.resolve(node.get("set", cookie));
  await pass(time, 1000);
  assertEquals((await set).status, 200);
});
