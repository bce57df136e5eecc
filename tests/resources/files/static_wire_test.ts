// Files over sockets, to clients that are not ours. These tests need all
// permissions; without them they are ignored.

import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  StaticFile,
  type StaticFileOptions,
} from "../../../resources/static.ts";
import { type Files, TempFolder } from "../../helpers_files.ts";
import { WatchedSite } from "../../helpers_http.ts";
import { TEST_LIMIT } from "../../helpers_process.ts";

const NEEDS_ALL = {
  timeout: TEST_LIMIT,
  ignore: (["net", "run", "read", "write"] as const).some((name) =>
    Deno.permissions.querySync({ name }).state !== "granted"
  ),
};

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";

/** Whether a program is there to be run. */
function hasProgram(name: string): boolean {
  if (NEEDS_ALL.ignore) return false;
  try {
    return new Deno.Command(name, { args: ["--version"] }).outputSync().success;
  } catch {
    return false;
  }
}

/** How many files and sockets the process has open; undefined if nobody can tell. */
function countOpen(): number | undefined {
  try {
    return Array.from(Deno.readDirSync("/proc/self/fd")).length;
  } catch {
    return undefined;
  }
}

/** A server of a folder, in a temporary place, with files. */
class FileServer implements AsyncDisposable {
  readonly folder: TempFolder;
  readonly site: WatchedSite;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(files: Files = {}, options: StaticFileOptions = {}) {
    this.folder = new TempFolder(files);
    this.site = new WatchedSite(new StaticFile(this.folder.path, options));
    this.#server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      this.site.fetch,
    );
  }

  get port(): number {
    return this.#server.addr.port;
  }

  /** The URL of a path. */
  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.port });
  }

  /** What comes back, byte for byte, for requests on one connection. */
  async ask(...requests: string[]): Promise<string> {
    using connection = await this.connect();
    await writeAll(connection, requests.join(""));
    let answer = "";
    const decoder = new TextDecoder("latin1");
    const buffer = new Uint8Array(65536);
    for (let count; (count = await connection.read(buffer)) !== null;) {
      answer += decoder.decode(buffer.subarray(0, count));
    }
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.site.close();
    this.folder[Symbol.dispose]();
  }
}

Deno.test(
  "StaticFile sends a file with its length, not in chunks",
  NEEDS_ALL,
  async () => {
    await using server = new FileServer({ "a.txt": ALPHABET });

    const answer = await server.ask(get("/a.txt"));

    assertMatch(answer, /\r\ncontent-length: 26\r\n/i);
    assertFalse(/\r\ntransfer-encoding:/i.test(answer));
    assertEquals(bodyOf(answer), ALPHABET);
  },
);

Deno.test(
  "StaticFile sends a range with its length, not in chunks",
  NEEDS_ALL,
  async () => {
    await using server = new FileServer({ "a.txt": ALPHABET });

    const answer = await server.ask(get("/a.txt", "Range: bytes=5-9"));

    assertMatch(answer, /^HTTP\/1\.1 206 /);
    assertMatch(answer, /\r\ncontent-length: 5\r\n/i);
    assertFalse(/\r\ntransfer-encoding:/i.test(answer));
    assertEquals(bodyOf(answer), "fghij");
  },
);

Deno.test(
  "StaticFile sends nothing after the headers of HEAD, 304 and 416",
  NEEDS_ALL,
  async () => {
    await using server = new FileServer({ "a.txt": ALPHABET });

    const answers = [
      await server.ask(get("/a.txt").replace("GET", "HEAD")),
      await server.ask(get("/a.txt", "If-None-Match: *")),
      await server.ask(get("/a.txt", "Range: bytes=99-")),
    ];

    assertEquals(answers.map(bodyOf), ["", "", ""]);
    assertEquals(
      answers.map((answer) => /\r\ncontent-length: (\d+)/i.exec(answer)?.[1]),
      ["26", undefined, "0"],
    );
  },
);

Deno.test("StaticFile keeps the connection in step", NEEDS_ALL, async () => {
  await using server = new FileServer({ "a.txt": ALPHABET, "b.txt": "b" });
  const keepAlive = (request: string) =>
    request.replace("Connection: close\r\n", "");

  const answer = await server.ask(
    keepAlive(get("/a.txt")),
    keepAlive(get("/a.txt").replace("GET", "HEAD")),
    keepAlive(get("/a.txt", "If-None-Match: *")),
    keepAlive(get("/a.txt", "Range: bytes=0-1,4-5")),
    keepAlive(get("/a.txt", "Range: bytes=99-")),
    keepAlive(get("/none")),
    get("/b.txt"),
  );

  assertEquals(
    [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
    ["200", "200", "304", "206", "416", "404", "200"],
  );
  assert(answer.endsWith("\r\n\r\nb"));
});

for (
  const path of [
    "/../secret.txt",
    "/../../../../../../etc/passwd",
    "/sub/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/..\\secret.txt",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/a.txt%00",
    "/%00",
    "/C:%5csecret.txt",
    "/C:/secret.txt",
    "/\xff\xfe",
    "http://127.0.0.1/../secret.txt",
    "/a.txt#/../secret.txt",
    "/a.txt;/../../secret.txt",
    "/?/../secret.txt",
  ]
) {
  Deno.test(
    `StaticFile serves nothing outside for ${
      JSON.stringify(path)
    }, as it is sent`,
    NEEDS_ALL,
    async () => {
      using folder = new TempFolder({ "secret.txt": "the secret" });
      await using server = new FileServer({ "a.txt": ALPHABET, "sub/": "" });
      Deno.renameSync(folder.at("secret.txt"), `${server.folder.path}.secret`);
      using _secret = {
        [Symbol.dispose]: () => Deno.removeSync(`${server.folder.path}.secret`),
      };

      const answer = await server.ask(get(path));

      assertFalse(answer.includes("the secret"));
      assertFalse(answer.includes("root:"));
      assertFalse(answer.startsWith("HTTP/1.1 5"), answer);
      assertEquals(server.site.errors, []);
    },
  );
}

for (
  const range of [
    "bytes=4-2",
    "bytes=,",
    "bytes=-",
    "bytes=99999999999999999999-",
    "bytes=-99999999999999999999",
    "items=0-1",
    "\xff",
    `bytes=${"0-,".repeat(2000)}`,
    `bytes=${"0-0,".repeat(2000)}`,
    `bytes=${"1-2,".repeat(2000)}x`,
    `bytes=${"9".repeat(5000)}-`,
  ]
) {
  const name = range.length > 40 ? `${range.slice(0, 40)}...` : range;
  Deno.test(
    `StaticFile answers the range ${JSON.stringify(name)} sanely`,
    NEEDS_ALL,
    async () => {
      await using server = new FileServer({ "a.txt": ALPHABET });

      const answer = await server.ask(get("/a.txt", `Range: ${range}`));

      const [, status = ""] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
      assert(["200", "206", "416"].includes(status), answer);
      assertEquals(bodyOf(answer), status === "416" ? "" : ALPHABET);
      assertEquals(server.site.errors, []);
    },
  );
}

Deno.test("StaticFile gives curl a thousand files, byte for byte", {
  ignore: !hasProgram("curl"),
}, async () => {
  const files = manyFiles();
  await using server = new FileServer(files);
  using mirror = new TempFolder();
  mirror.write(
    "curl.conf",
    Object.keys(files).map((path) =>
      `url = "${server.url(encodePath(path))}"\noutput = "${mirror.at(path)}"\n`
    ).join(""),
  );

  await run(
    "curl",
    "-sS",
    "--fail",
    "--create-dirs",
    "-Z",
    "-K",
    mirror.at("curl.conf"),
  );

  assertSame(mirror, files);
});

Deno.test(
  "StaticFile gives curl the ranges of a thousand files, byte for byte",
  {
    ignore: !hasProgram("curl"),
  },
  async () => {
    const files = manyFiles();
    await using server = new FileServer(files);
    using mirror = new TempFolder();
    const expected: Record<string, Uint8Array> = {};
    let config = "";
    for (const [index, [path, content]] of Object.entries(files).entries()) {
      if (content.length === 0) continue;
      const first = (index * 7919) % content.length;
      const last = first + (index * 104729) % (content.length - first);
      expected[path] = content.subarray(first, last + 1);
      config +=
        `next\nsilent\nfail\ncreate-dirs\nrange = "${first}-${last}"\n` +
        `url = "${server.url(encodePath(path))}"\noutput = "${
          mirror.at(path)
        }"\n`;
    }
    mirror.write("curl.conf", config.slice("next\n".length));

    await run("curl", "-K", mirror.at("curl.conf"));

    assertSame(mirror, expected);
  },
);

Deno.test("StaticFile lets curl resume where it was", {
  ignore: !hasProgram("curl"),
}, async () => {
  const content = bytesOf(500_000, 1);
  await using server = new FileServer({ "large.bin": content });
  using mirror = new TempFolder({ "large.bin": content.subarray(0, 123_456) });

  await run(
    "curl",
    "-sS",
    "-C",
    "-",
    "-o",
    mirror.at("large.bin"),
    server.url("/large.bin"),
  );

  assertSame(mirror, { "large.bin": content });
});

Deno.test(
  "StaticFile gives wget a thousand files by its listings, byte for byte",
  {
    ignore: !hasProgram("wget"),
  },
  async () => {
    const files = manyFiles();
    await using server = new FileServer(files, { listing: true });
    using mirror = new TempFolder();

    await run(
      "wget",
      "-q",
      "-m",
      "-np",
      "-nH",
      "--restrict-file-names=nocontrol",
      "-P",
      mirror.path,
      server.url("/"),
    );

    assertSame(mirror, files);
  },
);

Deno.test(
  "StaticFile leaves nothing open after 200 downloads that were broken off",
  {
    ignore: NEEDS_ALL.ignore || countOpen() === undefined,
  },
  async () => {
    await using server = new FileServer({ "large.bin": "" });
    Deno.truncateSync(server.folder.at("large.bin"), 64 * 2 ** 20);
    await server.ask(get("/none"));
    const before = countOpen()!;

    const connections = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const connection = await server.connect();
        await writeAll(connection, get("/large.bin"));
        await connection.read(new Uint8Array(65536));
        return connection;
      }),
    );
    const during = countOpen()!;
    for (const connection of connections) connection.close();

    // Client, server and file, each of them 200 times.
    assert(during >= before + 600, `${during} open, ${before} before`);
    assertLessOrEqual(await settle(before), before);
    assertEquals(server.site.errors, []);
  },
);

Deno.test("StaticFile leaves nothing open after visitors who left at once", {
  ignore: NEEDS_ALL.ignore || countOpen() === undefined,
}, async () => {
  await using server = new FileServer({ "large.bin": "" });
  Deno.truncateSync(server.folder.at("large.bin"), 64 * 2 ** 20);
  await server.ask(get("/none"));
  const before = countOpen()!;

  await Promise.all(
    Array.from({ length: 200 }, async () => {
      using connection = await server.connect();
      await writeAll(connection, get("/large.bin"));
    }),
  );

  assertLessOrEqual(await settle(before), before);
});

Deno.test(
  "StaticFile reads a large file no faster than the visitor",
  NEEDS_ALL,
  async () => {
    await using server = new FileServer({ "large.bin": "" });
    Deno.truncateSync(server.folder.at("large.bin"), 256 * 2 ** 20);
    using reads = countBytesRead();
    using connection = await server.connect();

    await writeAll(connection, get("/large.bin"));
    await connection.read(new Uint8Array(1024));
    // Time to read all of it.
    await new Promise((resolve) => setTimeout(resolve, 300));

    // The rest is what the sockets hold: some megabytes.
    assertLess(reads.count, 32 * 2 ** 20);
  },
);

Deno.test(
  "StaticFile ends the connection of a file that was cut short",
  NEEDS_ALL,
  async () => {
    await using server = new FileServer({ "large.bin": "" });
    Deno.truncateSync(server.folder.at("large.bin"), 64 * 2 ** 20);
    using connection = await server.connect();
    await writeAll(connection, get("/large.bin"));
    const buffer = new Uint8Array(65536);
    await connection.read(buffer);

    Deno.truncateSync(server.folder.at("large.bin"), 0);
    let count = 0;
    try {
      for (let read; (read = await connection.read(buffer)) !== null;) {
        count += read;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }

    assertLess(count, 64 * 2 ** 20);
    assertStringIncludes(String(server.site.errors[0]), "changed meanwhile");
  },
);

/** A request for a path, as it is, with a header perhaps. */
function get(path: string, header?: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Connection: close",
  ];
  if (header !== undefined) lines.push(header);
  return `${lines.join("\r\n")}\r\n\r\n`;
}

async function writeAll(connection: Deno.Conn, text: string): Promise<void> {
  let bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  while (bytes.length > 0) {
    bytes = bytes.subarray(await connection.write(bytes));
  }
}

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf("\r\n\r\n") + 4);
}

/** How many are open once it is no more than before, or after half a minute. */
async function settle(before: number): Promise<number> {
  for (let wait = 0; wait < 600 && countOpen()! > before; wait++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return countOpen()!;
}

/** A thousand files in folders, of all lengths up to some chunks. */
function manyFiles(): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (let index = 0; index < 1000; index++) {
    const folder = `folder ${index % 10}/sub-${index % 7}/`;
    const length = index % 50 === 0 ? index * 200 : (index * 37) % 3000;
    files[`${folder}file ${index} é+&'.bin`] = bytesOf(length, index);
  }
  return files;
}

/** Bytes that look like chance, and are the same each time. */
function bytesOf(length: number, seed: number): Uint8Array {
  let state = seed + 1;
  return new Uint8Array(length).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function encodePath(path: string): string {
  return `/${path.split("/").map(encodeURIComponent).join("/")}`;
}

function assertSame(mirror: TempFolder, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    // An empty file may not have been made.
    if (content.length === 0) continue;
    assertEquals(Deno.readFileSync(mirror.at(path)), content, path);
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args })
    .output();
  assert(success, new TextDecoder().decode(stderr));
}

/** Counts the bytes that are read of files. */
function countBytesRead(): Disposable & { count: number } {
  const { prototype } = Deno.FsFile;
  const { read } = prototype;
  const reads = {
    count: 0,
    [Symbol.dispose]: () => void (prototype.read = read),
  };
  prototype.read = async function (buffer) {
    const count = await read.call(this, buffer);
    reads.count += count ?? 0;
    return count;
  };
  return reads;
}
