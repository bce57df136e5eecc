// The JSON API, over sockets.

import { assert, assertEquals } from "@std/assert";
import { site } from "../../examples/api.ts";
import { testWith } from "../helpers_process.ts";
import { Client, Served } from "./helpers_served.ts";

const ALICE = { name: "alice", password: "open sesame" };

/** A program that carries its token in headers. */
class BearerClient extends Client {
  #token: string | null = null;

  override async fetch(
    path: string,
    init: RequestInit = {},
  ): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#token === null) headers.set("session-transport", "bearer");
    else headers.set("authorization", `Bearer ${this.#token}`);
    const response = await super.fetch(path, { ...init, headers });
    this.#token = response.headers.get("session-token") ?? this.#token;
    assertEquals(response.headers.getSetCookie(), []);
    return response;
  }
}

/** Sends JSON; returns the status and what came back. */
async function post(
  client: Client,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
  // deno-lint-ignore no-explicit-any -- any JSON
): Promise<[status: number, body: any]> {
  const response = await client.fetch(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers,
  });
  return [response.status, await response.json()];
}

/** Reads the notes of the client's user. */
async function notesOf(
  client: Client,
): Promise<{ id: string; text: string }[]> {
  return await (await client.fetch("/notes")).json();
}

function apiTest(
  fact: string,
  test: (served: Served) => Promise<void>,
): void {
  testWith(["net"], `api ${fact}`, async () => {
    await using served = new Served(site);
    await test(served);
  });
}

for (const Kind of [Client, BearerClient]) {
  apiTest(`keeps notes for a ${Kind.name}`, async (served) => {
    const client = new Kind(served);
    const [status, login] = await post(client, "/login", ALICE);
    assertEquals([status, login.name], [200, "alice"]);
    assert(login.expiresAt > Date.now() / 1000);

    const [created, note] = await post(client, "/notes", { text: "Buy tea" });
    assertEquals([created, note.text], [201, "Buy tea"]);
    assertEquals(await notesOf(client), [note]);

    const path = `/notes/${note.id}`;
    const removed = await client.fetch(path, { method: "DELETE" });
    assertEquals(removed.status, 204);
    assertEquals(await notesOf(client), []);
  });

  apiTest(`logs a ${Kind.name} out`, async (served) => {
    const client = new Kind(served);
    await post(client, "/login", ALICE);
    const { status } = await client.fetch("/login", { method: "DELETE" });
    assertEquals(status, 204);
    assertEquals(site.sessions.size, 0);
    const [refused] = await post(client, "/notes", { text: "Buy tea" });
    assertEquals(refused, 401);
  });

  apiTest(
    `answers a ${Kind.name} 429 beyond 60 requests a minute`,
    async (served) => {
      const client = new Kind(served);
      await post(client, "/login", ALICE);
      const statuses: number[] = [];
      // A minute may begin in between, and then 60 more are allowed.
      for (let i = 0; i < 121; i++) {
        const response = await client.fetch("/notes");
        await response.body?.cancel();
        statuses.push(response.status);
        if (response.status !== 429) continue;
        assertEquals(response.headers.get("retry-after"), "60");
      }
      assertEquals(new Set(statuses.slice(0, 60)), new Set([200]));
      assert(statuses.includes(429));
    },
  );
}

apiTest("answers 401 to a stranger, and makes no session", async (served) => {
  for (const accept of ["*/*", "text/html", "application/json"]) {
    const client = new Client(served);
    const response = await client.fetch("/notes", { headers: { accept } });
    await response.body?.cancel();
    assertEquals(response.status, 401);
    assertEquals(response.headers.getSetCookie(), []);
  }
  assertEquals(site.sessions.size, 0);
});

for (
  const [what, path, body, status, detail] of [
    ["a wrong password", "/login", { ...ALICE, password: "please" }, 403],
    [
      "no password",
      "/login",
      { name: "alice" },
      422,
      '"password" is not a text.',
    ],
    ["null", "/login", null, 422, '"name" is not a text.'],
    ["a list", "/login", [], 422, '"name" is not a text.'],
    ["a long body", "/login", { name: "a".repeat(10_000) }, 413],
    ["a path that is nowhere", "/teas", {}, 404],
  ] as [string, string, unknown, number, string?][]
) {
  apiTest(`answers ${status} to ${what}, as problem+json`, async (served) => {
    const response = await new Client(served).fetch(path, {
      method: "POST",
      body: JSON.stringify(body),
    });
    assertEquals(response.status, status);
    const type = response.headers.get("content-type");
    assertEquals(type, "application/problem+json");
    const problem = await response.json();
    assertEquals(problem.detail, detail ?? problem.detail);
    assertEquals(site.sessions.size, 0);
  });
}

apiTest("answers 400 to a body that is no JSON", async (served) => {
  const response = await new Client(served).fetch("/login", {
    method: "POST",
    body: "{",
  });
  await response.body?.cancel();
  assertEquals(response.status, 400);
});

apiTest("refuses a login that another site sends", async (served) => {
  const [status] = await post(new Client(served), "/login", ALICE, {
    "sec-fetch-site": "cross-site",
  });
  assertEquals(status, 403);
});

apiTest("ends the oldest of more than five logins", async (served) => {
  const clients = Array.from({ length: 6 }, () => new BearerClient(served));
  for (const client of clients) await post(client, "/login", ALICE);
  assertEquals(site.sessionsOf("alice").length, 5);
  const [oldest] = clients;
  const response = await oldest!.fetch("/notes");
  await response.body?.cancel();
  assertEquals(response.status, 401);
});
