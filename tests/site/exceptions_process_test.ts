// A process whose sockets, listeners and callbacks throw and reject: it stays up,
// serves the others, and tells the ends.

import { assertEquals, fail } from "@std/assert";
import {
  addressOf,
  type Program,
  ROOT,
  runText,
  testWith,
} from "../helpers_process.ts";
import { Visitor } from "../helpers_sockets.ts";

/** A program of a site; each of its pages is a way to fail, or "ok". */
const PROGRAM = `
import { listen, Resource, Site } from "${ROOT}mod.ts";

const fail = () => {
  throw new Error("failed");
};
const reject = async () => {
  await undefined;
  fail();
};

/** What is done to the session by each page. */
const pages = {
  ok: () => {},
  abort: ({ signal }) => {
    signal.addEventListener("abort", fail);
    signal.addEventListener("abort", reject);
    signal.onabort = reject;
  },
  callback: (session) => {
    session.notifyOnExpire(fail);
    session.notifyOnExpire(reject);
    session.notifyBeforeEnd(899.9, reject);
  },
  late: (session) => {
    session.expire();
    session.notifyOnExpire(fail);
    session.notifyOnExpire(reject);
  },
};

/** What is done to a socket of the session. */
const sockets = {
  echo: (socket) => {
    socket.onmessage = ({ data }) => socket.send(data);
  },
  json: (socket) => {
    socket.onmessage = ({ data }) => socket.send(JSON.parse(data).text);
  },
  async: (socket) => {
    socket.addEventListener("message", reject);
    socket.addEventListener("message", { handleEvent: fail });
    socket.onclose = reject;
  },
};

class Page extends Resource {
  isLeaf = true;
  constructor(render) {
    super();
    this.render_GET = render;
  }
}

const root = new Resource();
for (const [name, act] of Object.entries(pages)) {
  root.putChild(name, new Page((request) => {
    const session = request.getSession();
    act(session);
    return session.uid;
  }));
}
for (const [name, act] of Object.entries(sockets)) {
  root.putChild(name, new Page((request) => {
    const { socket, response } = request.getSession().socket(request);
    act(socket);
    return response;
  }));
}
root.putChild("leave", new Page((request) => {
  request.getSession().expire();
  return "bye";
}));
root.putChild("body", new Page(() =>
  new ReadableStream({ pull: reject, cancel: reject })
));

const site = new Site(root, {
  onError: async (_, { session }) => {
    if (session) console.log("reported", session.uid);
    await undefined;
    fail();
  },
  accessLog: reject,
  onSuspiciousSession: reject,
});
site.notifyOnSessionStart(reject);
site.notifyOnSessionEnd(reject);
site.notifyOnSessionEnd(({ uid, reason }) => console.log(reason, uid));
site.stopSignal.addEventListener("abort", reject);
listen(site, "tcp:0:interface=127.0.0.1");
`;

/** Reads lines until one is said. */
async function waitFor(program: Program, line: string): Promise<void> {
  for (;;) {
    const said = await program.stdout.next();
    if (said === line) return;
    if (said === "") fail(`The program has not said: ${line}`);
  }
}

/** A visitor's uid, and its cookie. */
async function visit(url: string): Promise<[uid: string, cookie: string]> {
  const response = await fetch(url);
  const [cookie = ""] = response.headers.getSetCookie();
  return [await response.text(), cookie.split(";")[0]!];
}

testWith(
  ["net", "run", "read"],
  "A process with a socket whose handler throws stays up, and tells the ends",
  async () => {
    await using program = runText(PROGRAM);
    const address = await addressOf(program);
    const [other] = await visit(`${address}ok`);
    const echo = new Visitor(`${address.replace("http", "ws")}echo`);
    await echo.opened;

    const [uid, cookie] = await visit(`${address}ok`);
    const failing = new Visitor(`${address.replace("http", "ws")}json`, {
      cookie,
    });
    await failing.opened;
    failing.send("not json");
    assertEquals((await failing.closed).code, 1011);
    await waitFor(program, `reported ${uid}`);

    assertEquals(await echo.ask("hello"), "hello");
    const headers = { cookie };
    const response = await fetch(`${address}ok`, { headers });
    assertEquals(await response.text(), uid);
    await (await fetch(`${address}leave`, { headers })).text();
    await waitFor(program, `logout ${uid}`);
    program.kill("SIGTERM");
    assertEquals((await echo.closed).code, 1001);
    await waitFor(program, `shutdown ${other}`);
    assertEquals((await program.status).code, 0);
  },
);

testWith(
  ["net", "run", "read"],
  "A process whose listeners and callbacks throw and reject stays up, and tells the ends",
  async () => {
    await using program = runText(PROGRAM);
    const address = await addressOf(program);
    const uids: string[] = [];
    for (const page of ["abort", "callback", "late"]) {
      const [uid, cookie] = await visit(address + page);
      uids.push(uid);
      const headers = { cookie };
      if (page === "late") continue;
      await (await fetch(`${address}leave`, { headers })).text();
    }
    const failing = new Visitor(`${address.replace("http", "ws")}async`);
    await failing.opened;
    failing.send("x");
    assertEquals((await failing.closed).code, 1011);
    const body = await fetch(`${address}body`);
    await body.text().catch(() => {});

    for (const uid of uids) await waitFor(program, `logout ${uid}`);
    const [last] = await visit(`${address}ok`);
    program.kill("SIGTERM");
    await waitFor(program, `shutdown ${last}`);
    assertEquals((await program.status).code, 0);
  },
);
