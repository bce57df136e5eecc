// Listening: programs over real sockets, and certificates made by openssl.

import {
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { listen, Resource, Site } from "../mod.ts";
import {
  addressOf,
  makeCertificate,
  makeFolder,
  type Program,
  ROOT,
  runText,
  systemTest,
  testWith,
} from "./helpers_process.ts";

/** A program that listens on endpoints, with resources to be stopped in. */
function start(...endpoints: string[]): Program {
  return runText(`
import { listen, Resource, Site } from "${ROOT}mod.ts";

class Visit extends Resource {
  render_GET(request) {
    const session = request.getSession();
    session.notifyOnExpire(({ reason }) => console.log("over:", reason));
    return "visit";
  }
}
class Slow extends Resource {
  async render_GET() {
    console.log("begun");
    await new Promise((resolve) => setTimeout(resolve, 300));
    console.log("finished");
    return "done";
  }
}
class Hanging extends Resource {
  render_GET() {
    console.log("begun");
    return new Promise(() => {});
  }
}
class Events extends Resource {
  constructor(isResponse) {
    super();
    this.isResponse = isResponse;
  }
  render_GET(request) {
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\\n\\n")),
      cancel: () => console.log("cancelled"),
    });
    const headers = { "content-type": "text/event-stream" };
    if (this.isResponse) return new Response(body, { headers });
    request.setHeader("content-type", "text/event-stream");
    return body;
  }
}

const root = new Resource()
  .putChild("visit", new Visit())
  .putChild("slow", new Slow())
  .putChild("hanging", new Hanging())
  .putChild("events", new Events(false))
  .putChild("response", new Events(true));
const site = new Site(root);
site.notifyOnSessionEnd(async () => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log("told");
});
for (const endpoint of ${JSON.stringify(endpoints)}) listen(site, endpoint);
`);
}

const LOCAL = "tcp:0:interface=127.0.0.1";

/** A test of a program that listens. */
function listenTest(
  name: string,
  fn: (program: Program, address: string) => Promise<void>,
): void {
  testWith(["net", "run", "read"], name, async () => {
    await using program = start(LOCAL);
    await fn(program, await addressOf(program));
  });
}

async function textOf(url: string): Promise<string> {
  return await (await fetch(url)).text();
}

/** What curl gets, or why it does not. */
async function curl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("curl", {
    args: ["--silent", "--show-error", "--max-time", "10", ...args],
  }).output();
  return new TextDecoder().decode(code === 0 ? stdout : stderr);
}

// Stopping.

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  listenTest(`listen() ends with 0 on ${signal}`, async (program, address) => {
    await textOf(`${address}visit`);
    program.kill(signal);

    assertEquals(await program.status, {
      success: true,
      code: 0,
      signal: null,
    });
    assertEquals(await program.stderr.rest(), []);
  });
}

listenTest(
  "listen() tells of the ends of sessions on a signal, and waits for that",
  async (program, address) => {
    await textOf(`${address}visit`);
    program.kill("SIGTERM");

    assertEquals(await program.stdout.rest(), ["over: shutdown", "told"]);
  },
);

listenTest(
  "listen() lets a request finish on a signal, and then ends the sessions",
  async (program, address) => {
    await textOf(`${address}visit`);
    const answer = textOf(`${address}slow`);
    assertEquals(await program.stdout.next(), "begun");
    program.kill("SIGTERM");

    assertEquals(await answer, "done");
    assertEquals(await program.stdout.rest(), [
      "finished",
      "over: shutdown",
      "told",
    ]);
    assertEquals((await program.status).code, 0);
  },
);

listenTest(
  "listen() takes no connections once it was told to stop",
  async (program, address) => {
    const answer = textOf(`${address}slow`);
    assertEquals(await program.stdout.next(), "begun");
    program.kill("SIGTERM");

    const { hostname, port } = new URL(address);
    await refused(hostname, Number(port));
    assertEquals(await answer, "done");
  },
);

/** Resolves once a port takes no connections; the signal is on its way. */
async function refused(hostname: string, port: number): Promise<void> {
  for (;;) {
    try {
      const connection = await Deno.connect({ hostname, port });
      connection.close();
    } catch (error) {
      // One that waited to be accepted as the port was closed is reset.
      if (error instanceof Deno.errors.ConnectionReset) continue;
      return assertInstanceOf(error, Deno.errors.ConnectionRefused);
    }
  }
}

for (const name of ["events", "response"]) {
  listenTest(
    `listen() ends a stream of events on a signal: ${name}`,
    async (program, address) => {
      const response = await fetch(address + name);
      const reader = response.body!.pipeThrough(new TextDecoderStream())
        .getReader();
      assertEquals((await reader.read()).value, "data: 1\n\n");
      program.kill("SIGTERM");

      assertEquals((await reader.read()).done, true);
      assertEquals((await program.status).code, 0);
      assertEquals(await program.stdout.rest(), ["cancelled"]);
    },
  );
}

listenTest(
  "listen() lets a second signal end the program at once",
  async (program, address) => {
    const { hostname, port } = new URL(address);
    const answer = textOf(`${address}hanging`).catch(() => "broken off");
    assertEquals(await program.stdout.next(), "begun");
    program.kill("SIGINT");
    await refused(hostname, Number(port));
    program.kill("SIGINT");

    assertEquals((await program.status).signal, "SIGINT");
    assertEquals(await answer, "broken off");
  },
);

testWith(
  ["net", "run", "read"],
  "listen() closes a site of several endpoints when the last has stopped",
  async () => {
    await using program = start(LOCAL, LOCAL);
    const one = await addressOf(program);
    const two = await addressOf(program);
    await textOf(`${one}visit`);
    const answer = textOf(`${two}slow`);
    assertEquals(await program.stdout.next(), "begun");
    program.kill("SIGTERM");

    assertEquals(await answer, "done");
    assertEquals(await program.stdout.rest(), [
      "finished",
      "over: shutdown",
      "told",
    ]);
    assertEquals((await program.status).code, 0);
  },
);

testWith(["net"], "listen() leaves the site open on shutdown()", async () => {
  await using site = new Site(new Resource());
  const options = { hostname: "127.0.0.1", port: 0, onListen() {} };
  const server = listen(site, options);
  const session = site.makeSession();

  await server.shutdown();

  assertEquals(session.isActive, true);
});

// Unix sockets.

systemTest(["curl"], "listen() serves on a Unix socket", async () => {
  using folder = makeFolder();
  const path = `${folder.path}/site.sock`;
  await using program = start(`unix:${path}`);
  assertEquals(await addressOf(program), path);

  assertEquals(
    await curl("--unix-socket", path, "http://localhost/visit"),
    "visit",
  );
});

systemTest([], "listen() deletes the Unix socket when it stops", async () => {
  using folder = makeFolder();
  await using program = start(`unix:${folder.path}/site.sock`);
  await addressOf(program);
  program.kill("SIGTERM");
  await program.status;

  assertEquals([...Deno.readDirSync(folder.path)], []);
});

systemTest(
  [],
  "listen() says what to do about a Unix socket that was left behind",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/site.sock`;
    await using program = start(`unix:${path}`);
    await addressOf(program);
    program.kill("SIGKILL");
    await program.status;
    await using site = new Site(new Resource());

    const { message } = assertThrows(
      () => listen(site, `unix:${path}`),
      Deno.errors.AddrInUse,
    );
    assertStringIncludes(message, `Cannot listen on ${path}: `);
    assertStringIncludes(message, "delete the file if no server listens there");
  },
);

// Certificates.

/** A test with certificates in a folder, which stands for FOLDER. */
function certificateTest(
  name: string,
  fn: (folder: string, site: Site) => Promise<void> | void,
): void {
  systemTest(["openssl", "curl"], name, async () => {
    using folder = makeFolder({
      "junk.pem": "junk\n",
      "broken.pem":
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    });
    const { path } = folder;
    await makeCertificate(`${path}/cert.pem`, `${path}/key.pem`);
    await makeCertificate(`${path}/other_cert.pem`, `${path}/other_key.pem`);
    await using site = new Site(new Resource());
    await fn(path, site);
  });
}

certificateTest("listen() serves https on an ssl endpoint", async (folder) => {
  await using program = start(
    `ssl:0:interface=127.0.0.1:cert=${folder}/cert.pem:key=${folder}/key.pem`,
  );
  const { protocol, port } = new URL(await addressOf(program));
  const answer = await curl(
    "--include",
    ...["--cacert", `${folder}/cert.pem`],
    ...["--resolve", `localhost:${port}:127.0.0.1`],
    `https://localhost:${port}/visit`,
  );

  assertEquals(protocol, "https:");
  assertMatch(answer, /^HTTP\/2 200/);
  assertMatch(answer, /set-cookie: __Host-session=[0-9a-f]{64};.* Secure/i);
  assertMatch(answer, /\r\n\r\nvisit$/);
});

for (const [cert, key] of [["none", "key"], ["cert", "none"]] as const) {
  certificateTest(
    `listen() names a missing file: ${cert}, ${key}`,
    (folder, site) => {
      const missing = cert === "none" ? "cert" : "key";
      const { message } = assertThrows(
        () => listen(site, endpointOf(folder, cert, key)),
        Deno.errors.NotFound,
      );

      assertStringIncludes(message, `: cannot read ${missing}: `);
      assertStringIncludes(message, `'${folder}/none.pem'`);
    },
  );
}

for (
  const [cert, key] of [
    ["junk", "key"],
    ["broken", "key"],
    ["cert", "junk"],
    ["cert", "other_key"],
    ["key", "cert"],
  ] as const
) {
  certificateTest(
    `listen() names the files that are no pair: ${cert}, ${key}`,
    (folder, site) => {
      const endpoint = endpointOf(folder, cert, key);
      const { message, cause } = assertThrows(
        () => listen(site, endpoint),
        Error,
      );

      assertStringIncludes(message, `Cannot listen on "${endpoint}": `);
      assertInstanceOf(cause, Error);
    },
  );
}

function endpointOf(folder: string, cert: string, key: string): string {
  return `ssl:0:cert=${folder}/${cert}.pem:key=${folder}/${key}.pem`;
}
