// What a request carries: how it is read, how much of it, and who is to blame if
// it cannot be read. The tests with sockets need the permission net; without it
// they are ignored.

import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  HttpError,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { Leaf, look, type Render, WatchedSite } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";

/** The ways to read a body. */
const READS = ["formData", "json", "text", "bytes"] as const;

/** The headers of a form; only formData() looks at them. */
const FORM = { "content-type": "application/x-www-form-urlencoded" };

function post(body: BodyInit, headers: HeadersInit = {}): Request {
  return new Request("http://localhost/", { method: "POST", body, headers });
}

/** A multipart request whose body is written out. */
function postMultipart(boundary: string, ...lines: string[]): Request {
  return post(lines.join("\r\n"), {
    "content-type": `multipart/form-data; boundary=${boundary}`,
  });
}

/** A stream of that many chunks of ten bytes, and what becomes of it. */
class Source {
  /** How many chunks were asked for. */
  pulled = 0;
  /** Why nothing more was wanted. */
  cancelReason: unknown = undefined;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;

  constructor(chunks = Infinity) {
    this.stream = new ReadableStream({
      pull: (controller) => {
        if (this.pulled === chunks) return controller.close();
        this.pulled++;
        controller.enqueue(new Uint8Array(10).fill(0x31));
      },
      cancel: (reason) => {
        this.cancelReason = reason;
      },
    }, { highWaterMark: 0 });
  }
}

/** A site that reads each body in that way and answers "read". */
function readingSite(
  read: typeof READS[number],
  options: SiteOptions = {},
): WatchedSite {
  return new WatchedSite(async (request) => {
    await request[read]();
    return "read";
  }, options);
}

// Forms.

Deno.test("SiteRequest.formData() keeps the order of fields, and those without a value", async () => {
  const form = await look(
    (request) => request.formData(),
    post("b=1&a=2&b=&c", FORM),
  );

  assertEquals([...form], [["b", "1"], ["a", "2"], ["b", ""], ["c", ""]]);
});

Deno.test("SiteRequest.formData() decodes as UTF-8, whatever charset is named", async () => {
  const form = await look(
    (request) => request.formData(),
    post("a=caf%C3%A9+%26", {
      "content-type": "application/x-www-form-urlencoded; charset=latin1",
    }),
  );

  assertEquals(form.get("a"), "caf\u00e9 &");
});

Deno.test("SiteRequest.formData() leaves malformed escapes as they are", async () => {
  const form = await look(
    (request) => request.formData(),
    post("a=%zz", FORM),
  );

  assertEquals(form.get("a"), "%zz");
});

Deno.test("SiteRequest.formData() of an empty form has no fields", async () => {
  const form = await look((request) => request.formData(), post("", FORM));

  assertEquals([...form], []);
});

Deno.test("SiteRequest.formData() reads fields beside several files of one name", async () => {
  const sent = new FormData();
  sent.append("note", "caf\u00e9\r\n");
  sent.append("file", new File(["1"], "a.txt"));
  sent.append("file", new File(["22"], "b.txt"));

  const form = await look((request) => request.formData(), post(sent));

  const files = form.getAll("file") as File[];
  assertEquals(form.get("note"), "caf\u00e9\r\n");
  assertEquals(files.map(({ name, size }) => [name, size]), [
    ["a.txt", 1],
    ["b.txt", 2],
  ]);
});

Deno.test("SiteRequest.formData() keeps a file's type, name and every byte", async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  const sent = new FormData();
  sent.set("file", new File([bytes], "caf\u00e9.bin", { type: "image/x-tea" }));

  const form = await look((request) => request.formData(), post(sent));

  const file = form.get("file") as File;
  assertEquals([file.name, file.type], ["caf\u00e9.bin", "image/x-tea"]);
  assertEquals(await file.bytes(), bytes);
});

// JSON, text and bytes.

for (const [body, value] of [["null", null], ["0", 0], ['"a"', "a"]] as const) {
  Deno.test(`SiteRequest.json() reads ${body}`, async () => {
    assertEquals(await look((request) => request.json(), post(body)), value);
  });
}

Deno.test("SiteRequest.json() does not mind which type is named", async () => {
  const request = post("[]", { "content-type": "text/plain" });

  assertEquals(await look((request) => request.json(), request), []);
});

Deno.test("SiteRequest.text() replaces what is not UTF-8", async () => {
  const text = await look(
    (request) => request.text(),
    post(new Uint8Array([0x61, 0xff, 0x62])),
  );

  assertEquals(text, "a\ufffdb");
});

Deno.test("SiteRequest.bytes() joins what comes in chunks", async () => {
  const bytes = await look(
    (request) => request.bytes(),
    post(new Source(3).stream),
  );

  assertEquals(bytes, new Uint8Array(30).fill(0x31));
});

// Without a body.

Deno.test("SiteRequest.text() and bytes() of a GET are empty", async () => {
  assertEquals(await look((request) => request.text()), "");
  assertEquals(await look((request) => request.bytes()), new Uint8Array());
});

for (const read of ["json", "formData"] as const) {
  Deno.test(`SiteRequest.${read}() of a GET is a 400, not reported`, async () => {
    await using site = readingSite(read);

    const response = await site.visit();

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

// What cannot be read is the visitor's fault.

const FIELD = 'Content-Disposition: form-data; name="a"';

for (
  const [what, request] of [
    [
      "a wrong boundary",
      () => postMultipart("other", "--x", FIELD, "", "1", "--x--", ""),
    ],
    [
      "no boundary",
      () => post("--x", { "content-type": "multipart/form-data" }),
    ],
    ["no body", () => postMultipart("x", "")],
    [
      "an end within a part's headers",
      () => postMultipart("x", "--x", "Content-Disposition: form-da"),
    ],
    ["an end within a part", () => postMultipart("x", "--x", FIELD, "", "1")],
    [
      "an end after a part",
      () => postMultipart("x", "--x", FIELD, "", "1", "--x"),
    ],
    [
      "an end within the second part",
      () => postMultipart("x", "--x", FIELD, "", "1", "--x", FIELD, "", "2"),
    ],
  ] as [string, () => Request][]
) {
  Deno.test(`SiteRequest.formData() of multipart with ${what} is a 400, not reported`, async () => {
    await using site = readingSite("formData");

    const response = await site.fetch(request());

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

for (const type of ["text/plain", "application/json", "multipart/mixed"]) {
  Deno.test(`SiteRequest.formData() of ${type} is a 400, not reported`, async () => {
    await using site = readingSite("formData");

    const response = await site.fetch(post("a=1", { "content-type": type }));

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

for (const body of ["", "{", "{}}", "{'a': 1}", "undefined", "NaN"]) {
  Deno.test(`SiteRequest.json() of ${JSON.stringify(body)} is a 400, not reported`, async () => {
    await using site = readingSite("json");

    const response = await site.fetch(post(body));

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

for (const read of READS) {
  Deno.test(`SiteRequest.${read}() of a body that breaks off is a 400, not reported`, async () => {
    await using site = readingSite(read);
    const body = new ReadableStream({
      pull: (controller) => controller.error(new Error("connection lost")),
    });

    const response = await site.fetch(post(body, FORM));

    assertEquals(response.status, 400);
    assertEquals(site.errors, []);
  });
}

Deno.test("SiteRequest.json() tells the resource what was wrong", async () => {
  const error = await look(
    (request) => assertRejects(() => request.json(), HttpError),
    post("{"),
  );

  assertEquals(error.status, 400);
  assertInstanceOf(error.cause, SyntaxError);
});

Deno.test("SiteRequest.json() tells the visitor nothing of the parser", async () => {
  await using site = readingSite("json", { displayTracebacks: true });

  const page = await (await site.fetch(post("{secret"))).text();

  assertFalse(page.includes("secret"));
  assertFalse(page.includes("SyntaxError"));
});

// Reading twice is the programmer's.

for (const first of READS) {
  Deno.test(`SiteRequest.bytes() after ${first}() is a 500, reported`, async () => {
    await using site = new WatchedSite(async (request) => {
      await request[first]().catch(() => {});
      return await request.bytes() as Uint8Array<ArrayBuffer>;
    });

    const response = await site.fetch(post("a=1", FORM));

    assertEquals(response.status, 500);
    assertInstanceOf(site.errors[0], TypeError);
    assertMatch(site.errors[0].message, /^Cannot read the body: .* before$/);
  });
}

for (const headers of [{}, { "content-length": "4" }] as HeadersInit[]) {
  const how = "content-length" in headers
    ? "of a declared length"
    : "in chunks";

  Deno.test(`SiteRequest.text() twice at once of a body ${how} is a 500, reported`, async () => {
    await using site = new WatchedSite(async (request) => {
      const texts = await Promise.all([request.text(), request.text()]);
      return texts.join();
    });

    const response = await site.fetch(post("text", headers));

    assertEquals(response.status, 500);
    assertInstanceOf(site.errors[0], TypeError);
  });
}

Deno.test("SiteRequest.text() after the request's own text() is a 500, reported", async () => {
  await using site = new WatchedSite(async (request) => {
    await request.request.text();
    return await request.text();
  });

  const response = await site.fetch(post("text"));

  assertEquals(response.status, 500);
  assertInstanceOf(site.errors[0], TypeError);
});

// How much.

Deno.test("SiteOptions.maxBodyBytes is 10 MiB unless told", () => {
  using site = new Site(new Leaf(() => ""));

  assertEquals(site.maxBodyBytes, 10 * 1024 * 1024);
});

Deno.test("SiteRequest.bytes() reads 10 MiB to the last byte", async () => {
  const length = 10 * 1024 * 1024;

  const bytes = await look(
    (request) => request.bytes(),
    post(new Uint8Array(length)),
  );

  assertEquals(bytes.length, length);
});

Deno.test("SiteRequest.bytes() of 10 MiB and a byte is a 413", async () => {
  await using site = readingSite("bytes");

  const response = await site.fetch(
    post(new Uint8Array(10 * 1024 * 1024 + 1)),
  );

  assertEquals(response.status, 413);
});

for (const read of READS) {
  Deno.test(`SiteRequest.${read}() reads chunks up to the limit`, async () => {
    await using site = readingSite(read, { maxBodyBytes: 30 });
    const source = new Source(3);

    const response = await site.fetch(post(source.stream, FORM));

    assertEquals(await response.text(), "read");
    assertEquals(source.cancelReason, undefined);
  });

  Deno.test(`SiteRequest.${read}() of endless chunks is a 413, not reported`, async () => {
    await using site = readingSite(read, { maxBodyBytes: 30 });
    const source = new Source();

    const response = await site.fetch(post(source.stream, FORM));

    assertEquals(response.status, 413);
    assertEquals(site.errors, []);
  });

  Deno.test(`SiteRequest.${read}() cancels the source of too many chunks`, async () => {
    await using site = readingSite(read, { maxBodyBytes: 30 });
    const source = new Source();

    await site.fetch(post(source.stream, FORM));

    assertInstanceOf(source.cancelReason, HttpError);
    assertEquals(source.pulled, 4);
  });

  Deno.test(`SiteRequest.${read}() reads nothing of a body that is declared too long`, async () => {
    await using site = readingSite(read, { maxBodyBytes: 30 });
    const source = new Source();

    const response = await site.fetch(
      post(source.stream, { ...FORM, "content-length": "31" }),
    );

    assertEquals(response.status, 413);
    assertEquals(source.pulled, 0);
  });
}

Deno.test("SiteOptions.maxBodyBytes counts bytes, not characters", async () => {
  await using site = readingSite("text", { maxBodyBytes: 5 });

  assertEquals((await site.fetch(post("\u00e9\u00e9"))).status, 200);
  assertEquals((await site.fetch(post("\u00e9\u00e9\u00e9"))).status, 413);
});

Deno.test("SiteOptions.maxBodyBytes counts a multipart body whole", async () => {
  await using site = readingSite("formData", { maxBodyBytes: 100 });
  const form = new FormData();
  form.set("file", new File(["1"], "a.txt"));

  // The boundaries and headers are more than the file.
  assertEquals((await site.fetch(post(form))).status, 413);
});

Deno.test("SiteOptions.maxBodyBytes of 0 lets no byte pass, but no body", async () => {
  await using site = readingSite("text", { maxBodyBytes: 0 });

  assertEquals((await site.fetch(post("1"))).status, 413);
  assertEquals((await site.fetch(post(""))).status, 200);
  assertEquals((await site.visit()).status, 200);
});

Deno.test("SiteOptions.maxBodyBytes is named on the 413 page", async () => {
  await using site = readingSite("text", { maxBodyBytes: 30 });

  const response = await site.fetch(post("1".repeat(31)));

  assertStringIncludes(await response.text(), "30 bytes");
});

Deno.test("SiteOptions.maxBodyBytes lets a resource answer what is too long itself", async () => {
  await using site = new WatchedSite(async (request) => {
    const error = await assertRejects(() => request.text(), HttpError);
    return `refused with ${error.status}`;
  }, { maxBodyBytes: 30 });

  const response = await site.fetch(post(new Source().stream));

  assertEquals(await response.text(), "refused with 413");
});

Deno.test("SiteRequest reads nothing of a body that nobody asks for", async () => {
  await using site = new WatchedSite(() => "unread");
  const source = new Source();

  await site.fetch(post(source.stream));

  assertEquals(source.pulled, 0);
});

// Over the wire.

/** A test with a site on a port of its own. */
function wireTest(
  name: string,
  render: Render,
  fn: (port: number, site: WatchedSite) => Promise<void>,
): void {
  testWith(["net"], name, async () => {
    await using site = new WatchedSite(render, { maxBodyBytes: 100_000 });
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      site.fetch,
    );
    await fn(server.addr.port, site);
  });
}

/** A connection that uploads by hand, and the answer that comes back. */
class Upload implements Disposable {
  readonly #connection: Deno.TcpConn;
  /** All that has come back, up to the end of its page. */
  readonly answer: Promise<string>;
  isAnswered = false;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    this.answer = this.#readAnswer();
  }

  static async begin(port: number, ...lines: string[]): Promise<Upload> {
    const upload = new Upload(
      await Deno.connect({ hostname: "127.0.0.1", port }),
    );
    const head = ["POST / HTTP/1.1", "Host: h", ...lines, "", ""].join("\r\n");
    await upload.send(new TextEncoder().encode(head));
    return upload;
  }

  /** The status of the answer. */
  async status(): Promise<number> {
    return Number((await this.answer).split(" ", 2)[1]);
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#connection.write(bytes.subarray(sent));
    }
  }

  /** Sends one chunk, or with no bytes the last. */
  async sendChunk(length: number): Promise<void> {
    const text = `${length.toString(16)}\r\n${"1".repeat(length)}\r\n`;
    await this.send(new TextEncoder().encode(text));
  }

  /** Sends nothing more. */
  async end(): Promise<void> {
    await this.#connection.closeWrite();
  }

  async #readAnswer(): Promise<string> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(10_000);
    let answer = "";
    while (!/<\/html>|\bread \d+/.test(answer)) {
      const length = await this.#connection.read(buffer);
      if (length === null) break;
      answer += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    this.isAnswered = true;
    return answer;
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

const CHUNKED = "Transfer-Encoding: chunked";

const readText: Render = async (request: SiteRequest) =>
  `read ${(await request.text()).length}`;

wireTest(
  "SiteRequest.formData() reads a file on the wire",
  async (request) => {
    const file = (await request.formData()).get("file") as File;
    return `${file.name}: ${await file.text()}`;
  },
  async (port) => {
    const body = new FormData();
    body.set("file", new File(["leaves"], "tea.txt"));

    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: "POST",
      body,
    });

    assertEquals(await response.text(), "tea.txt: leaves");
  },
);

wireTest(
  "SiteRequest.text() reads chunks up to the limit on the wire",
  readText,
  async (port) => {
    using upload = await Upload.begin(port, CHUNKED);
    for (const length of [60_000, 40_000, 0]) await upload.sendChunk(length);

    assertMatch(await upload.answer, /read 100000$/);
  },
);

wireTest(
  "SiteRequest.text() of chunks beyond the limit is a 413 on the wire, before their end",
  readText,
  async (port) => {
    using upload = await Upload.begin(port, CHUNKED);
    for (const length of [60_000, 40_001]) await upload.sendChunk(length);

    assertEquals(await upload.status(), 413);
  },
);

wireTest(
  "SiteRequest.text() of endless chunks is a 413 on the wire, soon",
  readText,
  async (port, site) => {
    using upload = await Upload.begin(port, CHUNKED);
    // Far more than all buffers on the way hold.
    const most = 100_000_000;
    let sent = 0;

    while (!upload.isAnswered && sent < most) {
      await upload.sendChunk(50_000);
      sent += 50_000;
    }

    assertEquals(await upload.status(), 413);
    assertLess(sent, most);
    assertEquals(site.errors, []);
  },
);

wireTest(
  "SiteRequest.text() of a length beyond the limit is a 413 on the wire, before a byte is sent",
  readText,
  async (port) => {
    using upload = await Upload.begin(port, "Content-Length: 100001");

    assertEquals(await upload.status(), 413);
  },
);

// Only a body without a length is counted, so no length may hide the chunks.
wireTest(
  "SiteOptions.maxBodyBytes is not evaded by a length beside chunks on the wire",
  readText,
  async (port) => {
    const { promise: answer, resolve } = Promise.withResolvers<string>();
    using upload = await Upload.begin(port, CHUNKED, "Content-Length: 1");
    // Deno may reset the connection once it has refused.
    upload.answer.then(resolve, () => resolve(""));
    await upload.sendChunk(100_001).catch(() => {});

    assertFalse(/ 200 |read/.test(await answer));
  },
);

for (
  const [how, head] of [["chunks", CHUNKED], ["a length", "Content-Length: 9"]]
) {
  wireTest(
    `SiteRequest.text() of ${how} that break off on the wire is a 400, not reported`,
    readText,
    async (port, site) => {
      using upload = await Upload.begin(port, head!);
      await upload.send(new TextEncoder().encode("3\r\n111\r\n"));
      await upload.end();

      assertEquals(await upload.status(), 400);
      assertEquals(site.errors, []);
    },
  );
}

wireTest(
  "Site.fetch() serves others after a 413 on the wire",
  readText,
  async (port) => {
    using upload = await Upload.begin(port, CHUNKED);
    await upload.sendChunk(100_001);
    assertEquals(await upload.status(), 413);

    const response = await fetch(`http://127.0.0.1:${port}/`, {
      method: "POST",
      body: "text",
    });

    assert(response.ok);
    assertEquals(await response.text(), "read 4");
  },
);
