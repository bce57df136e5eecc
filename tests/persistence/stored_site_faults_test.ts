// What a site over a store does when answers are slow, lost or out of order.

import { assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import { NO_TOKEN } from "../../persistence/record_calls.ts";
import { FakeTime } from "@std/testing/time";
import { Session, type SiteOptions } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import type { SessionStore } from "../../stores/store.ts";
import {
  after,
  asynchronous,
  BentStore,
  BrokenStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

function nodeOf(store: SessionStore, options: SiteOptions = {}): Node {
  return new Node(store, options)
    .page("visit", (request) => request.getSession().uid)
    .page("who", (request) => request.session?.uid ?? "nobody")
    .page("count", (request) => {
      const session = request.getSession();
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return String(count);
    })
    .page("leave", (request) => {
      request.getSession().expire();
      return "bye";
    });
}

/** Only the answer is late. */
function slowly(ms: number) {
  return async (act: (...args: unknown[]) => unknown, ...args: unknown[]) => {
    const answer = await act(...args);
    await after(ms);
    return answer;
  };
}

/** It is done, but nobody hears of it. */
async function unheard(
  act: (...args: unknown[]) => unknown,
  ...args: unknown[]
): Promise<never> {
  await act(...args);
  return new Promise(() => {});
}

Deno.test("Session.set() over a store is kept while the session is still being created", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  bent.bends.create = slowly(20);
  await using node = nodeOf(bent.store).page("slow", async (request) => {
    const session = request.getSession();
    await after(5);
    session.set("basket", "tea");
    return "";
  });
  const answer = node.get("slow");
  await pass(time, 100);
  const cookie = cookieOf(await answer);
  await using other = nodeOf(bent.store).page(
    "basket",
    (request) => request.getSession().get<string>("basket") ?? "nothing",
  );
  assertEquals(await (await other.get("basket", cookie)).text(), "tea");
});

for (const isSync of [true, false]) {
  const kind = isSync ? "throws" : "rejects";
  Deno.test(`Site.makeSession() over a store that ${kind} keeps its values later`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    const bent = new BentStore(isSync ? inner : asynchronous(inner));
    await using node = nodeOf(bent.store);
    await pass(time, 100);
    bent.bends.create = () => {
      const error = new Error("not now");
      if (isSync) throw error;
      return Promise.reject(error);
    };
    const session = node.site.makeSession();
    session.set("basket", "tea");
    await pass(time, 500);
    await node.get("visit");
    bent.bends.create = undefined;
    await pass(time, 3000);
    const kept = await inner.load(session.uid, NO_TOKEN);
    assertEquals(kept?.values.get("basket"), 'j"tea"');
  });
}

Deno.test("Site.makeSession() over a store that makes it unheard keeps its values later", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  await pass(time, 100);
  bent.bends.create = unheard;
  const session = node.site.makeSession();
  await pass(time, 500);
  session.set("basket", "tea");
  await pass(time, 2000);
  bent.bends.create = undefined;
  await pass(time, 3000);
  const kept = await bent.inner.load(session.uid, NO_TOKEN);
  assertEquals(kept?.values.get("basket"), 'j"tea"');
});

Deno.test("Site answers once the values are kept of a session that was made unheard", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  const gate = Promise.withResolvers<void>();
  await using node = nodeOf(bent.store).page("slow", async (request) => {
    const session = request.getSession();
    await gate.promise;
    session.set("basket", "tea");
    return session.uid;
  });
  await pass(time, 100);
  bent.bends.create = unheard;
  const answer = node.get("slow");
  await pass(time, 3000);
  bent.bends.create = undefined;
  gate.resolve();
  await pass(time, 3000);
  const response = await answer;
  assertEquals(response.status, 200);
  const kept = await bent.inner.load(await response.text(), NO_TOKEN);
  assertEquals(kept?.values.get("basket"), 'j"tea"');
});

Deno.test("Site tells the end once of a session whose creation was done unheard", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  await pass(time, 100);
  bent.bends.create = unheard;
  const answer = node.get("visit");
  await pass(time, 2500);
  assertEquals((await answer).status, 503);
  bent.bends.create = undefined;
  await pass(time, 120_000);
  const uids = node.ends.map(({ uid }) => uid);
  assertEquals(uids.length, 1);
});

Deno.test("Site tells the end once of a session that could not be created", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  await pass(time, 100);
  bent.bends.create = () => Promise.reject(new Error("not now"));
  assertEquals((await node.get("visit")).status, 503);
  bent.bends.create = undefined;
  await pass(time, 120_000);
  assertEquals(node.reasons, ["evicted"]);
});

Deno.test("Session.get() over a store does not lose what is being written to an older load", async () => {
  using time = new FakeTime();
  const inner = asynchronous(new MemoryStore());
  const bent = new BentStore(inner);
  await using other = nodeOf(inner);
  await using node = nodeOf(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  await other.get("visit", cookie);
  await pass(time, 100);
  // It is read before the value is written, and answered after that was sent.
  await (await other.get("count", cookie)).text();
  bent.bends.load = slowly(10);
  bent.bends.commit = slowly(20);
  const slow = node.get("who", cookie);
  const live = node.site.sessions.get(uidOf(cookie))!;
  live.set("basket", "tea");
  await pass(time, 12);
  assertEquals(live.get("count"), 1);
  assertEquals(live.get("basket"), "tea");
  await pass(time, 100);
  await slow;
  assertEquals(live.get("basket"), "tea");
});

for (const isFirst of [true, false]) {
  Deno.test(`Site tells the end with the last values, if they were set in the ${isFirst ? "first" : "second"} process`, async () => {
    using time = new FakeTime();
    const store = asynchronous(new MemoryStore());
    await using one = nodeOf(store);
    await using other = nodeOf(store);
    const cookie = cookieOf(await one.get("visit"));
    await other.get("visit", cookie);
    await (isFirst ? one : other).get("count", cookie);
    await pass(time, 61_100);
    const ends = [...one.ends, ...other.ends];
    assertEquals(ends.length, 1);
    assertEquals(ends[0]!.session.get("count"), 1);
  });
}

Deno.test("Site tells the end with the live session, though news of it came first", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  const live = node.site.sessions.get(uidOf(cookie));
  bent.bends.claim = slowly(20);
  await pass(time, 61_100);
  bent.bends.claim = undefined;
  await pass(time, 100);
  assertEquals(node.reasons, ["idle"]);
  assertStrictEquals(node.ends[0]!.session, live);
});

Deno.test("Site tells ends beside one of which no session can be made", async () => {
  using time = new FakeTime();
  const store = new MemoryStore();
  const before = nodeOf(store);
  const cookies: string[] = [];
  for (let i = 0; i < 3; i++) cookies.push(cookieOf(await before.get("visit")));
  await before.site.close();
  const bad = uidOf(cookies[0]!);
  class Choosy extends Session {
    constructor(...args: ConstructorParameters<typeof Session>) {
      super(...args);
      if (this.uid === bad) throw new Error("not this one");
    }
  }
  await using node = nodeOf(store, { sessionFactory: Choosy });
  await pass(time, 61_100);
  assertEquals(
    node.ends.map(({ uid }) => uid).sort(),
    cookies.slice(1).map(uidOf).sort(),
  );
  assertEquals(String(node.errors[0]), "Error: not this one");
});

Deno.test("Site.close() leaves no deadline, though a session had ended elsewhere", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  bent.bends.watch = () => () => {};
  const node = nodeOf(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  const live = node.site.sessions.get(uidOf(cookie))!;
  live.set("basket", "tea");
  await bent.inner.end(uidOf(cookie), "logout", { owner: "x", lease: 1e9 });
  await node.site.close();
  await pass(time, 3000);
  assertEquals(live.expiresAt, Infinity);
});

Deno.test("Site.close() leaves ends to others that it was claiming", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  const node = nodeOf(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 59_900);
  bent.bends.claim = slowly(500);
  await pass(time, 300);
  const closing = node.site.close();
  await pass(time, 1000);
  await closing;
  assertEquals(node.ends, []);
  await using other = nodeOf(bent.inner);
  await pass(time, 100);
  assertEquals(other.ends.map(({ uid }) => uid), [uidOf(cookie)]);
});

Deno.test("Site tells an end once whose acknowledgement took longer than its lease", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  const node = nodeOf(bent.store);
  node.get("visit");
  await pass(time, 100);
  for (const name of ["acknowledge", "renew"]) {
    bent.bends[name] = () => Promise.reject(new Error("not now"));
  }
  await pass(time, 80_000);
  bent.bends.acknowledge = bent.bends.renew = undefined;
  await pass(time, 30_000);
  assertEquals(node.reasons, ["idle"]);
  const before = Date.now();
  const closing = node.site.close();
  await pass(time, 1000);
  await closing;
  assertEquals(Date.now() - before <= 1000, true);
  assertEquals(await bent.inner.nextIn(), Infinity);
});

Deno.test("Site listens to the store once, however late that is granted", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  let watching = 0;
  bent.bends.watch = async (act, ...args) => {
    await after(4500);
    const unwatch = await act(...args) as () => void;
    watching++;
    return () => {
      watching--;
      unwatch();
    };
  };
  await using node = nodeOf(bent.store);
  await pass(time, 10_000);
  bent.bends.watch = async (act, ...args) => {
    const unwatch = await act(...args) as () => void;
    watching++;
    return () => {
      watching--;
      unwatch();
    };
  };
  await pass(time, 10_000);
  assertEquals(watching, 1);
  await node.site.close();
  assertEquals(watching, 0);
});

Deno.test("Site.maxSessions makes room though the store is away", async () => {
  using time = new FakeTime();
  const bent = new BentStore(new MemoryStore());
  await using node = nodeOf(bent.store, { maxSessions: 1 });
  const cookie = cookieOf(await node.get("visit"));
  await pass(time, 100);
  const live = node.site.sessions.get(uidOf(cookie))!;
  live.set("basket", "tea");
  let tries = 0;
  bent.bends.commit = (act, ...args) => {
    if (tries++ === 0) throw new Error("not now");
    return act(...args);
  };
  const session = node.site.makeSession();
  assertEquals([...node.site.sessions.keys()], [session.uid]);
  await pass(time, 3000);
  const kept = await bent.inner.load(uidOf(cookie), NO_TOKEN);
  assertEquals(kept?.values.get("basket"), 'j"tea"');
});

Deno.test("Session.notifyOnExpire() by name is heard though the session was never kept", async () => {
  using time = new FakeTime();
  await using node = nodeOf(asynchronous(new MemoryStore()));
  const heard: unknown[] = [];
  node.site.onEnd("free seats", (seats) => void heard.push(seats));
  node.page("brief", (request) => {
    const session = request.getSession();
    session.notifyOnExpire("free seats", [1, 2]);
    session.expire();
    return "";
  });
  await node.get("brief");
  await pass(time, 100);
  assertEquals(heard, [[1, 2]]);
});

for (const lost of ["commit", "create"]) {
  Deno.test(`Session.notifyOnExpire() by name is heard once though the answer to ${lost}() was lost`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(asynchronous(new MemoryStore()));
    await using node = nodeOf(bent.store).page("book", (request) => {
      const session = request.getSession();
      if (lost === "commit") session.notifyOnExpire("free seats", "C5");
      return "";
    });
    await pass(time, 100);
    const heard: unknown[] = [];
    node.site.onEnd("free seats", (seat) => void heard.push(seat));
    const cookie = lost === "commit" ? cookieOf(await node.get("visit")) : "";
    bent.bends[lost] = unheard;
    const answer = node.get("book", cookie);
    const [session] = [...node.site.sessions.values()];
    if (lost === "create") session!.notifyOnExpire("free seats", "C5");
    await pass(time, 2500);
    await answer;
    bent.bends[lost] = undefined;
    await pass(time, 120_000);
    assertEquals(heard, ["C5"]);
  });
}

Deno.test("Session.notifyOnExpire() by name is heard though the session ends before that is written", async () => {
  using time = new FakeTime();
  await using node = nodeOf(asynchronous(new MemoryStore()));
  const heard: unknown[] = [];
  node.site.onEnd("free seats", (seats) => void heard.push(seats));
  node.page("last", (request) => {
    const session = request.getSession();
    session.notifyOnExpire("free seats", [1, 2]);
    session.expire();
    return "";
  });
  const cookie = cookieOf(await node.get("visit"));
  await node.get("last", cookie);
  await pass(time, 100);
  assertEquals(heard, [[1, 2]]);
});

Deno.test("Site goes on holding a request while the store is away", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store, { sessionTimeout: 4 });
  const done = Promise.withResolvers<void>();
  node.page("held", async (request) => {
    const { uid } = request.getSession();
    await done.promise;
    return uid;
  });
  const cookie = cookieOf(await node.get("visit"));
  const answer = node.get("held", cookie);
  await pass(time, 100);
  const away = () => Promise.reject(new Error("away"));
  for (const name of ["load", "commit", "claim", "nextIn"]) {
    bent.bends[name] = away;
  }
  await pass(time, 10_000);
  for (const name of ["load", "commit", "claim", "nextIn"]) {
    bent.bends[name] = undefined;
  }
  await pass(time, 2000);
  done.resolve();
  await pass(time, 100);
  assertEquals((await answer).status, 200);
});

Deno.test("Site finds sessions a second after its store answers again, however long it was away", async () => {
  using time = new FakeTime();
  const broken = new BrokenStore();
  await using node = nodeOf(broken.store);
  const cookie = cookieOf(await node.get("visit"));
  broken.how = "throws";
  await pass(time, 20_000);
  broken.how = "works";
  await pass(time, 1500);
  assertEquals((await node.get("who", cookie)).status, 200);
});

Deno.test("Site asks a store whose memory is full for a new session once a second, and finds the others", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  const refused: string[] = [];
  bent.bends.create = (_, { uid }) => {
    refused.push(uid);
    return Promise.reject(new Error("the memory is full"));
  };
  const statuses = new Set<string>();
  for (let i = 0; i < 10; i++) {
    statuses.add(`new ${(await node.get("visit")).status}`);
    await pass(time, 300);
    statuses.add(`known ${(await node.get("visit", cookie)).status}`);
  }
  assertEquals([...statuses], ["new 503", "known 200"]);
  const before = refused.length;
  await pass(time, 5000);
  assertLess(refused.length - before, 8);
  delete bent.bends.create;
  await pass(time, 2500);
  assertEquals(node.ends.length, new Set(refused).size);
});

Deno.test("Site answers a logout once the end is stored", async () => {
  using time = new FakeTime();
  const bent = new BentStore(asynchronous(new MemoryStore()));
  await using node = nodeOf(bent.store);
  const cookie = cookieOf(await node.get("visit"));
  bent.bends.end = async (act, ...args) => {
    await after(500);
    return act(...args);
  };
  let isAnswered = false;
  const answer = Promise.resolve(node.get("leave", cookie))
    .then(() => isAnswered = true);
  await pass(time, 400);
  assertEquals(isAnswered, false);
  await pass(time, 200);
  await answer;
});

for (const kind of ["that fails", "that is refused by a login"]) {
  Deno.test(`A session idles out after a write ${kind}, though its error page is a promise`, async () => {
    using time = new FakeTime();
    const bent = new BentStore(new MemoryStore());
    await using node = new Node(bent.store, {
      sessionTimeout: 10,
      errorPage: async () => await Promise.resolve("Sorry"),
    });
    node.page("set", (request) => {
      request.getSession().set("note", "kept");
      return "";
    });
    const cookie = cookieOf(await node.get("set"));
    await pass(time, 100);
    bent.bends.commit = (act, ...args) => {
      if (kind === "that fails") throw new Error("the store is away");
      const times = act(...args);
      return times && { ...times, isRefused: true };
    };
    const answer = await node.get("set", cookie);
    bent.bends.commit = undefined;
    assertEquals(answer.status, 503);
    await pass(time, 30_000);
    assertEquals(node.reasons, ["idle"]);
  });
}

Deno.test("A session in memory idles out after a response that cannot be sent, though its error page is a promise", async () => {
  using time = new FakeTime();
  await using node = new Node(undefined, {
    sessionTimeout: 10,
    errorPage: async () => await Promise.resolve("Sorry"),
  });
  node.page("visit", (request) => request.getSession().uid);
  node.page("locked", (request) => {
    request.getSession();
    const response = new Response("text");
    response.body!.getReader();
    return response;
  });
  const cookie = cookieOf(await node.get("visit"));
  assertEquals((await node.get("locked", cookie)).status, 500);
  await pass(time, 30_000);
  assertEquals(node.reasons, ["idle"]);
});
