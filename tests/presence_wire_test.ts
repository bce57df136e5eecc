// Presence over real streams and sockets, and between real processes.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { Resource, Site } from "../mod.ts";
import type { PresenceChange, SessionsOptions } from "../sessions.ts";
import {
  makeFolder,
  type Program,
  runDeno,
  SOON,
  testWith,
} from "./helpers_process.ts";
import { RedisServer, testWithRedis } from "./helpers_redis.ts";
import { Visitor } from "./helpers_sockets.ts";
import { after, Page } from "./helpers_store.ts";

const PROGRAM = "tests/stores/helpers_presence_program.ts";

/** A served site that tells of presence, with a stream and a socket. */
function serve(options: SessionsOptions) {
  const root = new Resource()
    .putChild("login", new Page((request) => request.logIn("ann").uid))
    .putChild(
      "stream",
      new Page((request) => request.session!.events(request).response),
    )
    .putChild(
      "socket",
      new Page((request) => request.session!.socket(request).response),
    );
  const site = new Site(root, options);
  const told: (PresenceChange & { at: number })[] = [];
  let notify = () => {};
  site.sessions.onPresence((change) => {
    told.push({ ...change, at: Date.now() });
    notify();
  });
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    site.fetch,
  );
  return {
    told,
    host: `127.0.0.1:${server.addr.port}`,
    /** Waits for so many changes. */
    async until(count: number) {
      while (told.length < count) {
        await new Promise<void>((resolve) => notify = resolve);
      }
    },
    async [Symbol.asyncDispose]() {
      await site.close();
      await server.shutdown();
    },
  };
}

async function logIn(origin: string, as = "ann"): Promise<string> {
  const response = await fetch(`${origin}/login?as=${as}`);
  await response.text();
  return response.headers.getSetCookie()[0]!.split(";")[0]!;
}

/** Opens a stream; returns a function that breaks it off. */
async function openStream(
  origin: string,
  cookie: string,
): Promise<() => void> {
  const abort = new AbortController();
  const { signal } = abort;
  const response = await fetch(`${origin}/stream`, {
    headers: { cookie },
    signal,
  });
  response.body!.pipeTo(new WritableStream()).catch(() => {});
  return () => abort.abort();
}

for (const kind of ["stream", "socket"]) {
  testWith(
    ["net"],
    `Sessions.onPresence() tells that the client of a ${kind} has been away for awayAfter`,
    async () => {
      await using it = serve({ awayAfter: 1 });
      const cookie = await logIn(`http://${it.host}`);
      const open = async () => {
        if (kind === "stream") {
          return await openStream(`http://${it.host}`, cookie);
        }
        const visitor = new Visitor(`ws://${it.host}/socket`, { cookie });
        await visitor.opened;
        return () => void visitor.leave();
      };
      for (let reload = 0; reload < 2; reload++) {
        const leave = await open();
        await after(1500);
        leave();
        await after(100);
      }
      const leave = await open();
      assertEquals(it.told.map(({ state }) => state), ["present"]);
      const leftAt = Date.now();
      leave();
      await it.until(2);
      const { state, at } = it.told[1]!;
      assertEquals(state, "away");
      assertGreater(at - leftAt, 990);
      assert(at - leftAt < 1000 + SOON, `${at - leftAt} ms`);
    },
  );
}

/** A line of a program: who is where, since when. */
interface Told {
  readonly text: string;
  readonly at: number;
}

/** Collects what a program tells, as it comes. */
async function listen(program: Program, told: Told[]): Promise<void> {
  for (;;) {
    const line = await program.stdout.next();
    if (line === "") return;
    const [, text, at] = /^(.*) (\d+)$/.exec(line)!;
    told.push({ text: text!, at: Number(at) });
  }
}

/**
 * Fails unless two processes tell once of the visitors of a third that is killed,
 * and nothing of those who come to another process meanwhile.
 */
async function assertKilled(kind: string, location: string): Promise<void> {
  const count = 20;
  await using programs = new AsyncDisposableStack();
  const told: Told[] = [];
  const origins: string[] = [];
  const running: Program[] = [];
  for (let node = 0; node < 3; node++) {
    const program = programs.use(
      runDeno(["-A", PROGRAM, kind, location, "5"]),
    );
    origins.push(await program.stdout.next());
    running.push(program);
    listen(program, told);
  }
  const cookies: string[] = [];
  const leaves: (() => void)[] = [];
  for (let index = 0; index < count; index++) {
    const cookie = await logIn(origins[0]!, `user-${index}`);
    cookies.push(cookie);
    leaves.push(await openStream(origins[0]!, cookie));
  }
  await after(6000);
  const texts = () => told.map(({ text }) => text).sort();
  const names = (state: string, from = 0) =>
    Array.from({ length: count - from }, (_, i) => `user-${i + from} ${state}`)
      .sort();
  assertEquals(texts(), names("present"));
  told.length = 0;

  const killedAt = Date.now();
  running[0]!.kill("SIGKILL");
  for (let index = 0; index < 5; index++) {
    leaves.push(await openStream(origins[1 + index % 2]!, cookies[index]!));
  }
  const deadline = Date.now() + 5000 + SOON;
  while (told.length < count - 5 && Date.now() < deadline) await after(100);
  await after(1500);
  assertEquals(texts(), names("away", 5));
  for (const { at } of told) assertGreater(at - killedAt, 3200);
  for (const leave of leaves) leave();
}

testWith(
  ["read", "write", "run", "net"],
  "Sessions.onPresence() over SQLite tells once of the visitors of a process that was killed",
  async () => {
    using folder = makeFolder();
    await assertKilled("sqlite", `${folder.path}/sessions.db`);
  },
);

testWithRedis(
  "Sessions.onPresence() over Redis tells once of the visitors of a process that was killed",
  async () => {
    const settings = ["--appendonly", "yes"];
    await using server = await RedisServer.start({ settings });
    await assertKilled("redis", `redis://127.0.0.1:${server.port}`);
  },
);
