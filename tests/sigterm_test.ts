// A program that is told to stop while it has a thousand sessions and open event
// streams, and while others do not keep to the rules: it must tell everybody, and
// be gone in time, with 0.

import {
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertStringIncludes,
} from "@std/assert";
import {
  addressOf,
  type Program,
  ROOT,
  runText,
  SOON,
  testWith,
} from "./helpers_process.ts";

const SESSIONS = 1000;

const STREAMS = 20;

/** Seconds that the programs wait for whoever hangs. */
const TIMEOUT = 1;

/**
 * A program with as many sessions as are asked for by `/visit`, event streams at
 * `/events`, a page that never comes at `/never` and one at `/promise` whose
 * session has a callback that hangs. How many were told is printed at the end.
 */
function start(endpoints = 1): Program {
  return runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";

const told = { callbacks: 0, site: 0, signals: 0, streams: 0 };

class Page extends Resource {
  isLeaf = true;
  constructor(render) {
    super();
    this.render_GET = render;
  }
}

function visit(request) {
  const session = request.getSession();
  session.notifyOnExpire(() => told.callbacks++);
  session.signal.addEventListener("abort", () => told.signals++);
  return session.uid;
}

const root = new Resource()
  .putChild("visit", new Page(visit))
  .putChild("events", new Page((request) => {
    request.setHeader("content-type", "text/event-stream");
    return new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\\n\\n")),
      cancel: () => void told.streams++,
    });
  }))
  .putChild("never", new Page((request) => {
    visit(request);
    console.log("begun");
    return new Promise(() => {});
  }))
  .putChild("promise", new Page((request) => {
    request.getSession().notifyOnExpire(() => new Promise(() => {}));
    return visit(request);
  }));

const site = new Site(root, {
  shutdownTimeout: ${TIMEOUT},
  onError: (error) => console.log(error.message),
});
site.notifyOnSessionEnd(({ reason }) => reason === "shutdown" && told.site++);
addEventListener("unload", () => console.log(JSON.stringify(told)));
for (let i = 0; i < ${endpoints}; i++) listen(site, "tcp:0:interface=127.0.0.1");
`);
}

/** A test of a program that listens; what it says last is what counts. */
function stopTest(
  name: string,
  fn: (program: Program, address: string) => Promise<void>,
): void {
  testWith(["net", "run", "read"], name, async () => {
    await using program = start();
    await fn(program, await addressOf(program));
  });
}

/** Tells a program to stop, and answers how long that takes, in milliseconds. */
async function stop(program: Program): Promise<number> {
  const began = performance.now();
  program.kill("SIGTERM");
  const { code, signal } = await program.status;
  assertEquals({ code, signal }, { code: 0, signal: null });
  return performance.now() - began;
}

/** Visits by so many visitors, each of whom gets a session. */
async function visitAs(visitors: number, address: string): Promise<void> {
  for (let i = 0; i < visitors; i += 50) {
    await Promise.all(
      Array.from({ length: 50 }, () => textOf(`${address}visit`)),
    );
  }
}

async function textOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

/** Opens event streams, and answers what will have come of each at its end. */
async function openStreams(address: string): Promise<Promise<string>[]> {
  const responses = await Promise.all(
    Array.from({ length: STREAMS }, () => fetch(`${address}events`)),
  );
  return responses.map((response) => response.text());
}

stopTest(
  `listen() tells ${SESSIONS} sessions with event streams open, and ends with 0 in time`,
  async (program, address) => {
    await visitAs(SESSIONS, address);
    const streams = await openStreams(address);

    assertLess(await stop(program), TIMEOUT * 1000 + SOON);
    const told = JSON.parse((await program.stdout.rest()).at(-1)!);
    assertEquals(told, {
      callbacks: SESSIONS,
      site: SESSIONS,
      signals: SESSIONS,
      streams: STREAMS,
    });
    assertEquals(
      await Promise.all(streams),
      Array(STREAMS).fill("data: 1\n\n"),
    );
  },
);

stopTest(
  "listen() ends with 0, and in time, though a page never comes",
  async (program, address) => {
    const answer = textOf(`${address}never`).catch(() => "broken off");
    assertEquals(await program.stdout.next(), "begun");

    const took = await stop(program);
    assertGreaterOrEqual(took, TIMEOUT * 1000);
    assertLess(took, TIMEOUT * 1000 + SOON);
    assertEquals(await answer, "broken off");
  },
);

stopTest(
  "listen() tells the sessions though a page never comes",
  async (program, address) => {
    await textOf(`${address}visit`);
    const answer = textOf(`${address}never`).catch(() => "broken off");
    assertEquals(await program.stdout.next(), "begun");

    await stop(program);
    await answer;
    const told = JSON.parse((await program.stdout.rest()).at(-1)!);
    assertEquals(told, { callbacks: 2, site: 2, signals: 2, streams: 0 });
  },
);

testWith(
  ["net", "run", "read"],
  "listen() tells the sessions though a page never comes at either of two endpoints",
  async () => {
    await using program = start(2);
    const answers = [];
    for (let i = 0; i < 2; i++) {
      const address = await addressOf(program);
      answers.push(textOf(`${address}never`).catch(() => "broken off"));
      assertEquals(await program.stdout.next(), "begun");
    }

    await stop(program);
    await Promise.all(answers);
    const told = JSON.parse((await program.stdout.rest()).at(-1)!);
    assertEquals(told.site, 2);
  },
);

stopTest(
  "listen() ends with 0, and in time, though a callback hangs, and says whose",
  async (program, address) => {
    await visitAs(50, address);
    const uid = await textOf(`${address}promise`);

    const took = await stop(program);
    assertLess(took, TIMEOUT * 1000 + SOON);
    const [message = "", told = ""] = await program.stdout.rest();
    assertStringIncludes(message, `at the end of session "${uid}"`);
    assertEquals(JSON.parse(told).site, 51);
  },
);

testWith(
  ["net", "run", "read"],
  "listen() waits for the ends of every site, though a page of one never comes",
  async () => {
    await using program = runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";

class Never extends Resource {
  isLeaf = true;
  render_GET() {
    console.log("begun");
    return new Promise(() => {});
  }
}

const late = new Site(new Never(), { shutdownTimeout: 0.1 });
const site = new Site(new Resource());
site.makeSession().notifyOnExpire(async () => {
  await new Promise((resolve) => setTimeout(resolve, 500));
  console.log("told");
});
for (const each of [late, site]) listen(each, "tcp:0:interface=127.0.0.1");
`);
    const answer = textOf(await addressOf(program)).catch(() => "broken off");
    assertEquals(await program.stdout.next(), "begun");

    await stop(program);

    assertEquals(await program.stdout.rest(), ["told"]);
    assertEquals(await answer, "broken off");
  },
);
