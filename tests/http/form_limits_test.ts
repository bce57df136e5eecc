// How many fields a form may have, and how deep JSON may be nested: both are
// counted before anything is parsed, and the counts agree with Deno's parsers.

import {
  assert,
  assertEquals,
  assertLess,
  assertLessOrEqual,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  HttpError,
  Resource,
  Site,
  type SiteOptions,
  type SiteRequest,
} from "../../mod.ts";
import { SessionMonitor } from "../../monitor/mod.ts";
import { Leaf, look, WatchedSite } from "../helpers_http.ts";
import { ROOT, runText, testWith } from "../helpers_process.ts";
import { assertQuick } from "../helpers_time.ts";

const URLENCODED = "application/x-www-form-urlencoded";

const LENGTH = 10 * 2 ** 20;

function post(body: BodyInit, type: string): Request {
  // A Headers object would join two headers of one name.
  const headers: [string, string][] = type === ""
    ? []
    : [["content-type", type]];
  return new Request("http://localhost/", { method: "POST", body, headers });
}

/** The part of a multipart form, with the delimiter before it. */
function part(name: string, value = "1"): string {
  return `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}

/** A multipart form of so many parts; its boundary is "b". */
function multipart(parts: number): string {
  return `${part("a").repeat(parts)}--b--\r\n`;
}

/** A stream of a text, in chunks of so many bytes. */
function streamOf(text: string, length: number): ReadableStream {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at += length));
    },
  });
}

/** A site that answers with the entries of a form, and allows three. */
function formSite(options: SiteOptions = {}): WatchedSite {
  return new WatchedSite(async (request: SiteRequest) => {
    const entries = [...await request.formData()].map(([name, value]) => [
      name,
      typeof value === "string" ? value : value.name,
    ]);
    return JSON.stringify(entries);
  }, { maxFormFields: 3, ...options });
}

/** The status of the answer to a form. */
async function statusOf(
  body: BodyInit,
  type: string,
  options: SiteOptions = {},
): Promise<number> {
  await using site = formSite(options);
  const { status } = await site.fetch(post(body, type));
  assertEquals(site.errors, []);
  return status;
}

// The option.

Deno.test("SiteOptions.maxFormFields is 1,000 unless told", async () => {
  using site = new Site(new Resource());
  const options = { maxFormFields: site.maxFormFields };

  assertEquals(site.maxFormFields, 1000);
  assertEquals(await statusOf("a&".repeat(1000), URLENCODED, options), 200);
  assertEquals(await statusOf("a&".repeat(1001), URLENCODED, options), 413);
});

Deno.test("SiteOptions.maxFormFields may be 0 or Infinity", async () => {
  const body = "a&".repeat(2000);

  assertEquals(await statusOf("", URLENCODED, { maxFormFields: 0 }), 200);
  assertEquals(await statusOf("a", URLENCODED, { maxFormFields: 0 }), 413);
  const options = { maxFormFields: Infinity };
  assertEquals(await statusOf(body, URLENCODED, options), 200);
});

for (
  const [value, error] of [
    [-1, RangeError],
    [NaN, RangeError],
    ["5", TypeError],
    [null, TypeError],
    [5n, TypeError],
  ] as const
) {
  Deno.test(`SiteOptions.maxFormFields cannot be ${typeof value} ${value}`, () => {
    const options = { maxFormFields: value } as unknown as SiteOptions;

    const { message } = assertThrows(
      () => new Site(new Resource(), options),
      error,
    );

    assertStringIncludes(message, "maxFormFields");
  });
}

Deno.test("SiteOptions.maxFormFields is named on the 413 page", async () => {
  await using site = formSite();

  const response = await site.fetch(post("a&a&a&a", URLENCODED));

  assertStringIncludes(await response.text(), "3 fields");
});

Deno.test("SiteOptions.maxFormFields lets a resource answer too many fields itself", async () => {
  const error = await look(
    (request) => assertRejects(() => request.formData(), HttpError),
    post("a&a", URLENCODED),
    { maxFormFields: 1 },
  );

  assertEquals(error.status, 413);
});

// Urlencoded forms.

for (
  const [body, fields] of [
    ["a&b&c", 3],
    ["a&b&c&d", 4],
    ["&&a&&b&&&c&&", 3],
    ["&&&&&&&&&&", 0],
    ["=&=&=", 3],
    ["a=1&b=2=3&c=%26%26%26", 3],
    ["a;b;c;d;e", 1],
    ["a\r\nb\r\n&c", 2],
    ["\u{feff}&\u{feff}&\xe9&&d", 4],
  ] as const
) {
  Deno.test(`SiteRequest.formData() counts ${fields} fields in ${JSON.stringify(body)}`, async () => {
    const expected = fields > 3 ? 413 : 200;

    assertEquals(await statusOf(body, URLENCODED), expected);
    assertEquals(await statusOf(streamOf(body, 1), URLENCODED), expected);
  });
}

for (
  const type of [
    "Application/X-WWW-Form-URLencoded",
    "application/x-www-form-urlencoded;charset=utf-16",
    "application/x-www-form-urlencoded ; charset=latin1; boundary=b",
    '\tapplication/x-www-form-urlencoded;x="a;b";;',
  ]
) {
  Deno.test(`SiteRequest.formData() counts the fields of ${JSON.stringify(type)}`, async () => {
    assertEquals(await statusOf("a&b&c", type), 200);
    assertEquals(await statusOf("a&b&c&d", type), 413);
  });
}

// Multipart forms.

for (const length of [Infinity, 7, 1]) {
  Deno.test(`SiteRequest.formData() counts the parts in chunks of ${length} bytes`, async () => {
    const send = (parts: number) => {
      const body = multipart(parts);
      return length === Infinity ? body : streamOf(body, length);
    };

    assertEquals(
      await statusOf(send(3), "multipart/form-data; boundary=b"),
      200,
    );
    assertEquals(
      await statusOf(send(4), "multipart/form-data; boundary=b"),
      413,
    );
  });
}

Deno.test("SiteRequest.formData() counts files like fields", async () => {
  const form = new FormData();
  for (const name of ["a", "b", "c"]) form.append("file", new File([""], name));
  await using site = formSite();
  const request = () =>
    new Request("http://localhost/", { method: "POST", body: form });
  assertEquals((await site.fetch(request())).status, 200);

  form.append("note", "1");

  assertEquals((await site.fetch(request())).status, 413);
});

for (
  const [type, boundary] of [
    ['multipart/form-data; boundary="b"', "b"],
    ["MULTIPART/FORM-DATA; BOUNDARY=b", "b"],
    ["multipart/form-data; boundary=B", "B"],
    ["multipart/form-data;boundary=b;charset=utf-8", "b"],
    ["multipart/form-data ; charset=utf-8 ; boundary=b ", "b"],
    ["multipart/form-data; boundary=b; boundary=c", "b"],
    ["multipart/form-data; boundary=; boundary=b", "b"],
    ['multipart/form-data; x="; boundary=c"; boundary=b', "b"],
    ["multipart/form-data; xboundary=c; boundary=b", "b"],
    ['multipart/form-data; boundary="\\b"', "b"],
    ['multipart/form-data; boundary="b', "b"],
    ['multipart/form-data; boundary="a; b"', "a; b"],
    ['multipart/form-data; boundary="a\\"b\\\\"', 'a"b\\'],
    ["multipart/form-data; boundary=----=_Part/1:2?", "----=_Part/1:2?"],
    ["multipart/form-data; boundary=-", "-"],
    ["multipart/form-data; boundary=$&", "$&"],
    [`multipart/form-data; boundary=${"b".repeat(3000)}`, "b".repeat(3000)],
  ] as const
) {
  Deno.test(`SiteRequest.formData() counts the parts of ${type.slice(0, 60)}`, async () => {
    const form = (parts: number) =>
      multipart(parts).replaceAll(/^--b/gm, () => `--${boundary}`);
    await using site = formSite();

    const response = await site.fetch(post(form(3), type));

    assertEquals(
      await response.text(),
      JSON.stringify(Array(3).fill(["a", "1"])),
    );
    assertEquals((await site.fetch(post(form(4), type))).status, 413);
  });
}

for (
  const [what, body, status] of [
    [
      "spaces after its delimiters",
      multipart(4).replaceAll("--b\r", "--b \t\r"),
      413,
    ],
    [
      "parts without a name",
      "--b\r\nX: y\r\n\r\n1\r\n".repeat(4) + "--b--",
      413,
    ],
    ["parts without headers", "--b\r\n\r\n1\r\n".repeat(4) + "--b--", 413],
    ["a preamble", `preamble\r\n--bb\r\n${multipart(3)}`, 200],
    ["a preamble, and too many parts", `preamble\r\n${multipart(4)}`, 413],
    ["an epilogue", `${multipart(3)}epilogue${"\r\n".repeat(100)}`, 200],
    [
      "lines in a field that are much like delimiters",
      `${part("a", "--bb\r\n--b x\r\n --b\r\nx--b\r\n--b-\r\n--B\r\n--")}--b--`,
      200,
    ],
    [
      "an end within the headers of a part, and parts after it",
      `--b\r\nX: y\r\n--b--\r\n\r\n1\r\n${multipart(4)}`,
      413,
    ],
    [
      "an end, and parts after it",
      `${part("a")}--b--\r\n${multipart(4)}`,
      413,
    ],
    ["no part", "--b--", 200],
    ["no end", part("a"), 400],
    ["an end within a line", `${part("a", "1--b--")}`, 400],
    ["an end before its last part", `--b--\r\n${part("a")}`, 400],
  ] as [string, string, number][]
) {
  Deno.test(`SiteRequest.formData() of multipart with ${what} is a ${status}`, async () => {
    assertEquals(
      await statusOf(body, "multipart/form-data; boundary=b"),
      status,
    );
  });
}

for (
  const type of [
    "",
    "text/plain",
    "application/x-www-form-urlencoded, text/plain",
    "text/plain, application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded+json",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    'multipart/form-data; boundary=""',
    "multipart/form-data; boundary*=b",
    "multipart/form-data; boundary =b",
    "multipart/form-data; boundary=c",
    "multipart/form-data; boundary=\x01",
    "multipart/form-data; boundary=\xe9",
    "multipart/form-data; boundary=b, text/plain",
    "multipart/form-data, multipart/form-data; boundary=b",
    "multipart/mixed; boundary=b",
  ]
) {
  for (const body of ["a&".repeat(5000), multipart(5000)]) {
    Deno.test(`SiteRequest.formData() refuses ${JSON.stringify(type)} with a body of ${JSON.stringify(body.slice(0, 6))}`, async () => {
      assertEquals(await statusOf(new TextEncoder().encode(body), type), 400);
    });
  }
}

// What Deno's parser takes.

/** What Deno makes of a form by itself; undefined if it cannot read it. */
async function parse(
  body: Uint8Array<ArrayBuffer>,
  type: string,
): Promise<[string, FormDataEntryValue][] | undefined> {
  try {
    const headers = { "content-type": type };
    return [...await new Response(body, { headers }).formData()];
  } catch {
    return undefined;
  }
}

/** Fails unless a form is read as Deno reads it, or refused if it is too long. */
async function assertReadAs(
  entries: [string, FormDataEntryValue][] | undefined,
  body: Uint8Array<ArrayBuffer>,
  type: string,
): Promise<number> {
  await using site = formSite();
  const response = await site.fetch(post(body, type));
  const { status } = response;
  if (status === 200) {
    assert(entries !== undefined);
    assertLessOrEqual(entries.length, 3);
    assertEquals(await response.text(), JSON.stringify(entries));
  }
  return status;
}

Deno.test("SiteRequest.formData() takes no more fields than it may, whatever the multipart", async () => {
  const piece = fc.constantFrom(
    ...["--b", "--b--", "--b\r\n", "--b--\r\n", "\r\n--b\r\n", "\r\n\r\n"],
    ...["\r\n", "\r", "\n", " ", "\t", "-", "b", "x", part("a"), "X: y\r\n"],
    'Content-Disposition: form-data; name="a"\r\n',
  );
  const soup = fc.array(piece, { maxLength: 30 }).map((pieces) =>
    new TextEncoder().encode(pieces.join(""))
  );
  await fc.assert(
    fc.asyncProperty(soup, async (body) => {
      const type = "multipart/form-data; boundary=b";
      await assertReadAs(await parse(body, type), body, type);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("SiteRequest.formData() reads each whole multipart form that Deno writes", async () => {
  const values = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("\r\n", "--", "\r\n--b\r\n", "&"),
  );
  const forms = fc.array(fc.tuple(values, values), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(forms, async (entries) => {
      const form = new FormData();
      for (const [name, value] of entries) form.append(`${name}x`, value);
      const sent = new Response(form);
      const type = sent.headers.get("content-type")!;
      const body = await sent.bytes();

      const parsed = await parse(body, type);
      const status = await assertReadAs(parsed, body, type);

      // Deno reads no NUL in a name.
      const fitting = parsed === undefined ? 400 : 200;
      assertEquals(status, entries.length > 3 ? 413 : fitting);
    }),
    { numRuns: 500 },
  );
});

Deno.test("SiteRequest.formData() counts the fields that Deno finds, whatever the bytes", async () => {
  const byte = fc.oneof(
    fc.constantFrom(..."&&&=%+;a\0").map((character) =>
      character.charCodeAt(0)
    ),
    fc.integer({ min: 0, max: 255 }),
  );
  const bodies = fc.array(byte, { maxLength: 30 }).map((bytes) =>
    Uint8Array.from(bytes)
  );
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const entries = await parse(body, URLENCODED);

      const status = await assertReadAs(entries, body, URLENCODED);

      assertEquals(status, entries!.length > 3 ? 413 : 200);
    }),
    { numRuns: 2000 },
  );
});

// JSON.

/** The status of the answer to JSON. */
async function statusOfJson(
  body: BodyInit,
  type = "application/json",
): Promise<number> {
  await using site = new WatchedSite(async (request) => {
    await request.json();
    return "read";
  });
  const { status } = await site.fetch(post(body, type));
  assertEquals(site.errors, []);
  return status;
}

/** Arrays and objects in each other, so many of them. */
function nested(depth: number, inmost = ""): string {
  const half = depth / 2;
  return '[{"a":'.repeat(half) + "[".repeat(depth % 2) + inmost +
    (inmost === "" && depth % 2 === 0 ? "1" : "") + "]".repeat(depth % 2) +
    "}]".repeat(half);
}

for (
  const [what, body, status] of [
    ["1,000 deep", nested(1000), 200],
    ["1,001 deep", nested(1001), 400],
    ["1,000 deep many times", `[${Array(20).fill(nested(999))}]`, 200],
    [
      "1,001 deep the last time",
      `[${[...Array(20).fill("[]"), nested(1000)]}]`,
      400,
    ],
    ["wide", `[${Array(20_000).fill("[]")}]`, 200],
    ["with brackets in a string", JSON.stringify("[{".repeat(5000)), 200],
    ["with brackets in a key", `{${JSON.stringify("[{".repeat(5000))}:1}`, 200],
    [
      "with escaped quotes before brackets",
      JSON.stringify({ a: `"\\"${"[".repeat(5000)}`, b: "\\" }),
      200,
    ],
    [
      "deep after a backslash at the end of a string",
      `["\\\\",${"[".repeat(1000)}1${"]".repeat(1000)}]`,
      400,
    ],
    ["deep after an escaped quote", `["\\"",${nested(1000)}]`, 400],
    ["deep between other letters", `["\u{1f600}\u00e9",${nested(1000)}]`, 400],
    ["deep and not closed", "[".repeat(1001), 400],
    ["closed and not opened", "]".repeat(5000) + "[".repeat(5000), 400],
    ["deep behind a byte order mark", `\u{feff}${nested(1001)}`, 400],
    ["behind a byte order mark", "\u{feff}[1]", 200],
  ] as [string, string, number][]
) {
  Deno.test(`SiteRequest.json() of JSON that is ${what} is a ${status}`, async () => {
    assertEquals(await statusOfJson(body), status);
    assertEquals(
      await statusOfJson(streamOf(body, 1000), "text/plain"),
      status,
    );
  });
}

Deno.test("SiteRequest.json() tells the visitor how deep JSON may be nested", async () => {
  const error = await look(
    (request) => assertRejects(() => request.json(), HttpError),
    post("[".repeat(1001), "application/json"),
  );

  assertEquals(error.status, 400);
  assertStringIncludes(error.message, "1000 deep");
});

Deno.test("SiteRequest.json() reads what JSON.parse() reads", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json(), async (text) => {
      const read = await look(
        (request) => request.json(),
        post(text, "application/json"),
      );
      assertEquals(read, JSON.parse(text));
    }),
    { numRuns: 300 },
  );
});

// Time and memory.

/** A text of 10 MiB, most of it repeated. */
function fill(piece: string, tail = ""): string {
  return piece.repeat(Math.floor((LENGTH - tail.length) / piece.length)) + tail;
}

const BOUNDARY = "b".repeat(70);
const PART = 'Content-Disposition: form-data; name="a"';
const OF_B = "multipart/form-data; boundary=b";

/** Bodies of 10 MiB that took seconds, or gigabytes, or might. */
const BOMBS: [string, () => [string, string], number][] = [
  ["small fields", () => [URLENCODED, fill("a&")], 413],
  ["no fields", () => [URLENCODED, fill("&")], 200],
  [
    "999 fields and a long one",
    () => [URLENCODED, fill("x", "&a".repeat(999))],
    200,
  ],
  [
    "small parts",
    () => [OF_B, fill(`--b\r\n${PART}\r\n\r\n\r\n`, "--b--")],
    413,
  ],
  [
    "small files",
    () => [OF_B, fill(`--b\r\n${PART}; filename="f"\r\n\r\n\r\n`, "--b--")],
    413,
  ],
  ["empty parts", () => [OF_B, fill("--b\r\n")], 413],
  ["empty lines", () => [OF_B, fill("\r\n")], 400],
  ["lines of a dash", () => [OF_B, fill("\r\n-")], 400],
  [
    "lines much like a delimiter",
    () => [
      `multipart/form-data; boundary=${BOUNDARY}`,
      fill(`\r\n--${BOUNDARY.slice(1)}`),
    ],
    400,
  ],
  [
    "delimiters and spaces",
    () => [OF_B, fill(`\r\n--b${" ".repeat(5000)}x`)],
    400,
  ],
  [
    "a long header",
    () => [
      OF_B,
      `--b\r\n${PART}${fill('; x="y"', "\r\n\r\n\r\n--b--").slice(100)}`,
    ],
    400,
  ],
  [
    "dashes",
    () => [`multipart/form-data; boundary=${"-".repeat(30_000)}`, fill("-")],
    400,
  ],
  ["deep arrays", () => ["application/json", fill("[")], 400],
  ["deep objects", () => ["application/json", fill('{"a":')], 400],
  [
    "different names in one object",
    () => {
      let text = "{";
      for (let at = 0; text.length < LENGTH - 30; at++) text += `"${at}k":1,`;
      return ["application/json", `${text}"last":1}`];
    },
    413,
  ],
  [
    "an escape in a string",
    () => ["application/json", fill("\\\\", '"').replace("\\", '"')],
    400,
  ],
];

for (const [what, make, expected] of BOMBS) {
  Deno.test(`SiteRequest takes the time of reading 100 MiB at most for 10 MiB of ${what}`, async () => {
    const [type, text] = make();
    const body = new TextEncoder().encode(text);
    assertLessOrEqual(body.length, LENGTH);
    await using site = new WatchedSite(async (request) => {
      if (type === "application/json") await request.json();
      else await request.formData();
      return "read";
    });

    await assertQuick(100, async () => {
      const { status } = await site.fetch(post(body, type));
      assertEquals(status, expected);
    });
  });
}

testWith(
  ["run", "read"],
  "SiteRequest takes less than 64 MiB beyond a body of 10 MiB",
  async () => {
    if (Deno.build.os !== "linux") return;
    await using program = runText(`
import { Resource, Site } from "${ROOT}mod.ts";

class Body extends Resource {
  isLeaf = true;
  async render_POST(request) {
    await (request.getHeader("content-type") === "application/json"
      ? request.json()
      : request.formData());
    return "read";
  }
}

// The most memory that the process has had, in MiB.
function peak() {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\\s+(\\d+)/.exec(status)[1]) / 1024;
}

const site = new Site(new Body());
const length = 10 * 2 ** 20;
const visit = async (piece, type) => {
  const body = new Uint8Array(length);
  const bytes = new TextEncoder().encode(piece);
  for (let at = 0; at < length; at += bytes.length) {
    body.set(bytes.subarray(0, length - at), at);
  }
  let sent = 0;
  const stream = new ReadableStream({
    pull(controller) {
      if (sent === length) return controller.close();
      controller.enqueue(body.slice(sent, sent += 65536));
    },
  });
  const headers = { "content-type": type };
  const request = new Request("http://localhost/", { method: "POST", body: stream, headers });
  const before = peak();
  const { status } = await site.fetch(request);
  console.log(status, peak() - before);
};
await visit("a&", "application/x-www-form-urlencoded");
await visit("--b\\r\\n\\r\\n\\r\\n", "multipart/form-data; boundary=b");
await visit("[", "application/json");
`);

    const lines = await program.stdout.rest();

    assertEquals(lines.map((line) => line.split(" ")[0]), [
      "413",
      "413",
      "400",
    ]);
    for (const line of lines) {
      // The body of the request is part of it.
      assertLess(Number(line.split(" ")[1]), 64 + 10, line);
    }
  },
);

// Resources of ours.

Deno.test("SessionMonitor refuses a form of too many fields before it looks at the token", async () => {
  await using site: WatchedSite = new WatchedSite(new Leaf(() => ""), {
    maxFormFields: 3,
  });
  site.resource = new SessionMonitor(site);

  const response = await site.fetch(post("a&b&token=x&uid", URLENCODED));

  assertEquals(response.status, 413);
});

testWith(
  ["net"],
  "SiteRequest.formData() of too many fields is a 413 on the wire, and others are served",
  async () => {
    await using site = formSite({ maxFormFields: 1000 });
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      site.fetch,
    );
    const send = async (body: BodyInit) => {
      const response = await fetch(`http://127.0.0.1:${server.addr.port}/`, {
        method: "POST",
        headers: { "content-type": URLENCODED },
        body,
      });
      await response.body?.cancel();
      return response.status;
    };

    assertEquals(await send(fill("a&")), 413);
    assertEquals(await send(streamOf(fill("a&"), 65536)), 413);
    assertEquals(await send("a&b"), 200);
  },
);

// Forms that are counted while they are read.

for (const length of [1, 2, 3, 1000]) {
  Deno.test(`SiteRequest.formData() counts fields across chunks of ${length} bytes`, async () => {
    await using site = formSite();
    const fetch = (text: string) =>
      site.fetch(post(streamOf(text, length), URLENCODED));

    const whole = await fetch("&&a=1&bb=22&&c=%26&");
    const large = await fetch("&&a=1&bb=22&&c=3&d");

    assertEquals(await whole.json(), [["a", "1"], ["bb", "22"], ["c", "&"]]);
    assertEquals(large.status, 413);
  });
}

Deno.test("SiteRequest.formData() reads the rest of a form with too many fields, and drops it", async () => {
  const text = "a&".repeat(50_000);
  let taken = 0;
  const body = streamOf(text, 1000).pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        taken += chunk.length;
        controller.enqueue(chunk);
      },
    }),
  );
  await using site = formSite();

  const response = await site.fetch(post(body, URLENCODED));

  assertEquals(response.status, 413);
  assertEquals(taken, text.length);
});

Deno.test("SiteRequest.json() reads objects of 100,000 members, and many of them", async () => {
  const entries = Array.from({ length: 100_000 }, (_, at) => [`k${at}`, at]);
  const one = JSON.stringify(Object.fromEntries(entries));
  await using site = new WatchedSite(async (request) => {
    const read = await request.json() as Record<string, number>[];
    return `${read.length} ${Object.keys(read[1]!).length} ${
      read[1]!["k99999"]
    }`;
  });
  const response = await site.fetch(
    post(`[${one},${one}]`, "application/json"),
  );
  assertEquals(await response.text(), "2 100000 99999");
});

Deno.test("SiteRequest.json() counts no colon in a string", async () => {
  const text = JSON.stringify([":".repeat(200_000)]);
  await using site = new WatchedSite(async (request) => {
    const [read] = await request.json() as string[];
    return String(read!.length);
  });
  const response = await site.fetch(post(text, "application/json"));
  assertEquals(await response.text(), "200000");
});
