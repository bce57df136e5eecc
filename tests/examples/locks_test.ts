// The lock server, over sockets.

import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { site } from "../../examples/locks.ts";
import { cookieOf } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";
import { Client, Served } from "./helpers_served.ts";

/** An editor of documents. */
class Editor extends Client {
  async #ask(method: string, path: string): Promise<number> {
    const response = await this.fetch(path, { method });
    await response.body?.cancel();
    return response.status;
  }

  visit(): Promise<number> {
    return this.#ask("GET", "/");
  }

  lock(name: string): Promise<number> {
    return this.#ask("PUT", `/locks/${name}`);
  }

  release(name: string): Promise<number> {
    return this.#ask("DELETE", `/locks/${name}`);
  }
}

/** Reads what an event stream says of the documents, one event after the other. */
async function* eventsOf(
  { body }: Response,
): AsyncGenerator<Record<string, string> | string> {
  let rest = "";
  for await (const text of body!.pipeThrough(new TextDecoderStream())) {
    const events = (rest + text).split("\n\n");
    rest = events.pop()!;
    for (const event of events) {
      if (event.startsWith("event: end")) yield event;
      const [, data] = /^data: (.+)$/.exec(event) ?? [];
      if (data !== undefined) yield Object.fromEntries(JSON.parse(data));
    }
  }
}

function locksTest(
  fact: string,
  test: (served: Served) => Promise<void>,
): void {
  testWith(["net"], `locks ${fact}`, async () => {
    await using served = new Served(site);
    await test(served);
  });
}

locksTest("gives a document to one session at a time", async (served) => {
  const [one, two] = [new Editor(served), new Editor(served)];
  assertEquals(await one.lock("menu"), 200);
  assertEquals(await one.lock("menu"), 200); // again: it is a visit
  assertEquals(await two.lock("menu"), 409);
  assertEquals(await two.release("menu"), 409);
  assertEquals(await two.lock("plan"), 200);

  assertEquals(await one.release("menu"), 204);

  assertEquals(await two.lock("menu"), 200);
});

locksTest("gives a document to one of many who ask at once", async (served) => {
  const editors = Array.from({ length: 20 }, () => new Editor(served));
  const statuses = await Promise.all(
    editors.map((editor) => editor.lock("budget")),
  );
  assertEquals(statuses.filter((status) => status === 200).length, 1);
});

locksTest("gives each owner a greater number", async (served) => {
  const [one, two] = [new Editor(served), new Editor(served)];
  const fences: number[] = [];
  for (const editor of [one, two, one]) {
    const response = await editor.fetch("/locks/plan", { method: "PUT" });
    fences.push((await response.json()).fence);
    await editor.release("plan");
  }
  assertEquals(fences, [...new Set(fences)].sort((a, b) => a - b));
});

for (const reason of ["idle", "logout"] as const) {
  locksTest(
    `frees the locks of a session that ended: ${reason}`,
    async (served) => {
      const [one, two] = [new Editor(served), new Editor(served)];
      await one.lock("menu");
      await one.lock("plan");
      await two.lock("budget");

      [...site.sessions.values()][0]!.expire(reason);

      assertEquals(await two.lock("menu"), 200);
      assertEquals(await two.lock("plan"), 200);
      assertEquals(await one.lock("budget"), 409);
    },
  );
}

locksTest("shows each change at once, and the end", async (served) => {
  const [one, two] = [new Editor(served), new Editor(served)];
  await one.visit();
  const [watcher] = site.sessions.values();
  const events = eventsOf(await one.fetch("/events"));
  const next = async () => (await events.next()).value;
  const free = { budget: "", menu: "", plan: "" };
  assertEquals(await next(), free);

  await two.lock("menu");
  const { uid } = [...site.sessions.values()][1]!;
  assertEquals(await next(), { ...free, menu: uid });

  site.sessions.get(uid)!.expire("idle");
  assertEquals(await next(), free);

  watcher!.expire("idle");
  assertEquals(await next(), 'event: end\ndata: {"reason":"idle"}');
  assertEquals(await next(), undefined);
});

locksTest("has no lock of a document that is not there", async (served) => {
  assertEquals(await new Editor(served).lock("secret"), 404);
});

locksTest("gives no stranger events", async (served) => {
  const { status } = await new Editor(served).fetch("/events");
  assertEquals(status, 204);
  assertEquals(site.sessions.size, 0);
});

locksTest("refuses to lock for a page of another site", async (served) => {
  const response = await new Editor(served).fetch("/locks/menu", {
    method: "PUT",
    headers: { "sec-fetch-site": "cross-site" },
  });
  await response.body?.cancel();
  assertEquals(response.status, 403);
});

Deno.test("locks frees a document half a minute after the last visit", async () => {
  using time = new FakeTime();
  const lock = async (cookie = "") =>
    await site.fetch(
      new Request("http://localhost/locks/menu", {
        method: "PUT",
        headers: { cookie },
      }),
    );
  const first = cookieOf(await lock());
  time.tick(20_000);
  await lock(first);
  time.tick(29_999);
  const other = cookieOf(await lock());
  assertEquals((await lock(other)).status, 409);
  time.tick(1);
  assertEquals((await lock(other)).status, 200);
  for (const session of site.sessions.values()) session.expire();
});
