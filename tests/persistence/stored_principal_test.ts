import { assertEquals } from "@std/assert";
import { NO_TOKEN } from "../../persistence/record_calls.ts";
import { MemoryStore } from "../../stores/memory_store.ts";
import {
  ManualClock,
  requestWith,
  settle,
  siteOf,
} from "../helpers_session.ts";

Deno.test("Session.principal that the callback of an eviction changes is the one that the store gets", async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock });
  await using site = siteOf(
    { clock, store, maxSessionsPerPrincipal: 1 },
    (request) => {
      request.getSession();
      return "tea";
    },
  );
  await site.fetch(requestWith());
  await site.fetch(requestWith());
  const [first, second] = site.sessions.values();
  first!.principal = "alice";
  first!.notifyOnExpire(() => {
    second!.principal = undefined;
    second!.principal = "carol";
  });

  second!.principal = "alice";
  // Another process writes in between: the changes are applied anew.
  await store.commit(second!.uid, { values: new Map([["tea", "1"]]) });
  await settle();
  clock.advance(1000);
  await settle();

  assertEquals(second!.principal, "carol");
  assertEquals((await store.load(second!.uid, NO_TOKEN))?.principal, "carol");
});
