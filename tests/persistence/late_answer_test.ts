// Answers of a store that come after the timeout: claims in them are used while the
// lease holds, and released otherwise.

import { assert, assertEquals } from "@std/assert";
import { MemoryStore } from "../../stores/memory_store.ts";
import { TestClock } from "../../testing.ts";
import { asynchronous, BentStore, Node } from "../helpers_store.ts";

/** Returns two nodes over one store; the answers of the first can be late. */
function makeNodes(clock: TestClock, delay: number) {
  const memory = asynchronous(new MemoryStore({ clock }));
  const bent = new BentStore(memory);
  const slow = async (
    act: (...args: unknown[]) => unknown,
    ...args: unknown[]
  ) => {
    const answer = await act(...args) as { ends?: unknown[] } | undefined;
    const isEmpty = answer === undefined || answer.ends?.length === 0;
    if (!isEmpty) await new Promise<void>((go) => clock.setTimeout(go, delay));
    return answer;
  };
  const options = { clock, sessionTimeout: 60, storeTimeout: 1, endLease: 5 };
  return {
    bent,
    slow,
    one: new Node(bent.store, options),
    two: new Node(memory, options),
  };
}

for (
  const [delay, kind] of [[2000, "while the lease holds"], [
    6000,
    "after the lease",
  ]] as const
) {
  Deno.test(`A claim whose answer comes late, ${kind}, delivers each end once`, async () => {
    const clock = new TestClock();
    const { bent, slow, one, two } = makeNodes(clock, delay);
    one.page("in", (request) => request.getSession().uid);
    await one.site.ready;
    await two.site.close();
    await one.get("in");
    bent.bends.claim = slow;
    await clock.advance(62);
    bent.bends.claim = undefined;
    await clock.advance(delay / 1000 + 0.5);
    if (delay < 5000) assertEquals(one.reasons, ["idle"]);
    await clock.advance(20);
    assertEquals(one.reasons, ["idle"]);
    await one.site.close();
  });

  Deno.test(`A logout whose answer comes late, ${kind}, is delivered once`, async () => {
    const clock = new TestClock();
    const { bent, slow, one, two } = makeNodes(clock, delay);
    one.page("in", (request) => request.getSession().uid);
    await one.site.ready;
    await one.get("in");
    bent.bends.end = slow;
    const [session] = [...one.site.sessions.values()];
    session!.expire();
    await clock.advance(delay / 1000 + 1.2);
    bent.bends.end = undefined;
    if (delay < 5000) {
      assertEquals(one.reasons, ["logout"]);
      assertEquals(one.ends[0]!.uid, session!.uid);
    }
    await clock.advance(20);
    assertEquals([...one.reasons, ...two.reasons], ["logout"]);
    await one.site.close();
    await two.site.close();
  });
}

Deno.test("A claim whose answer comes after the lease is released", async () => {
  const clock = new TestClock();
  const { bent, slow, one, two } = makeNodes(clock, 6000);
  const released: unknown[] = [];
  bent.bends.release = (act, ...args) => {
    released.push(args[0]);
    return act(...args);
  };
  one.page("in", (request) => request.getSession().uid);
  await one.site.ready;
  await two.site.close();
  const uid = await (await one.get("in")).text();
  bent.bends.claim = slow;
  await clock.advance(62);
  bent.bends.claim = undefined;
  await clock.advance(8);
  assert(released.includes(uid));
  await one.site.close();
});
