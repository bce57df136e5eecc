// The program: what it says of a command line in this process, and what it
// serves as one of its own.

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { main } from "../cli.ts";
import config from "../deno.json" with { type: "json" };
import {
  addressOf,
  makeFolder,
  type Program,
  runDeno,
  testWith,
} from "./helpers_process.ts";

/** What main() answers and prints. */
async function run(
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const real = { log: console.log, error: console.error };
  const stdout: unknown[] = [];
  const stderr: unknown[] = [];
  console.log = (...values) => void stdout.push(...values);
  console.error = (...values) => void stderr.push(...values);
  try {
    const code = await main(args);
    return { code, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
  } finally {
    Object.assign(console, real);
  }
}

// Questions.

for (const args of [["--help"], ["-h"], ["serve", "--help"]]) {
  Deno.test(`main() prints the help for ${args.join(" ")}`, async () => {
    const { code, stdout, stderr } = await run(...args);

    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "Usage: curfew serve [OPTIONS]\n");
  });
}

Deno.test("main() prints help of at most 80 columns", async () => {
  const { stdout } = await run("--help");

  assertEquals(stdout.split("\n").filter((line) => line.length > 80), []);
});

for (
  const flag of [
    "path FOLDER",
    "listen ENDPOINT",
    "index NAME",
    "listing",
    "access-log FILE",
    "session-timeout SECONDS",
    "display-tracebacks",
    "trust-proxy",
    "help",
    "version",
  ]
) {
  Deno.test(`main() prints help that tells of --${flag}`, async () => {
    assertMatch((await run("--help")).stdout, new RegExp(` --${flag}  +\\w`));
  });
}

Deno.test("main() answers --help whatever else is wrong", async () => {
  assertEquals((await run("dance", "--listing=no", "--help")).code, 0);
});

Deno.test("main() prints the version of deno.json", async () => {
  assertEquals(await run("--version"), {
    code: 0,
    stdout: `curfew ${config.version}`,
    stderr: "",
  });
});

// Command lines that make no sense.

for (
  const [args, said] of [
    [[], "Cannot run: no command"],
    [["dance"], 'Cannot run "dance": no such command'],
    [["serve", "site"], 'Cannot serve: unexpected argument "site"'],
    [["serve", "--", "--listing"], 'unexpected argument "--listing"'],
    [["serve", "--colour"], "Cannot serve: unknown option --colour"],
    [["serve", "--constructor=1"], "unknown option --constructor"],
    [["serve", "-l"], "unknown option -l"],
    [["serve", "--path"], "--path needs a value, FOLDER"],
    [["serve", "--path="], "--path needs a value, FOLDER"],
    [
      ["serve", "--path", "--listing"],
      '--path needs a value, FOLDER, not "--listing"',
    ],
    [["serve", "--path=a", "--path=b"], '--path is given twice: "b"'],
    [["serve", "--listing=no"], '--listing takes no value: "no"'],
    [
      ["serve", "--session-timeout", "soon"],
      '--session-timeout is not a number of seconds: "soon"',
    ],
    [["serve", "--session-timeout=1e3"], 'not a number of seconds: "1e3"'],
    [["serve", "--session-timeout=-1"], 'not a number of seconds: "-1"'],
    [["serve", "--session-timeout", "-1"], 'SECONDS, not "-1"'],
    [
      ["serve", "--listen", "tcp:http"],
      '--listen: Cannot listen on "tcp:http": port is not from 0 to 65535, at character 4',
    ],
    [["serve", "--listen=tcp:1", "--listen=udp:2"], '"udp:2": the kind'],
  ] as [string[], string][]
) {
  Deno.test(`main() answers 2 to [${args.join(" ")}] and says why`, async () => {
    const { code, stdout, stderr } = await run(...args);

    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, said);
    assertMatch(stderr, /^[^\n]*; see --help$/);
  });
}

// What cannot be done.

testWith(["read"], "main() answers 1 if the folder is not there", async () => {
  const { code, stderr } = await run("serve", "--path", "/nowhere/at/all");

  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot serve "\/nowhere\/at\/all": No such file.*$/);
});

testWith(["read"], "main() answers 1 if the folder is a file", async () => {
  const { code, stderr } = await run("serve", "--path", "deno.json");

  assertEquals(code, 1);
  assertEquals(stderr, 'Cannot serve "deno.json": it is not a folder');
});

testWith(["read", "net"], "main() answers 1 if the port is busy", async () => {
  using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = busy.addr;
  const listen = `tcp:${port}:interface=127.0.0.1`;
  const { code, stderr } = await run("serve", "--listen", listen);

  assertEquals(code, 1);
  assertMatch(
    stderr,
    new RegExp(`^Cannot listen on 127\\.0\\.0\\.1:${port}: .*in use.*$`),
  );
});

testWith(
  ["read", "net"],
  "main() stops what listens already if another port is busy",
  async () => {
    using busy = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const listen = ["tcp:0", `tcp:${busy.addr.port}`].map((endpoint) =>
      `--listen=${endpoint}:interface=127.0.0.1`
    );

    // It would not come back otherwise, and the sanitizer would say so.
    assertEquals((await run("serve", ...listen)).code, 1);
  },
);

testWith(["read"], "main() answers 1 without a certificate", async () => {
  const { code, stderr } = await run(
    "serve",
    "--listen=ssl:0:cert=/nowhere/c.pem:key=/nowhere/k.pem",
  );

  assertEquals(code, 1);
  assertMatch(stderr, /^Cannot listen on "ssl:.*": cannot read cert: No such/);
});

testWith(
  ["read", "write"],
  "main() answers 1 if the access log cannot be written",
  async () => {
    const { code, stderr } = await run("serve", "--access-log=/nowhere/a.log");

    assertEquals(code, 1);
    assertMatch(stderr, /^Cannot open the access log "\/nowhere\/a\.log": No/);
  },
);

// Serving.

/** Serves a folder by the program, on a free port. */
async function serving(
  path: string,
  ...args: string[]
): Promise<Program & { address: string }> {
  const program = runDeno([
    "-P",
    "cli.ts",
    "serve",
    `--path=${path}`,
    "--listen=tcp:0:interface=127.0.0.1",
    ...args,
  ]);
  return { ...program, address: await addressOf(program) };
}

/** A test of the program that serves a folder. */
function serveTest(
  name: string,
  options: { files: Record<string, string>; args?: string[] },
  fn: (
    program: Program & { address: string },
    path: string,
  ) => void | Promise<void>,
): void {
  testWith(["net", "read", "run", "write"], name, async () => {
    using folder = makeFolder(options.files);
    const args = options.args?.map((arg) => arg.replace("PATH", folder.path));
    await using program = await serving(folder.path, ...args ?? []);
    await fn(program, folder.path);
  });
}

async function get(
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const response = await fetch(url, init);
  const { status, headers } = response;
  return { status, text: await response.text(), headers };
}

const CLOCK = `
import { Resource } from "@curfew/web";
class Clock extends Resource {
  override render_GET(): string {
    return "noon";
  }
}
export const resource: Resource = new Clock();
`;

const VISITOR = `
import { Resource } from "@curfew/web";
class Visitor extends Resource {
  render_GET(request) {
    const session = request.getSession();
    session.notifyOnExpire(({ reason }) => console.log("over:", reason));
    return JSON.stringify({
      timeout: session.sessionTimeout,
      address: request.remoteAddress,
    });
  }
}
export const resource = new Visitor();
`;

serveTest("curfew serve serves files and scripts of one folder, no sources", {
  files: {
    "index.html": "<p>home</p>",
    "style.css": "p {}",
    "clock.resource.ts": CLOCK,
    ".env": "SECRET=1",
  },
}, async ({ address }) => {
  assertEquals((await get(address)).text, "<p>home</p>");
  const style = await get(`${address}style.css`);
  assertEquals(style.headers.get("content-type"), "text/css; charset=UTF-8");
  assertEquals((await get(`${address}clock`)).text, "noon");
  for (const name of ["clock.resource.ts", "clock.resource", ".env", "none"]) {
    assertEquals((await get(address + name)).status, 404, name);
  }
});

testWith(
  ["net", "read", "run", "write"],
  "curfew serve serves the working folder unless told",
  async () => {
    using folder = makeFolder({ "page.html": "page" });
    const cli = new URL("../cli.ts", import.meta.url).href;
    await using program = runDeno(
      ["-P", cli, "serve", "--listen=tcp:0:interface=127.0.0.1"],
      { cwd: folder.path },
    );
    const address = await addressOf(program);

    assertEquals((await get(`${address}page.html`)).text, "page");
  },
);

serveTest("curfew serve --index names the files that stand for folders", {
  files: { "home.html": "home", "sub/start.html": "start", "index.html": "no" },
  args: ["--index", "home.html", "--index", "start.html"],
}, async ({ address }) => {
  assertEquals((await get(address)).text, "home");
  assertEquals((await get(`${address}sub/`)).text, "start");
});

serveTest("curfew serve lists no folder unless told", {
  files: { "one.txt": "1" },
}, async ({ address }) => {
  assertEquals((await get(address)).status, 404);
});

serveTest("curfew serve --listing lists folders", {
  files: { "one.txt": "1" },
  args: ["--listing"],
}, async ({ address }) => {
  assertStringIncludes((await get(address)).text, "one.txt");
});

serveTest("curfew serve --listing lists no scripts", {
  files: {
    "one.txt": "1",
    "clock.resource.ts": "",
    "clock.resource.js": "",
    "lib.ts": "",
  },
  args: ["--listing"],
}, async ({ address }) => {
  const { text } = await get(address);
  assertEquals([...text.matchAll(/href="([^"]*)"/g)].map(([, link]) => link), [
    "./one.txt",
  ]);
});

const LOG_LINE =
  /^127\.0\.0\.1 - - \[.+\] "GET \/page\.html\?a=1 HTTP\/1\.1" 200 4 "-" "me"$/;

serveTest("curfew serve --access-log - prints a line for each request", {
  files: { "page.html": "page" },
  args: ["--access-log", "-"],
}, async ({ address, stdout }) => {
  await get(`${address}page.html?a=1`, { headers: { "user-agent": "me" } });

  assertMatch(await stdout.next(), LOG_LINE);
});

serveTest("curfew serve --access-log FILE adds a line for each request", {
  files: { "page.html": "page", "access.log": "before\n" },
  args: ["--access-log", "PATH/access.log"],
}, async ({ address, kill, status }, path) => {
  await get(`${address}page.html?a=1`, { headers: { "user-agent": "me" } });
  kill("SIGTERM");
  await status;

  const [before, line = ""] = Deno.readTextFileSync(`${path}/access.log`)
    .split("\n");
  assertEquals(before, "before");
  assertMatch(line, LOG_LINE);
});

serveTest("curfew serve --session-timeout ends sessions on time", {
  files: { "visitor.resource.js": VISITOR },
  args: ["--session-timeout", "0.2"],
}, async ({ address, stdout }) => {
  const { text } = await get(`${address}visitor`);

  assertEquals(JSON.parse(text).timeout, 0.2);
  assertEquals(await stdout.next(), "over: idle");
});

serveTest("curfew serve ends sessions after 900 seconds unless told", {
  files: { "visitor.resource.js": VISITOR },
}, async ({ address }) => {
  assertEquals(JSON.parse((await get(`${address}visitor`)).text).timeout, 900);
});

const BROKEN = { "broken.resource.js": `throw new Error("boom");` };

serveTest("curfew serve prints errors and shows visitors none", {
  files: BROKEN,
}, async ({ address, stderr }) => {
  const { status, text } = await get(`${address}broken`);

  assertEquals(status, 500);
  assert(!text.includes("boom"));
  assertMatch(await stderr.next(), /Cannot load script ".*broken\.resource/);
});

serveTest("curfew serve --display-tracebacks shows visitors errors", {
  files: BROKEN,
  args: ["--display-tracebacks"],
}, async ({ address }) => {
  assertStringIncludes((await get(`${address}broken`)).text, "boom");
});

const FORWARDED = { headers: { "x-forwarded-for": "192.0.2.7" } };

serveTest("curfew serve believes no proxy unless told", {
  files: { "visitor.resource.js": VISITOR },
}, async ({ address }) => {
  const { text } = await get(`${address}visitor`, FORWARDED);

  assertEquals(JSON.parse(text).address, "127.0.0.1");
});

serveTest("curfew serve --trust-proxy believes the proxy in front", {
  files: { "visitor.resource.js": VISITOR },
  args: ["--trust-proxy"],
}, async ({ address }) => {
  const { text } = await get(`${address}visitor`, FORWARDED);

  assertEquals(JSON.parse(text).address, "192.0.2.7");
});

serveTest("curfew serve --listen serves on each of its endpoints", {
  files: { "page.html": "page" },
  args: ["--listen", "tcp:0:interface=127.0.0.1"],
}, async (program) => {
  const second = await addressOf(program);

  assert(second !== program.address);
  for (const address of [program.address, second]) {
    assertEquals((await get(`${address}page.html`)).text, "page");
  }
});

// Stopping.

serveTest("curfew serve ends the sessions on Ctrl-C and exits with 0", {
  files: { "visitor.resource.js": VISITOR },
}, async ({ address, kill, status, stdout, stderr }) => {
  await get(`${address}visitor`);
  kill("SIGINT");

  assertEquals((await status).code, 0);
  assertEquals(await stdout.rest(), ["over: shutdown"]);
  assertEquals(await stderr.rest(), []);
});

serveTest("curfew serve finishes on Ctrl-C what it has begun", {
  files: {
    "slow.resource.js": `
import { Resource } from "@curfew/web";
class Slow extends Resource {
  async render_GET() {
    console.log("begun");
    await new Promise((resolve) => setTimeout(resolve, 300));
    return "done";
  }
}
export const resource = new Slow();
`,
  },
}, async ({ address, kill, status, stdout }) => {
  const answer = get(`${address}slow`);
  assertEquals(await stdout.next(), "begun");
  kill("SIGINT");

  assertEquals((await answer).text, "done");
  assertEquals((await status).code, 0);
});

serveTest("curfew serve exits on Ctrl-C whatever its scripts still do", {
  files: {
    "busy.resource.js": `setInterval(() => {}, 1000);${CLOCK}`
      .replace("override ", "").replaceAll(/: (string|Resource)/g, ""),
  },
}, async ({ address, kill, status }) => {
  await get(`${address}busy`);
  kill("SIGINT");

  assertEquals((await status).code, 0);
});

testWith(
  ["read", "run"],
  "curfew exits with what main() answers",
  async () => {
    await using program = runDeno(["-P", "cli.ts", "serve", "--colour"]);

    assertEquals((await program.status).code, 2);
    assertEquals(
      (await program.stderr.rest()).at(-1),
      [
        "Cannot serve: unknown option --colour; see --help",
      ][0],
    );
  },
);

testWith(
  ["read", "run"],
  "curfew does nothing when it is imported",
  async () => {
    const input = `import "${import.meta.resolve("../cli.ts")}";`;
    await using program = runDeno(["-"], { input });

    assertEquals((await program.status).code, 0);
    assertEquals(await program.stdout.rest(), []);
    assertEquals(await program.stderr.rest(), []);
  },
);
