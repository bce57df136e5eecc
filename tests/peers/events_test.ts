import { assertEquals, assertThrows } from "@std/assert";
import type { ServerEvent } from "../../mod.ts";
import { Sessions } from "../../sessions.ts";

const HTML = "HTML standard, section 9.2";
const H3 = "the tests of h3's event streams";
const HONO = "the tests of Hono's streamSSE";

/** An event, the bytes that are sent for it, and the source. */
const EVENTS: readonly (readonly [
  event: string | ServerEvent,
  text: string,
  source: string,
  differs?: string,
])[] = [
  ["hello", "data: hello\n\n", H3],
  ["", "data: \n\n", HTML],
  [{ data: "hello" }, "data: hello\n\n", HONO],
  [{ data: "a\nb" }, "data: a\ndata: b\n\n", HTML],
  [{ data: "a\r\nb" }, "data: a\ndata: b\n\n", HTML],
  [{ data: "a\rb" }, "data: a\ndata: b\n\n", HTML],
  [{ data: "a\n\nb" }, "data: a\ndata: \ndata: b\n\n", HTML],
  [{ data: "a\n" }, "data: a\ndata: \n\n", HTML],
  [{ data: " a" }, "data:  a\n\n", HTML],
  [{ data: "data: b" }, "data: data: b\n\n", HTML],
  [{ data: ":a" }, "data: :a\n\n", HTML],
  [{ data: "a\nevent: end" }, "data: a\ndata: event: end\n\n", HONO],
  [{ data: "ünïcode 茶 \u{1f375}" }, "data: ünïcode 茶 \u{1f375}\n\n", HTML],
  [{ data: "a\u2028b" }, "data: a\u2028b\n\n", HTML],
  [{ event: "tea", data: "x" }, "event: tea\ndata: x\n\n", H3],
  [{ id: "7", data: "x" }, "id: 7\ndata: x\n\n", H3],
  [{ id: "", data: "x" }, "id: \ndata: x\n\n", HTML],
  [{ retry: 500 }, "retry: 500\n\n", HTML],
  [{ retry: 0, data: "x" }, "retry: 0\ndata: x\n\n", HTML],
  [
    { event: "e", id: "1", retry: 2, data: "d" },
    "event: e\nid: 1\nretry: 2\ndata: d\n\n",
    HONO,
  ],
  [{ data: { a: 1 } }, 'data: {"a":1}\n\n', H3],
  [{ data: [1, "x"] }, 'data: [1,"x"]\n\n', H3],
  [{ data: 5 }, "data: 5\n\n", H3],
  [{ data: null }, "data: null\n\n", H3],
  [{ data: false }, "data: false\n\n", H3],
  [{ data: "\\n" }, "data: \\n\n\n", HTML],
  [{ event: "a: b", data: "x" }, "event: a: b\ndata: x\n\n", HTML],
  [{ id: "ü", data: "x" }, "id: ü\ndata: x\n\n", HTML],
];

/** Events that cannot be sent, and the error. */
const REFUSED:
  readonly (readonly [ServerEvent, typeof Error, string, string?])[] = [
    [{ event: "a\nb" }, RangeError, HTML],
    [{ event: "a\rb" }, RangeError, HTML],
    [
      { event: "a\r\ndata: x" },
      RangeError,
      HONO,
      "Hono strips the line break; a wrong event is worse than none",
    ],
    [{ id: "a\nb" }, RangeError, HTML],
    [{ id: "a\0b" }, RangeError, HTML],
    [{ id: "a\rb" }, RangeError, HTML],
    [{ retry: -1 }, RangeError, HTML],
    [{ retry: 1.5 }, RangeError, HTML],
    [{ retry: NaN }, RangeError, HTML],
    [{ data: () => {} }, TypeError, H3],
    [{ data: Symbol("s") }, TypeError, H3],
  ];

/** The parts of a request that opens a stream. */
const REQUEST = {
  request: new Request("http://localhost/"),
  rootURL: new URL("http://localhost/"),
  getHeader: () => undefined,
  site: { stopSignal: new AbortController().signal },
};

for (const [event, text, source, differs] of EVENTS) {
  const mark = differs === undefined ? "" : ", and differs on purpose";
  Deno.test(`Events: ${JSON.stringify(event)} is sent as in ${source}${mark}`, async () => {
    await using sessions = new Sessions();
    const stream = sessions.create().events(REQUEST);
    stream.send(event);
    stream.close();

    assertEquals(await stream.response.text(), text);
  });
}

for (const [event, error, source, differs] of REFUSED) {
  const mark = differs === undefined ? "" : ", and differs on purpose";
  Deno.test(`Events: ${Deno.inspect(event)} is refused as in ${source}${mark}`, async () => {
    await using sessions = new Sessions();
    const stream = sessions.create().events(REQUEST);

    assertThrows(() => stream.send(event), error);

    stream.close();
    assertEquals(await stream.response.text(), "");
  });
}

for (
  const [name, value, source] of [
    ["content-type", "text/event-stream", HTML],
    ["cache-control", "no-store", "HTML standard, section 9.2, note on caches"],
    ["x-accel-buffering", "no", "nginx's proxy module"],
    ["content-length", null, "RFC 9112, section 6.3"],
    ["content-encoding", null, H3],
  ] as const
) {
  Deno.test(`Events: the header ${name} is ${value}, as in ${source}`, async () => {
    await using sessions = new Sessions();
    const stream = sessions.create().events(REQUEST);
    stream.close();

    assertEquals(stream.response.headers.get(name), value);
    await stream.response.body!.cancel();
  });
}
