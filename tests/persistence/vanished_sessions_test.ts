import { assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

/** A store whose records can be lost all at once. Its watchers stay. */
class LossyStore {
  #inner = new MemoryStore();
  readonly #watches: Parameters<MemoryStore["watch"]>[] = [];
  /** Whether the records are lost before the next commit. */
  emptyAtNextCommit = false;
  readonly store: SessionStore = new Proxy(this.#inner, {
    get: (_, name) => {
      if (name === "commit" && this.emptyAtNextCommit) this.empty();
      if (name === "watch") {
        return (...args: Parameters<MemoryStore["watch"]>) => {
          this.#watches.push(args);
          return this.#inner.watch(...args);
        };
      }
      const member = Reflect.get(this.#inner, name, this.#inner);
      return typeof member === "function" ? member.bind(this.#inner) : member;
    },
  });

  /** Puts an empty store in the place of this one. */
  empty(): void {
    this.emptyAtNextCommit = false;
    this.#inner = new MemoryStore();
    for (const args of this.#watches) this.#inner.watch(...args);
  }
}

const KINDS: Record<string, (store: SessionStore) => SessionStore> = {
  "a store": (store) => store,
  "a store that has to be waited for": asynchronous,
};

/** A node with a listener and a named callback for each session. */
class WatchedNode extends Node {
  readonly own: string[] = [];
  readonly bills: unknown[] = [];

  isBillingAway = false;
  /** The argument of a callback that fails. */
  failing: unknown = undefined;

  constructor(store: SessionStore, options: SiteOptions = {}) {
    super(store, options);
    this.site.onEnd("bill", (argument) => {
      const isFailing = this.isBillingAway || argument === this.failing;
      if (isFailing) throw new Error("billing is away");
      this.bills.push(argument);
    });
    this.page("visit", (request) => {
      const session = request.getSession();
      if (request.isNewSession) {
        session.set("cart", ["tea"]);
        session.notifyOnExpire("bill", 7);
        session.notifyOnExpire(({ reason }) => this.own.push(reason));
      }
      return session.uid;
    }).page("who", (request) => request.session?.uid ?? "nobody")
      .page("out", (request) => {
        request.logOut();
        return "";
      });
  }
}

Deno.test("A session that vanished ends as lost, once, though the store's client sends its last record twice", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const { store, bends } = new BentStore(asynchronous(lossy.store));
  await using node = new WatchedNode(store);
  const cookie = cookieOf(await node.get("visit"));
  node.page("bill", (request) => {
    request.getSession().notifyOnExpire("bill", 8);
    return "";
  });
  await node.get("bill", cookie);
  await pass(time, 100);
  lossy.empty();
  bends.create = async (create, ...args) => {
    await create(...args);
    return create(...args);
  };
  await pass(time, 65_000);
  assertEquals([node.reasons, node.own, node.bills], [
    ["lost"],
    ["lost"],
    [7, 8],
  ]);
  assertEquals(node.errors.length, 1);
  assertMatch(String(node.errors[0]), /A session has vanished from the store/);
  await pass(time, 120_000);
  assertEquals([node.reasons, node.bills], [["lost"], [7, 8]]);
});

for (const after of ["its last record", "its end"]) {
  Deno.test(`A session that vanished ends as lost, once, though the answer to ${after} is lost`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    const { store, bends } = new BentStore(asynchronous(lossy.store));
    await using one = new WatchedNode(store);
    await using other = new WatchedNode(lossy.store);
    await one.get("visit");
    await pass(time, 100);
    lossy.empty();
    let calls = 0;
    bends[after === "its end" ? "end" : "create"] = async (act, ...args) => {
      const answer = await act(...args);
      if (calls++ > 0) return answer;
      throw new Error("the connection is lost");
    };
    await pass(time, 120_000);
    assertEquals([...one.reasons, ...other.reasons], ["lost"]);
    assertEquals([one.own, [...one.bills, ...other.bills]], [["lost"], [7]]);
    const errors = [...one.errors, ...other.errors].map(String);
    assertEquals(
      errors.filter((error) => error.includes("has vanished")).length,
      1,
      errors.join(),
    );
  });
}

Deno.test("A process that ends a session that vanished calls the named callbacks that it knows of, though another has written the last record", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const { store, bends } = new BentStore(asynchronous(lossy.store));
  await using one = new WatchedNode(store);
  await using other = new WatchedNode(asynchronous(lossy.store));
  other.page("bill", (request) => {
    request.getSession().notifyOnExpire("bill", 8);
    return "";
  });
  const cookie = cookieOf(await one.get("visit"));
  // The first process does not see the callback that the other one writes.
  bends.load = () => {
    throw new Error("the connection is lost");
  };
  await other.get("bill", cookie);
  await pass(time, 100);
  lossy.empty();
  bends.load = undefined;
  bends.end = () => {
    throw new Error("the connection is lost");
  };
  await pass(time, 120_000);
  assertEquals([...one.reasons, ...other.reasons], ["lost"]);
  assertEquals([...one.bills, ...other.bills].toSorted(), [7, 8]);
});

for (const [kind, wrap] of Object.entries(KINDS)) {
  Deno.test(`A session that vanished from ${kind} ends as lost at its deadline, once, and is reported`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    await using node = new WatchedNode(wrap(lossy.store));
    const uid = await (await node.get("visit")).text();
    await pass(time, 100);
    lossy.empty();
    await pass(time, 59_000);
    assertEquals(node.reasons, []);
    await pass(time, 5000);
    assertEquals([node.reasons, node.own, node.bills], [
      ["lost"],
      ["lost"],
      [7],
    ]);
    assertEquals(node.ends[0]!.uid, uid);
    assertEquals(node.ends[0]!.session.get("cart"), ["tea"]);
    assertEquals(node.errors.length, 1);
    assertMatch(
      String(node.errors[0]),
      new RegExp(`A session has vanished from the store.*"${uid}"`),
    );
    await pass(time, 120_000);
    assertEquals([node.reasons, node.errors.length], [["lost"], 1]);
    assertEquals(node.site.sessions.size, 0);
  });

  Deno.test(`A session that vanished from ${kind} ends as lost when its visitor comes, who gets another`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    await using node = new WatchedNode(wrap(lossy.store));
    const first = await node.get("visit");
    const uid = await first.text();
    await pass(time, 100);
    lossy.empty();
    const second = await node.get("visit", cookieOf(first));
    assertEquals(await second.text() === uid, false);
    await pass(time, 5000);
    assertEquals([node.reasons, node.own, node.bills], [
      ["lost"],
      ["lost"],
      [7],
    ]);
    assertEquals(
      await (await node.get("who", cookieOf(first))).text(),
      "nobody",
    );
  });

  Deno.test(`A logout of a session that vanished from ${kind} is delivered, once`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    await using node = new WatchedNode(wrap(lossy.store));
    const uid = await (await node.get("visit")).text();
    await pass(time, 100);
    lossy.empty();
    node.site.sessions.get(uid)!.expire();
    await pass(time, 5000);
    assertEquals([node.reasons, node.own, node.bills], [
      ["logout"],
      ["logout"],
      [7],
    ]);
  });

  Deno.test(`Of two processes that hold a session that vanished from ${kind} one delivers its end`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    const store = wrap(lossy.store);
    await using one = new WatchedNode(store);
    await using other = new WatchedNode(store);
    const cookies: string[] = [];
    for (let visitor = 0; visitor < 20; visitor++) {
      const cookie = cookieOf(await one.get("visit"));
      await other.get("visit", cookie);
      cookies.push(cookie);
    }
    await pass(time, 100);
    lossy.empty();
    await pass(time, 65_000);
    const reasons = [...one.reasons, ...other.reasons];
    assertEquals(reasons, cookies.map(() => "lost"));
    assertEquals(one.own, cookies.map(() => "lost"));
    assertEquals([...one.bills, ...other.bills].length, cookies.length);
    const reports = [...one.errors, ...other.errors].map(String);
    assertEquals(reports.length < 5, true, reports.join());
    assertMatch(reports[0]!, /sessions have vanished .* more$/);
  });

  Deno.test(`A process that missed a logout in ${kind} does not take the session for lost`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(wrap(new MemoryStore()));
    // No notification arrives.
    bent.bends.watch = () => () => {};
    await using one = new WatchedNode(bent.store);
    await using other = new WatchedNode(bent.inner);
    const first = await one.get("visit");
    one.site.sessions.get(await first.text())!.sessionTimeout = 600;
    await one.get("visit", cookieOf(first));
    await other.get("out", cookieOf(first));
    await pass(time, 2000);
    assertEquals(other.reasons, ["logout"]);
    await pass(time, 700_000);
    assertEquals([one.reasons, other.reasons], [[], ["logout"]]);
    assertEquals([...one.bills, ...other.bills], [7]);
    assertEquals([...one.errors, ...other.errors], []);
    assertEquals(one.site.sessions.size, 0);
  });

  Deno.test(`A process that missed a logout in ${kind}, whose dead letter was deleted, does not take the session for lost`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(wrap(new MemoryStore()));
    // No notification arrives.
    bent.bends.watch = () => () => {};
    await using one = new WatchedNode(bent.store);
    await using other = new WatchedNode(bent.inner, { endRetryFor: 0 });
    other.isBillingAway = true;
    const first = await one.get("visit");
    one.site.sessions.get(await first.text())!.sessionTimeout = 600;
    await one.get("visit", cookieOf(first));
    await other.get("out", cookieOf(first));
    await pass(time, 2000);
    const { sessions } = other.site;
    assertEquals(await sessions.deleteDeadLetter(uidOf(cookieOf(first))), true);
    await pass(time, 700_000);
    assertEquals([one.reasons, other.reasons], [[], ["logout"]]);
    assertEquals([...one.bills, ...other.bills], []);
    assertEquals(one.errors, []);
    assertEquals(one.site.sessions.size, 0);
  });

  Deno.test(`A named callback that is registered with the logout of a session that vanished from ${kind} is called once`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    await using node = new WatchedNode(wrap(lossy.store));
    node.page("bill-and-out", (request) => {
      request.getSession().notifyOnExpire("bill", 8);
      request.logOut();
      return "";
    });
    const cookie = cookieOf(await node.get("visit"));
    await pass(time, 100);
    lossy.emptyAtNextCommit = true;
    await (await node.get("bill-and-out", cookie)).body?.cancel();
    await pass(time, 5000);
    assertEquals(node.bills.toSorted(), [7, 8]);
  });
}

Deno.test("A named callback is called once, though its session is logged out and vanishes before its commit arrives", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const { store, bends } = new BentStore(asynchronous(lossy.store));
  await using node = new WatchedNode(store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  bends.commit = async (_, uid, changes, conditions) => {
    bends.commit = undefined;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return await lossy.store.commit(uid, changes, conditions);
  };
  const [session] = node.site.sessions.values();
  session!.notifyOnExpire("bill", 8);
  await pass(time, 100);
  const out = Promise.resolve(node.get("out", cookie));
  await pass(time, 100);
  lossy.empty();
  await pass(time, 1000);
  assertEquals((await out).status, 200);
  assertEquals([node.reasons, node.bills], [["logout"], [7, 8]]);
});

Deno.test("A named callback is called once that is registered while the last record of its session is ended", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const { store, bends } = new BentStore(asynchronous(lossy.store));
  await using node = new WatchedNode(store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  const [session] = node.site.sessions.values();
  bends.end = async (end, ...args) => {
    session!.notifyOnExpire("bill", 8);
    await after(50);
    return await end(...args);
  };
  bends.commit = async (commit, ...args) => {
    await after(200);
    return await commit(...args);
  };
  lossy.empty();
  await node.get("who", cookie);
  await pass(time, 1000);
  assertEquals(node.reasons, ["lost"]);
  assertEquals(node.bills.toSorted(), [7, 8]);
});

for (const first of ["the creation", "a commit"]) {
  Deno.test(`A named callback is called once, though another process ends the vanished session while ${first} of this one has no answer`, async () => {
    using time = new FakeTime();
    const lossy = new LossyStore();
    const { store, bends } = new BentStore(asynchronous(lossy.store));
    await using one = new WatchedNode(store);
    await using other = new WatchedNode(asynchronous(lossy.store));
    const cookie = cookieOf(await one.get("visit"));
    await other.get("visit", cookie);
    await pass(time, 200);
    const answer = Promise.withResolvers<void>();
    const late = async (
      act: (...args: unknown[]) => Promise<unknown>,
      ...args: unknown[]
    ) => {
      const answered = await act(...args);
      await answer.promise;
      return answered;
    };
    bends.create = late;
    if (first === "a commit") bends.commit = late;
    lossy.empty();
    const [session] = one.site.sessions.values();
    session!.notifyOnExpire("bill", 8);
    await pass(time, 100);
    // Both processes look for the record of the session.
    await one.get("who", cookie);
    await pass(time, 100);
    await other.get("who", cookie);
    await pass(time, 1000);
    answer.resolve();
    await pass(time, 5000);
    assertEquals([...one.reasons, ...other.reasons], ["lost"]);
    assertEquals([...one.bills, ...other.bills].toSorted(), [7, 8]);
  });
}

Deno.test("A login to a session that has vanished is answered 503, and puts no token into its last record", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const { store, bends } = new BentStore(asynchronous(lossy.store));
  await using node = new WatchedNode(store);
  node.page("login", (request) => {
    request.logIn("alice");
    return "";
  });
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  bends.commit = async (_, uid, changes, conditions) => {
    await after(500);
    return await lossy.store.commit(uid, changes, conditions);
  };
  bends.end = async (end, ...args) => {
    await after(1500);
    return await end(...args);
  };
  const login = Promise.resolve(node.get("login", cookie));
  await pass(time, 100);
  lossy.empty();
  // The process looks for the record while the login is on its way.
  assertEquals(await (await node.get("who", cookie)).text(), "nobody");
  await pass(time, 5000);
  assertEquals((await login).status, 503);
  assertEquals([node.reasons, node.bills], [["lost"], [7]]);
});

Deno.test("A named callback of a session that vanished is called once, though another one fails in a process that stops", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const one = new WatchedNode(asynchronous(lossy.store));
  const { store, bends } = new BentStore(asynchronous(lossy.store));
  await using other = new WatchedNode(store);
  const cookie = cookieOf(await one.get("visit"));
  one.page("bill", (request) => {
    request.getSession().notifyOnExpire("bill", 8);
    return "";
  });
  await one.get("bill", cookie);
  await other.get("visit", cookie);
  await pass(time, 200);
  lossy.empty();
  one.failing = 7;
  // The other process claims the end in the round in which it learns of it.
  bends.claim = async (_, claimant, limit) => {
    await after(150);
    return await lossy.store.claim(claimant, limit);
  };
  await one.get("who", cookie);
  await pass(time, 50);
  assertEquals(one.bills, [8]);
  await one.site.close();
  await pass(time, 5000);
  assertEquals([one.bills, other.bills], [[8], [7]]);
});

Deno.test("A login to a session that vanishes is answered 503, though it reaches the last record that another process has created", async () => {
  using time = new FakeTime();
  const lossy = new LossyStore();
  const slow = new BentStore(asynchronous(lossy.store));
  const late = new BentStore(asynchronous(lossy.store));
  await using one = new WatchedNode(slow.store);
  await using other = new WatchedNode(late.store);
  other.page("login", (request) => request.logIn("alice").uid);
  const cookie = cookieOf(await one.get("visit"));
  await pass(time, 100);
  late.bends.commit = async (_, uid, changes, conditions) => {
    await after(500);
    return await lossy.store.commit(uid, changes, conditions);
  };
  slow.bends.end = async (end, ...args) => {
    await after(1500);
    return await end(...args);
  };
  const login = Promise.resolve(other.get("login", cookie));
  await pass(time, 100);
  lossy.empty();
  assertEquals(await (await one.get("who", cookie)).text(), "nobody");
  await pass(time, 600);
  assertEquals(await (await one.get("who", cookie)).text(), "nobody");
  await pass(time, 5000);
  assertEquals((await login).status, 503);
  assertEquals([...one.reasons, ...other.reasons], ["lost"]);
});
