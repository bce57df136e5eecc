/** Files that change while they are served. */

import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { StaticFile } from "../../../resources/static.ts";
import { FileSite, NEEDS_FILES, rangeInit } from "../../helpers_files.ts";
import { WatchedSite } from "../../helpers_http.ts";
import { testWith } from "../../helpers_process.ts";

/** Bytes of a file that is sent as a stream. */
const LARGE = 300_000;

function test(name: string, fn: () => Promise<void>): void {
  Deno.test(name, NEEDS_FILES, fn);
}

/** Puts another file in the place of one, in one step. */
function replace(site: FileSite, name: string, content: string): void {
  site.folder.write("new", content);
  Deno.renameSync(site.folder.at("new"), site.folder.at(name));
}

for (const size of [10, LARGE]) {
  test(`StaticFile sends the file of ${size} bytes that it opened, when that is replaced`, async () => {
    await using site = new FileSite({ "a.txt": "a".repeat(size) });
    const response = await site.visit("/a.txt");

    replace(site, "a.txt", "b".repeat(2 * size));

    assertEquals(await response.text(), "a".repeat(size));
    assertEquals(
      await (await site.visit("/a.txt")).text(),
      "b".repeat(2 * size),
    );
    assertEquals(site.errors, []);
  });

  test(`StaticFile sends as much of a file of ${size} bytes as there was, when that grows`, async () => {
    await using site = new FileSite({ "a.txt": "a".repeat(size) });
    const response = await site.visit("/a.txt");

    Deno.writeTextFileSync(site.folder.at("a.txt"), "more", { append: true });

    assertEquals(response.headers.get("content-length"), String(size));
    assertEquals(await response.text(), "a".repeat(size));
    assertEquals(site.errors, []);
  });

  test(`StaticFile sends a file of ${size} bytes that is deleted`, async () => {
    await using site = new FileSite({ "a.txt": "a".repeat(size) });
    const response = await site.visit("/a.txt");

    Deno.removeSync(site.folder.at("a.txt"));

    assertEquals(await response.text(), "a".repeat(size));
    assertEquals((await site.visit("/a.txt")).status, 404);
  });
}

test("StaticFile takes length, tag and date from the file that it opened", async () => {
  await using site = new FileSite({ "a.txt": "old" });
  using _ = beforeOpening(() => {
    site.folder.write("new", "longer");
    Deno.utimeSync(site.folder.at("new"), 0, new Date("2020-02-03T04:05:06Z"));
    Deno.renameSync(site.folder.at("new"), site.folder.at("a.txt"));
  });

  const response = await site.visit("/a.txt");

  assertEquals(await response.text(), "longer");
  const { headers } = response;
  assertEquals(headers.get("content-length"), "6");
  assertEquals(headers.get("last-modified"), "Mon, 03 Feb 2020 04:05:06 GMT");
  const again = await site.visit("/a.txt");
  assertEquals(again.headers.get("etag"), headers.get("etag"));
});

test("StaticFile sends nothing of a link that takes the place of a file", async () => {
  await using site = new FileSite({ "a.txt": "open", "secret/b": "secret" });
  using _ = beforeOpening(() => {
    Deno.removeSync(site.folder.at("a.txt"));
    Deno.symlinkSync(site.folder.at("secret/b"), site.folder.at("a.txt"));
  });

  const response = await site.visit("/a.txt");

  assertEquals(response.status, 404);
  assert(!(await response.text()).includes("secret"));
});

for (
  const [what, change] of [
    ["is deleted", (path: string) => Deno.removeSync(path)],
    ["becomes a folder", (path: string) => {
      Deno.removeSync(path);
      Deno.mkdirSync(path);
    }],
  ] as const
) {
  test(`StaticFile answers 404 for a file that ${what} while it is looked for`, async () => {
    await using site = new FileSite({ "a.txt": "a" });
    using _ = beforeOpening(() => change(site.folder.at("a.txt")));

    assertEquals((await site.visit("/a.txt")).status, 404);
    assertEquals(site.errors, []);
  });
}

test("StaticFile reports a file that is replaced again and again", async () => {
  await using site = new FileSite({ "a.txt": "a" });
  using _ = beforeOpening(() => replace(site, "a.txt", "b"), Infinity);

  assertEquals((await site.visit("/a.txt")).status, 500);
  assertStringIncludes(String(site.errors[0]), "replaced again and again");
});

test("StaticFile answers 500 for a small file that is cut short meanwhile, and reports it", async () => {
  await using site = new FileSite({ "a.txt": "abcdef" });
  using _ = beforeReading(() => Deno.truncateSync(site.folder.at("a.txt"), 2));

  const response = await site.visit("/a.txt");

  assertEquals(response.status, 500);
  assertEquals(site.errors.length, 1);
  assertStringIncludes(
    String(site.errors[0]),
    'a.txt": the file changed meanwhile, from 6 bytes to 2',
  );
});

test("StaticFile breaks off a large file that is cut short, and reports it", async () => {
  await using site = new FileSite({ "a.txt": "a".repeat(LARGE) });
  const response = await site.visit("/a.txt");

  Deno.truncateSync(site.folder.at("a.txt"), 5);

  await assertRejects(() => response.text(), Error, "changed meanwhile");
  assertEquals(site.errors.length, 1);
});

test("StaticFile answers every request while the file is replaced all the time", async () => {
  await using site = new FileSite({ "a.txt": "version 0" });
  let isOver = false;
  const replacing = (async () => {
    for (let i = 1; !isOver; i++) {
      await Deno.writeTextFile(
        site.folder.at("new"),
        `version ${i}`.repeat(i % 9000 + 1),
      );
      await Deno.rename(site.folder.at("new"), site.folder.at("a.txt"));
    }
  })();
  try {
    for (let i = 0; i < 300; i++) {
      const response = await site.visit("/a.txt");
      const text = await response.text();
      assertEquals(response.status, 200);
      assertEquals(response.headers.get("content-length"), String(text.length));
      const [version] = text.match(/^version \d+/)!;
      assertEquals(text, version.repeat(text.length / version.length));
    }
  } finally {
    isOver = true;
    await replacing;
  }
  assertEquals(site.errors, []);
});

// Calls of the system.

test("StaticFile opens a file once, and examines no more than it and its copies", async () => {
  await using site = new FileSite({ "folder/a.txt": "a" });
  using calls = countCalls();

  await (await site.visit("/folder/a.txt")).text();

  assertEquals(calls.counts, {
    lstat: 5, // The folder, the file and three copies.
    open: 1,
    fstat: 1,
    read: 1,
    seek: 0,
    close: 1,
  });
});

test("StaticFile opens nothing but the compressed copy that it sends", async () => {
  await using site = new FileSite({ "a.txt": "a", "a.txt.br": "b" });
  using calls = countCalls();

  const headers = { "accept-encoding": "br" };
  await (await site.visit("/a.txt", { headers })).text();

  assertEquals(calls.counts.open, 1);
});

test("StaticFile without precompressed looks for no copy", async () => {
  await using site = new FileSite({ "a.txt": "a" }, { precompressed: false });
  using calls = countCalls();

  await (await site.visit("/a.txt")).text();

  assertEquals(calls.counts.lstat, 1);
});

for (
  const [what, path, init] of [
    ["a HEAD", "/a.txt", { method: "HEAD" }],
    ["a 304", "/a.txt", { headers: { "if-none-match": "*" } }],
    ["a 412", "/a.txt", { headers: { "if-match": '"x"' } }],
    ["a 416", "/a.txt", rangeInit("bytes=9999999-")],
    ["a 405", "/a.txt", { method: "POST" }],
    ["a range", "/a.txt", rangeInit("bytes=1-2")],
    ["several ranges", "/a.txt", rangeInit("bytes=1-2,5-6")],
  ] as [string, string, RequestInit][]
) {
  test(`StaticFile leaves no file open after ${what}`, async () => {
    await using site = new FileSite({ "a.txt": "a".repeat(LARGE) });
    using calls = countCalls();

    await (await site.visit(path, init)).text();

    assertEquals(calls.counts.open, calls.counts.close);
  });
}

testWith(
  ["net", "read", "write"],
  "StaticFile leaves no descriptor after 200 downloads that are broken off",
  async () => {
    await using site = new FileSite({ "a.bin": "a".repeat(20_000_000) });
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      site.fetch,
    );
    const { port } = server.addr;
    const get = new TextEncoder().encode(
      "GET /a.bin HTTP/1.1\r\nhost: localhost\r\n\r\n",
    );
    const before = openDescriptors();
    for (let i = 0; i < 200; i++) {
      using connection = await Deno.connect({ port, hostname: "127.0.0.1" });
      await connection.write(get);
      // Every second one leaves before the first byte.
      if (i % 2 === 0) await connection.read(new Uint8Array(1000));
    }
    for (let i = 0; openDescriptors() > before && i < 500; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // A connection may be closed a little later.
    assertLess(openDescriptors(), before + 3);
  },
);

// Conditions.

test("StaticFile joins no two versions of one second by If-Range with a date", async () => {
  using time = new FakeTime("2026-11-24T12:00:00.300Z");
  await using site = new FileSite({ "a.txt": "AAAAAAAAAA" });
  const touch = () =>
    Deno.utimeSync(site.folder.at("a.txt"), new Date(), new Date());
  touch();
  const first = await site.visit("/a.txt");
  const date = first.headers.get("last-modified")!;
  time.tick(400);
  site.folder.write("a.txt", "BBBBBBBBBB");
  touch();
  for (const wait of [0, 300, 60_000]) {
    time.tick(wait);

    const rest = await site.visit(
      "/a.txt",
      rangeInit("bytes=5-", { "if-range": date }),
    );

    assertEquals([rest.status, await rest.text()], [200, "BBBBBBBBBB"]);
  }
});

test("StaticFile continues by If-Range with a date once the second is over", async () => {
  using time = new FakeTime("2026-11-24T12:00:00.300Z");
  await using site = new FileSite({ "a.txt": "AAAAABBBBB" });
  Deno.utimeSync(site.folder.at("a.txt"), new Date(), new Date());
  time.tick(700);
  const date = (await site.visit("/a.txt")).headers.get("last-modified")!;
  const forms = [
    date,
    "Tuesday, 24-Nov-26 12:00:01 GMT",
    "Tue Nov 24 12:00:01 2026",
  ];
  for (const form of forms) {
    const rest = await site.visit(
      "/a.txt",
      rangeInit("bytes=5-", { "if-range": form }),
    );

    assertEquals([form, rest.status, await rest.text()], [form, 206, "BBBBB"]);
  }
});

test("StaticFile refuses by If-Unmodified-Since a file that changed within the second", async () => {
  using time = new FakeTime("2026-11-24T12:00:00.300Z");
  await using site = new FileSite({ "a.txt": "A" });
  const touch = () =>
    Deno.utimeSync(site.folder.at("a.txt"), new Date(), new Date());
  touch();
  const date = (await site.visit("/a.txt")).headers.get("last-modified")!;
  time.tick(400);
  touch();

  const response = await site.visit("/a.txt", {
    headers: { "if-unmodified-since": date },
  });

  assertEquals(response.status, 412);
});

// A type that a browser must not guess.

for (const path of ["/a.html", "/a.unknown", "/noext", "/a.html?x"]) {
  test(`StaticFile has browsers not guess the type of ${path}`, async () => {
    await using site = new FileSite({
      "a.html": "",
      "a.unknown": "",
      noext: "",
    });

    for (const method of ["GET", "HEAD"]) {
      const { headers } = await site.visit(path, { method });
      assertEquals(headers.get("x-content-type-options"), "nosniff");
    }
  });
}

test("StaticFile leaves an x-content-type-options that is set already", async () => {
  await using site = new FileSite({ "a.txt": "" });
  class Own extends StaticFile {
    override getChild(...[name, request]: Parameters<StaticFile["getChild"]>) {
      request.setHeader("x-content-type-options", "own");
      return super.getChild(name, request);
    }
  }
  await using other = new WatchedSite(new Own(site.folder.path));

  const { headers } = await other.visit("/a.txt");

  assertEquals(headers.get("x-content-type-options"), "own");
});

/** Acts after a file was examined, and before it is opened. */
function beforeOpening(act: () => void, times: number = 1): Disposable {
  const { open } = Deno;
  Deno.open = (path, options) => {
    if (times-- > 0) act();
    return open(path, options);
  };
  return { [Symbol.dispose]: () => void (Deno.open = open) };
}

/** Acts once, before a file is read that is open. */
function beforeReading(act: () => void): Disposable {
  const { prototype } = Deno.FsFile;
  const { read } = prototype;
  prototype.read = function (buffer) {
    prototype.read = read;
    act();
    return read.call(this, buffer);
  };
  return { [Symbol.dispose]: () => void (prototype.read = read) };
}

/** Counts the calls of the system until it is disposed of. */
function countCalls(): Disposable & { counts: Record<string, number> } {
  const counts = { lstat: 0, open: 0, fstat: 0, read: 0, seek: 0, close: 0 };
  const { open, lstat, stat } = Deno;
  const { prototype } = Deno.FsFile;
  const methods = {
    read: prototype.read,
    seek: prototype.seek,
    stat: prototype.stat,
    close: prototype.close,
  };
  Deno.open = (...args) => (counts.open++, open(...args));
  Deno.lstat = (path) => (counts.lstat++, lstat(path));
  Deno.stat = (path) => (counts.lstat++, stat(path));
  for (const name of ["read", "seek", "stat", "close"] as const) {
    const counted = name === "stat" ? "fstat" : name;
    const method = methods[name] as (...args: unknown[]) => never;
    prototype[name] = function (this: Deno.FsFile, ...args: unknown[]) {
      counts[counted]++;
      return method.apply(this, args);
    };
  }
  return {
    counts,
    [Symbol.dispose]() {
      Object.assign(Deno, { open, lstat, stat });
      Object.assign(prototype, methods);
    },
  };
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
