import { Resource, Site, type SiteRequest } from "../../mod.ts";
import { sendRepresentation } from "../../resources/files/representation.ts";
import type { Rendered } from "../../mod.ts";
import { type Row, testRows } from "./helpers_rows.ts";

const ETAG = '"v1"';
const DATE = "Mon, 03 Feb 2020 04:05:06 GMT";
const BEFORE = "Mon, 03 Feb 2020 04:05:05 GMT";
const AFTER = "Mon, 03 Feb 2020 04:05:07 GMT";

/** A body with a tag and a date that do not change. */
class Versioned extends Resource {
  override isLeaf = true;
  override async render_GET(request: SiteRequest): Promise<Rendered> {
    return await sendRepresentation(request, {
      size: 6,
      type: "text/plain",
      etag: ETAG,
      modified: new Date("2020-02-03T04:05:06Z"),
      read: (pieces) =>
        new Blob(
          pieces.map((piece) =>
            piece instanceof Uint8Array
              ? piece
              : "abcdef".slice(piece.start, piece.end)
          ),
        ),
    });
  }
}

const MATCH = "RFC 9110, section 13.1.1";
const NONE_MATCH = "RFC 9110, section 13.1.2";
const SINCE = "RFC 9110, section 13.1.3";
const UNMODIFIED = "RFC 9110, section 13.1.4";
const RANGE = "RFC 9110, section 13.1.5";
const ORDER = "RFC 9110, section 13.2.2";
const GO = "Go's net/http tests of conditions";
const DATES = "RFC 9110, section 5.6.7";

function row(
  headers: Record<string, string>,
  expect: number,
  source: string,
  differs?: string,
): Row[] {
  const row = {
    headers,
    expect,
    source,
    ...differs !== undefined && { differs },
  };
  return [{ send: "GET /", ...row }, { send: "HEAD /", ...row }];
}

function range(
  headers: Record<string, string>,
  status: number,
  source: string,
): Row {
  const body = status === 206 ? "bc" : "abcdef";
  return {
    send: "GET /",
    headers: { range: "bytes=1-2", ...headers },
    expect: { status, body },
    source,
  };
}

testRows("Conditions", [
  ...row({ "if-none-match": ETAG }, 304, NONE_MATCH),
  ...row({ "if-none-match": `W/${ETAG}` }, 304, NONE_MATCH),
  ...row({ "if-none-match": "*" }, 304, NONE_MATCH),
  ...row({ "if-none-match": '"v2"' }, 200, NONE_MATCH),
  ...row({ "if-none-match": `"v0", ${ETAG}` }, 304, NONE_MATCH),
  ...row({ "if-none-match": `"v0",${ETAG},"v2"` }, 304, NONE_MATCH),
  ...row({ "if-none-match": `W/"v0", W/${ETAG}` }, 304, NONE_MATCH),
  ...row({ "if-none-match": '"v0", "v2"' }, 200, NONE_MATCH),
  ...row(
    { "if-none-match": '"V1"' },
    200,
    "RFC 9110, section 8.8.3: case counts",
  ),
  ...row(
    { "if-none-match": "v1" },
    200,
    "RFC 9110, section 8.8.3: tags are quoted",
  ),
  ...row(
    { "if-none-match": `w/${ETAG}` },
    200,
    "RFC 9110, section 8.8.3: W is upper case",
  ),
  ...row({ "if-none-match": "" }, 200, GO),
  ...row({ "if-none-match": '""' }, 200, GO),
  ...row({ "if-none-match": '"v' }, 200, GO),
  ...row({ "if-none-match": `${ETAG}x` }, 200, GO),
  ...row(
    { "if-none-match": `\t${ETAG} ` },
    304,
    "RFC 9110, section 5.5: space around a value",
  ),
  ...row({ "if-modified-since": DATE }, 304, SINCE),
  ...row({ "if-modified-since": AFTER }, 304, SINCE),
  ...row({ "if-modified-since": BEFORE }, 200, SINCE),
  ...row({ "if-modified-since": "Monday, 03-Feb-20 04:05:06 GMT" }, 304, DATES),
  ...row({ "if-modified-since": "Mon Feb  3 04:05:06 2020" }, 304, DATES),
  ...row({ "if-modified-since": "Mon Feb 03 04:05:06 2020" }, 304, DATES),
  ...row({ "if-modified-since": "0" }, 200, GO),
  ...row({ "if-modified-since": "2030" }, 200, DATES),
  ...row({ "if-modified-since": "tomorrow" }, 200, SINCE),
  ...row({ "if-modified-since": "2030-01-01T00:00:00Z" }, 200, DATES),
  ...row({ "if-modified-since": "Mon, 03 Feb 2030 04:05:06" }, 200, DATES),
  ...row({ "if-modified-since": "Mon, 03 Feb 2030 04:05:06 PST" }, 200, DATES),
  ...row(
    { "if-modified-since": `${DATE}; length=6` },
    304,
    DATES,
    "it is no HTTP-date; old browsers send it, and Twisted takes it",
  ),
  ...row({ "if-none-match": ETAG, "if-modified-since": BEFORE }, 304, SINCE),
  ...row({ "if-none-match": '"v2"', "if-modified-since": AFTER }, 200, SINCE),
  ...row({ "if-match": ETAG }, 200, MATCH),
  ...row({ "if-match": "*" }, 200, MATCH),
  ...row({ "if-match": `"v0", ${ETAG}` }, 200, MATCH),
  ...row({ "if-match": '"v2"' }, 412, MATCH),
  ...row(
    { "if-match": `W/${ETAG}` },
    412,
    "RFC 9110, section 13.1.1: strong comparison",
  ),
  ...row({ "if-match": '""' }, 412, GO),
  ...row({ "if-match": "v1" }, 412, "RFC 9110, section 8.8.3"),
  ...row({ "if-unmodified-since": DATE }, 200, UNMODIFIED),
  ...row({ "if-unmodified-since": AFTER }, 200, UNMODIFIED),
  ...row({ "if-unmodified-since": BEFORE }, 412, UNMODIFIED),
  ...row({ "if-unmodified-since": "yesterday" }, 200, UNMODIFIED),
  ...row({ "if-unmodified-since": "1" }, 200, UNMODIFIED),
  ...row({ "if-match": ETAG, "if-unmodified-since": BEFORE }, 200, UNMODIFIED),
  ...row({ "if-match": '"v2"', "if-unmodified-since": AFTER }, 412, UNMODIFIED),
  ...row({ "if-match": '"v2"', "if-none-match": ETAG }, 412, ORDER),
  ...row({ "if-match": ETAG, "if-none-match": ETAG }, 304, ORDER),
  ...row(
    { "if-unmodified-since": BEFORE, "if-none-match": '"v2"' },
    412,
    ORDER,
  ),
  ...row(
    { "if-unmodified-since": BEFORE, "if-modified-since": AFTER },
    412,
    ORDER,
  ),
  ...row(
    { "if-unmodified-since": AFTER, "if-modified-since": AFTER },
    304,
    ORDER,
  ),
  range({}, 206, RANGE),
  range({ "if-range": ETAG }, 206, RANGE),
  range({ "if-range": '"v2"' }, 200, RANGE),
  range({ "if-range": `W/${ETAG}` }, 200, RANGE),
  range({ "if-range": "*" }, 200, RANGE),
  range({ "if-range": `"v0", ${ETAG}` }, 200, RANGE),
  range({ "if-range": "v1" }, 200, RANGE),
  range({ "if-range": DATE }, 206, RANGE),
  range({ "if-range": BEFORE }, 200, RANGE),
  range({ "if-range": AFTER }, 200, "RFC 9110, section 13.1.5: an exact match"),
  range({ "if-range": "Mon Feb  3 04:05:06 2020" }, 206, DATES),
  range({ "if-range": "soon" }, 200, RANGE),
  range({ "if-range": "2020" }, 200, RANGE),
  range({ "if-range": "" }, 200, RANGE),
  range({ "if-match": ETAG }, 206, ORDER),
  {
    send: "GET /",
    headers: { range: "bytes=1-2", "if-match": '"v2"' },
    expect: 412,
    source: ORDER,
  },
  {
    send: "GET /",
    headers: { range: "bytes=1-2", "if-none-match": ETAG },
    expect: 304,
    source: ORDER,
  },
  {
    send: "GET /",
    headers: { range: "bytes=9-", "if-none-match": ETAG },
    expect: 304,
    source: ORDER,
  },
  {
    send: "GET /",
    headers: { range: "bytes=9-", "if-range": '"v2"' },
    expect: 200,
    source: RANGE,
  },
  {
    send: "GET /",
    headers: { "if-range": '"v2"' },
    expect: 200,
    source: RANGE,
  },
  {
    send: "GET /",
    headers: { "if-none-match": ETAG },
    expect: {
      status: 304,
      headers: {
        etag: ETAG,
        "last-modified": DATE,
        "content-length": null,
        "content-type": null,
      },
      body: "",
    },
    source: "RFC 9110, section 15.4.5",
  },
  {
    send: "GET /",
    expect: { status: 200, headers: { etag: ETAG, "last-modified": DATE } },
    source: "RFC 9110, section 8.8",
  },
], () => new Site(new Versioned()));
