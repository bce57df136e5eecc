// What a token that a login has superseded can still do over a store, in other
// processes and by requests under way: nothing.

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Session } from "../../mod.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  after,
  asynchronous,
  BentStore,
  cookieOf,
  Node,
  pass,
  uidOf,
} from "../helpers_store.ts";

const LOOK = { tokenHash: "", touch: false, grace: 0 };

/** A site whose pages log in, wait, and use the session that they had before. */
function makeNode(store: ConstructorParameters<typeof Node>[0]): Node {
  return new Node(store)
    .page("visit", (request) => request.getSession().uid)
    .page("look", (request) => String(request.session?.get("note")))
    .page("login", (request) => request.logIn("alice").uid)
    .page("slow-login", async (request) => {
      request.session;
      await after(1000);
      return request.logIn("alice").uid;
    })
    .page("renew", (request) => request.renewSession().uid)
    .page("hold", async (request) => {
      request.getSession();
      await after(100_000);
      return "";
    })
    .page("slow-set", async (request) => {
      const session: Session = request.getSession();
      await after(1000);
      session.set("note", "by the old token");
      await after(Number(request.query.get("more") ?? 0));
      return "";
    });
}

async function statusOf(answer: Response | Promise<Response>): Promise<number> {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
}

async function newCookie(answer: Response | Promise<Response>) {
  const response = await answer;
  await response.body?.cancel();
  return cookieOf(response);
}

for (const where of ["the same process", "another process"]) {
  Deno.test(`A value that a request sets in the session it had, and has left for one of its own, is refused after a login in ${where}`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    await using one = makeNode(asynchronous(inner));
    await using other = makeNode(asynchronous(inner));
    one.page("leave", async (request) => {
      const session: Session = request.getSession();
      await after(1000);
      request.getSession();
      session.set("note", "by the old token");
      await after(500);
      return "";
    });
    const cookie = await newCookie(one.get("visit"));
    const slow = statusOf(one.get("leave", cookie));
    await pass(time, 100);
    const node = where === "the same process" ? one : other;
    await newCookie(node.get("login", cookie));
    await pass(time, 3000);
    assertEquals(await slow, 503);
    assertEquals(inner.load(uidOf(cookie), LOOK)?.values.size, 0);
  });

  for (const more of [0, 1000]) {
    Deno.test(`A value that a request sets ${more} ms before its answer is refused after a login in ${where}`, async () => {
      using time = new FakeTime();
      const inner = new MemoryStore();
      await using one = makeNode(asynchronous(inner));
      await using other = makeNode(asynchronous(inner));
      const cookie = await newCookie(one.get("visit"));
      const slow = statusOf(one.get(`slow-set?more=${more}`, cookie));
      await pass(time, 100);
      const node = where === "the same process" ? one : other;
      const after = await newCookie(node.get("login", cookie));
      await pass(time, 3000);
      assertEquals(await slow, 503);
      assertEquals(inner.load(uidOf(cookie), LOOK)?.values.size, 0);
      assertEquals(await (await one.get("look", after)).text(), "undefined");
    });
  }

  Deno.test(`A request under way holds its session no more after a login in ${where}`, async () => {
    using time = new FakeTime();
    const inner = new MemoryStore();
    await using one = makeNode(asynchronous(inner));
    await using other = makeNode(asynchronous(inner));
    const cookie = await newCookie(one.get("visit"));
    const slow = statusOf(one.get("hold", cookie));
    await pass(time, 100);
    const node = where === "the same process" ? one : other;
    await newCookie(node.get("login", cookie));
    await pass(time, 62_000);
    assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
    assertEquals([...one.reasons, ...other.reasons], ["idle"]);
    await pass(time, 40_000);
    assertEquals(await slow, 200);
  });
}

Deno.test("A request under way holds its session beyond sessionTimeout while others change it", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using one = makeNode(asynchronous(inner));
  await using other = makeNode(asynchronous(inner));
  const cookie = await newCookie(one.get("visit"));
  const slow = statusOf(one.get("hold", cookie));
  await pass(time, 100);
  await newCookie(other.get("renew", cookie));
  await pass(time, 90_000);
  assertEquals(inner.load(uidOf(cookie), LOOK)?.uid, uidOf(cookie));
  await pass(time, 11_000);
  assertEquals(await slow, 200);
});

Deno.test("A load puts no token into effect if the cookies of the request open several sessions", async () => {
  using _time = new FakeTime();
  const inner = new MemoryStore();
  await using node = makeNode(asynchronous(inner));
  const first = await newCookie(node.get("visit"));
  const second = await newCookie(node.get("visit"));
  const renewed = await newCookie(node.get("renew", second));
  const before = inner.load(uidOf(second), LOOK);
  const response = await node.get("look", `${first}; ${renewed}`);
  await response.body?.cancel();
  const { now: _, ...after } = inner.load(uidOf(second), LOOK)!;
  const { now: __, ...expected } = before!;
  assertEquals(after, expected);
});

Deno.test("A load touches no session if the cookies of the request open several", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using node = makeNode(asynchronous(inner));
  const first = await newCookie(node.get("visit"));
  const second = await newCookie(node.get("visit"));
  await pass(time, 40_000);
  await statusOf(node.get("visit", `${first}; ${second}`));
  await pass(time, 21_000);
  assertEquals(node.reasons, ["idle", "idle"]);
});

Deno.test("Of several cookies of one session over a store the newest takes effect", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using node = makeNode(asynchronous(inner));
  const first = await newCookie(node.get("visit"));
  const renewed = await newCookie(node.get("renew", first));
  await pass(time, 40_000);
  await statusOf(node.get("visit", `${first}; ${renewed}`));
  await pass(time, 40_000);
  const record = inner.load(uidOf(first), LOOK);
  assertEquals(record?.generation, 1);
});

Deno.test("RequestSession.logIn() is written anew where others have renewed the session meanwhile", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using one = makeNode(bent.store);
  await using other = makeNode(asynchronous(inner));
  const cookie = await newCookie(one.get("visit"));
  const slow = Promise.resolve(one.get("slow-login", cookie));
  await pass(time, 100);
  await newCookie(other.get("renew", cookie));
  await pass(time, 2000);
  const login = await newCookie(slow);
  assertEquals(uidOf(login), uidOf(cookie));
  assertEquals(await statusOf(one.get("look", login)), 200);
  assertEquals(inner.load(uidOf(cookie), LOOK)?.principal, "alice");
});

Deno.test("A visit with two cookies, one of a session that is over, counts from its arrival", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  // The process does not hear of the end.
  bent.bends.watch = () => Promise.resolve(() => {});
  await using node = makeNode(bent.store);
  const over = await newCookie(node.get("visit"));
  inner.end(uidOf(over), "revoked", { owner: "other", lease: 10_000 });
  const cookie = await newCookie(node.get("visit"));
  await pass(time, 60);
  await statusOf(node.get("visit", `${over}; ${cookie}`));
  const { now, touchedAt } = inner.load(uidOf(cookie), LOOK)!;
  assertEquals(touchedAt, now);
});

Deno.test("A request that never saw its session is not answered 503 for what others change", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using node = makeNode(asynchronous(inner));
  const late: { session?: Session } = {};
  node.page("keep", (request) => {
    late.session = request.getSession();
    return "";
  }).page("slow-look", async (request) => {
    request.session;
    await after(1000);
    return "";
  });
  const cookie = await newCookie(node.get("visit"));
  await statusOf(node.get("keep", cookie));
  const current = await newCookie(node.get("login", cookie));
  const slow = statusOf(node.get("slow-look", cookie));
  await pass(time, 500);
  late.session!.set("note", "by the application");
  await pass(time, 1000);
  assertEquals(await slow, 200);
  assertEquals(
    await (await node.get("look", current)).text(),
    "by the application",
  );
  assertEquals(node.errors, []);
});

Deno.test("A value is written though the renewal of another request is refused", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using one = makeNode(bent.store);
  await using other = makeNode(asynchronous(inner));
  const cookie = await newCookie(one.get("visit"));
  one.page("slow-note", async (request) => {
    request.getSession().set("note", "kept");
    await after(1000);
    return "";
  });
  const renewed = await newCookie(other.get("renew", cookie));
  bent.bends.commit = async (act, ...args) => {
    // Meanwhile the other token takes effect, and the renewal has no place.
    delete bent.bends.commit;
    await statusOf(other.get("look", renewed));
    return act(...args);
  };
  const renewing = statusOf(one.get("renew", cookie));
  const setting = statusOf(one.get("slow-note", cookie));
  await pass(time, 2000);
  assertEquals([await renewing, await setting], [503, 200]);
  assertEquals(inner.load(uidOf(cookie), LOOK)?.values.get("note"), 'j"kept"');
});

Deno.test("A request that only looks takes back no visit of another process in the same millisecond", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using one = makeNode(bent.store);
  await using other = makeNode(asynchronous(inner));
  // It lets the load be made, and does not ask for the session.
  one.page("ignore", () => "");
  const cookie = await newCookie(one.get("visit"));
  await pass(time, 30_000);
  bent.bends.load = async (act, ...args) => {
    delete bent.bends.load;
    const answer = await act(...args);
    await statusOf(other.get("visit", cookie));
    return answer;
  };
  await statusOf(one.get("ignore", cookie));
  await pass(time, 30_000);
  await statusOf(one.get("ignore", cookie));
  await pass(time, 29_000);
  assertEquals([...one.reasons, ...other.reasons], []);
});

Deno.test("A request is not answered 503 for a value that a superseded request of another session sets", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  // The process does not hear of the login elsewhere.
  bent.bends.watch = () => Promise.resolve(() => {});
  await using one = makeNode(bent.store);
  await using other = makeNode(asynchronous(inner));
  const isSet = Promise.withResolvers<void>();
  one.page("late-set", async (request) => {
    const session = request.getSession();
    await after(1000);
    session.set("note", "by the old token");
    isSet.resolve();
    await after(1000);
    return "";
  }).page("bystander", async (request) => {
    request.getSession();
    await isSet.promise;
    return "";
  });
  const cookie = await newCookie(one.get("visit"));
  const setting = statusOf(one.get("late-set", cookie));
  const bystander = statusOf(one.get("bystander"));
  await pass(time, 500);
  await newCookie(other.get("login", cookie));
  await pass(time, 3000);
  assertEquals([await setting, await bystander], [503, 200]);
  assertEquals(inner.load(uidOf(cookie), LOOK)?.values.size, 0);
});

Deno.test("A renewal that meets a logout in its process is answered without a cookie", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  await using one = makeNode(bent.store);
  await using other = makeNode(asynchronous(inner));
  one.page("logout", (request) => {
    request.logOut();
    return "";
  });
  const cookie = await newCookie(one.get("visit"));
  bent.bends.commit = async (act, ...args) => {
    delete bent.bends.commit;
    await newCookie(other.get("renew", cookie));
    const logout = statusOf(one.get("logout", cookie));
    await after(10);
    const answer = await act(...args);
    logout.catch(() => {});
    return answer;
  };
  const renewing = Promise.resolve(one.get("renew", cookie));
  await pass(time, 1000);
  const response = await renewing;
  await response.body?.cancel();
  assertEquals(response.status, 200);
  assertEquals(response.headers.getSetCookie(), []);
  assertEquals(inner.load(uidOf(cookie), LOOK), undefined);
});

Deno.test("A value that a login elsewhere has superseded is refused, though the session ends here meanwhile", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  // The process does not hear of the login elsewhere.
  bent.bends.watch = () => Promise.resolve(() => {});
  await using one = makeNode(bent.store);
  await using other = makeNode(asynchronous(inner));
  one.page("set", (request) => {
    request.getSession().set("note", "by the old token");
    return "";
  });
  const cookie = await newCookie(one.get("visit"));
  bent.bends.commit = async (act, ...args) => {
    delete bent.bends.commit;
    await newCookie(other.get("login", cookie));
    bent.bends.load = (act, ...args) => {
      delete bent.bends.load;
      one.site.sessions.get(uidOf(cookie))?.expire();
      return act(...args);
    };
    return act(...args);
  };
  const values: unknown[] = [];
  bent.bends.end = async (act, ...args) => {
    const claim = await act(...args);
    values.push(...claim.session.values);
    return claim;
  };
  const setting = statusOf(one.get("set", cookie));
  await pass(time, 3000);
  assertEquals([await setting, values], [503, []]);
  assertEquals(one.reasons, ["logout"]);
});

Deno.test("A request that only looks prolongs no session by a change after it", async () => {
  using time = new FakeTime();
  await using node = makeNode(asynchronous(new MemoryStore()));
  node.page("ignore", () => "");
  const cookie = await newCookie(node.get("visit"));
  await pass(time, 30_000);
  await statusOf(node.get("ignore", cookie));
  await pass(time, 1000);
  node.site.sessions.get(uidOf(cookie))!.set("note", "late");
  await pass(time, 30_000);
  assertEquals(node.reasons, ["idle"]);
});

Deno.test("Session.update() writes no value of a request that a login elsewhere has superseded", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  await using one = makeNode(asynchronous(inner));
  await using other = makeNode(asynchronous(inner));
  one.page("slow-update", async (request) => {
    const session = request.getSession();
    await after(1000);
    session.set("note", "by the old token");
    await session.update("note", () => "updated");
    return "";
  });
  const cookie = await newCookie(one.get("visit"));
  const updating = statusOf(one.get("slow-update", cookie));
  await pass(time, 500);
  await newCookie(other.get("login", cookie));
  await pass(time, 3000);
  assertEquals(await updating, 503);
  assertEquals(inner.load(uidOf(cookie), LOOK)?.values.size, 0);
});

Deno.test("A request is answered though the login of another request in its process is refused", async () => {
  using time = new FakeTime();
  const inner = new MemoryStore();
  const bent = new BentStore(asynchronous(inner));
  bent.bends.watch = () => Promise.resolve(() => {});
  await using one = new Node(bent.store);
  await using other = new Node(asynchronous(inner));
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  one.page("visit", (request) => request.getSession().uid)
    .page("login", async (request) => {
      request.getSession();
      await begun.promise;
      request.logIn("bob");
      await gate.promise;
      return "";
    })
    .page("beside", async (request) => {
      const { uid } = request.getSession();
      begun.resolve();
      await begun.promise;
      await undefined;
      return uid;
    });
  other.page("login", (request) => request.logIn("alice").uid);
  const cookie = cookieOf(await one.get("visit"));
  const login = Promise.resolve(one.get("login", cookie));
  await pass(time, 10);
  assertEquals((await other.get("login", cookie)).status, 200);
  const beside = Promise.resolve(one.get("beside"));
  await pass(time, 10);
  assertEquals((await beside).status, 200);
  gate.resolve();
  await pass(time, 10);
  assertEquals((await login).status, 503);
});
