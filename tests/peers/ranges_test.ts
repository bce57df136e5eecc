import { Site } from "../../mod.ts";
import { StaticData } from "../../resources/static.ts";
import { type Row, testRows } from "./helpers_rows.ts";

const GO = "the range tests of Go's net/http";
const NGINX = "nginx's tests of ranges";
const RFC = "RFC 9110, section 14";
const MALFORMED =
  "Go answers 416 to a malformed range; RFC 9110, 14.2 has the header ignored";
const NO_SPACE =
  "Go takes white space within a range; RFC 9110, 14.1.1 has none there";

/** Bytes by their place: 0123456789 again and again. */
function bytes(size: number): string {
  return "0123456789".repeat(Math.ceil(size / 10)).slice(0, size);
}

/** A row for one range of a body, from a byte to another. */
function one(
  range: string,
  size: number,
  [first, last]: [number, number],
  source: string,
): Row & { size: number } {
  return {
    send: "GET /",
    headers: { range },
    expect: {
      status: 206,
      headers: {
        "content-range": `bytes ${first}-${last}/${size}`,
        "content-length": String(last - first + 1),
      },
      body: bytes(size).slice(first, last + 1),
    },
    source,
    size,
  };
}

/** A row for a header that is ignored. */
function whole(range: string, size: number, source: string, differs?: string) {
  return {
    send: "GET /",
    headers: { range },
    expect: {
      status: 200,
      headers: { "content-range": null, "content-length": String(size) },
    },
    source,
    ...differs !== undefined && { differs },
    size,
  };
}

/** A row for ranges that no part of the body satisfies. */
function none(range: string, size: number, source: string) {
  return {
    send: "GET /",
    headers: { range },
    expect: { status: 416, headers: { "content-range": `bytes */${size}` } },
    source,
    size,
  };
}

/** A row for several ranges, with the number of parts. */
function several(range: string, size: number, source: string) {
  return {
    send: "GET /",
    headers: { range },
    expect: { status: 206, headers: { "content-range": null } },
    source,
    size,
  };
}

const ROWS: readonly (Row & { readonly size: number })[] = [
  whole("", 1000, GO),
  whole("", 0, GO),
  whole("foo", 10, GO, MALFORMED),
  whole("foo=", 10, GO, MALFORMED),
  whole("bytes=7", 10, GO, MALFORMED),
  whole("bytes= 7 ", 10, GO, MALFORMED),
  none("bytes=1-", 0, GO),
  whole("bytes=5-4", 10, GO, MALFORMED),
  whole("bytes=0-2,5-4", 10, GO, MALFORMED),
  whole("bytes=2-5,4-3", 10, GO, MALFORMED),
  whole("bytes=--5,4--3", 10, GO, MALFORMED),
  whole("bytes=A-", 10, GO, MALFORMED),
  whole("bytes=A- ", 10, GO, MALFORMED),
  whole("bytes=A-Z", 10, GO, MALFORMED),
  whole("bytes= -Z", 10, GO, MALFORMED),
  whole("bytes=5-Z", 10, GO, MALFORMED),
  whole("bytes=Ran-dom, garbage", 10, GO, MALFORMED),
  whole("bytes=0x01-0x02", 10, GO, MALFORMED),
  whole("bytes=         ", 10, GO),
  whole("bytes= , , ,   ", 10, GO),
  one("bytes=0-9", 10, [0, 9], GO),
  one("bytes=0-", 10, [0, 9], GO),
  one("bytes=5-", 10, [5, 9], GO),
  one("bytes=0-20", 10, [0, 9], GO),
  one("bytes=15-,0-5", 10, [0, 5], GO),
  several("bytes=1-2,5-", 10, GO),
  several("bytes=-2 , 7-9", 12, GO),
  several("bytes=0-0 ,2-2, 7-", 11, GO),
  one("bytes=-5", 10, [5, 9], GO),
  one("bytes=-15", 10, [0, 9], GO),
  one("bytes=0-499", 10000, [0, 499], RFC),
  one("bytes=500-999", 10000, [500, 999], RFC),
  one("bytes=-500", 10000, [9500, 9999], RFC),
  one("bytes=9500-", 10000, [9500, 9999], RFC),
  several("bytes=0-0,-1", 10000, RFC),
  several("bytes=500-600,601-999", 10000, RFC),
  several("bytes=500-700,601-999", 10000, RFC),
  whole("bytes=   1 -2   ,  4- 5, 7 - 8 , ,,", 11, GO, NO_SPACE),
  one("bytes=0-0", 10, [0, 0], NGINX),
  one("bytes=9-9", 10, [9, 9], NGINX),
  one("bytes=9-", 10, [9, 9], NGINX),
  one("bytes=-1", 10, [9, 9], NGINX),
  one("bytes=-10", 10, [0, 9], NGINX),
  none("bytes=10-", 10, NGINX),
  none("bytes=10-20", 10, NGINX),
  none("bytes=100-200", 10, NGINX),
  none("bytes=-0", 10, NGINX),
  whole("bytes=0-9,0-9", 10, NGINX),
  whole("bytes=0-9,1-9,2-9", 10, NGINX),
  one("bytes=0-99999999999999999999", 10, [0, 9], NGINX),
  none("bytes=99999999999999999999-", 10, NGINX),
  one("bytes=-99999999999999999999", 10, [0, 9], NGINX),
  one("BYTES=0-4", 10, [0, 4], `${RFC}.1, range units`),
  one("Bytes=0-4", 10, [0, 4], `${RFC}.1, range units`),
  whole("items=0-4", 10, `${RFC}.2`),
  whole("byte=0-4", 10, `${RFC}.2`),
  whole("bytes 0-4", 10, `${RFC}.2`),
  whole("bytes:0-4", 10, `${RFC}.2`),
  whole("bytes=0-4;x", 10, `${RFC}.1.1`),
  whole("bytes=-", 10, `${RFC}.1.1`),
  whole("bytes=+0-4", 10, `${RFC}.1.1`),
  whole("bytes=0-4-5", 10, `${RFC}.1.1`),
  whole("bytes=0.5-4", 10, `${RFC}.1.1`),
  whole("bytes=1e1-", 20, `${RFC}.1.1`),
  one("bytes=,0-4", 10, [0, 4], "RFC 9110, section 5.6.1, empty list elements"),
  one("bytes=0-4,", 10, [0, 4], "RFC 9110, section 5.6.1, empty list elements"),
  one("bytes=\t0-4", 10, [0, 4], "RFC 9110, section 5.6.1, space in lists"),
  one(
    "bytes=0-4,20-",
    10,
    [0, 4],
    `${RFC}.2, an unsatisfiable range is left out`,
  ),
  none("bytes=20-,30-40", 10, `${RFC}.2`),
  whole(
    "bytes=-5",
    0,
    "RFC 9110, section 14.4: no Content-Range for an empty body",
  ),
  none("bytes=0-", 0, `${RFC}.1.2`),
  none("bytes=0-0", 0, `${RFC}.1.2`),
  {
    send: "HEAD /",
    headers: { range: "bytes=0-4" },
    expect: {
      status: 200,
      headers: { "content-range": null, "content-length": "10" },
    },
    source: `${RFC}.2: ranges are for GET`,
    size: 10,
  },
  {
    send: "POST /",
    headers: { range: "bytes=0-4" },
    expect: 405,
    source: `${RFC}.2: ranges are for GET`,
    size: 10,
  },
  {
    send: "GET /",
    expect: { status: 200, headers: { "accept-ranges": "bytes" } },
    source: `${RFC}.3`,
    size: 10,
  },
  {
    send: "GET /",
    headers: {
      range: Array.from({ length: 101 }, (_, i) => `${i}-${i}`).join().replace(
        /^/,
        "bytes=",
      ),
    },
    expect: 200,
    source: `${RFC}.2 and section 17.15: many small ranges`,
    size: 1000,
  },
];

for (const row of ROWS) {
  testRows(
    `Ranges of ${row.size} bytes`,
    [row],
    () =>
      new Site(
        new StaticData(bytes(row.size), "text/plain").putChild(
          "",
          new StaticData(bytes(row.size), "text/plain"),
        ),
      ),
  );
}
