import { Resource, Site, type SiteRequest } from "../../mod.ts";
import { type Row, testRows } from "./helpers_rows.ts";

const RFC = "RFC 6265bis, section 5.7";
const READ = "RFC 6265bis, section 5.8.3";
const WRITE = "RFC 6265bis, section 4.1.1";
const TWISTED = "Twisted's tests of cookies";
const GO = "Go's tests of cookies";
const EXPRESS = "the tests of jshttp/cookie";

/** Says the cookie `a`, or sets the cookie that the query describes. */
class Cookies extends Resource {
  override isLeaf = true;
  override render_GET(request: SiteRequest): string {
    const described = request.query.get("set");
    if (described === null) return String(request.getCookie("a"));
    const { expires, ...cookie } = JSON.parse(described);
    request.addCookie(
      expires === undefined
        ? cookie
        : { ...cookie, expires: new Date(expires) },
    );
    return "";
  }
}

function reads(
  cookie: string,
  value: string | undefined,
  source: string,
  differs?: string,
): Row {
  return {
    send: "GET /",
    headers: { cookie },
    expect: { status: 200, body: String(value) },
    source,
    ...differs !== undefined && { differs },
  };
}

function sets(
  cookie: object,
  header: string,
  source: string,
  differs?: string,
): Row {
  return {
    send: `GET /?set=${encodeURIComponent(JSON.stringify(cookie))}`,
    expect: { status: 200, headers: { "set-cookie": header } },
    source,
    ...differs !== undefined && { differs },
  };
}

function refuses(cookie: object, source: string): Row {
  return {
    send: `GET /?set=${encodeURIComponent(JSON.stringify(cookie))}`,
    expect: { status: 500, headers: { "set-cookie": null } },
    source,
  };
}

const LAST =
  "peers take the first; browsers send the most specific first, and a planted one comes first too";

testRows("Cookies", [
  reads("a=1", "1", TWISTED),
  reads("a=1; b=2", "1", TWISTED),
  reads("b=2; a=1", "1", TWISTED),
  reads("b=2;a=1", "1", EXPRESS),
  reads("b=2;   a=1", "1", EXPRESS),
  reads("b=2;\ta=1", "1", READ),
  reads("a = 1", "1", RFC),
  reads("a=", "", TWISTED),
  reads("a", "", TWISTED, "Twisted ignores a cookie without a value"),
  reads("b=2", undefined, TWISTED),
  reads("", undefined, TWISTED),
  reads(";", undefined, EXPRESS),
  reads(";;; a=1 ;;;", "1", TWISTED),
  reads("=1; a=2", "2", TWISTED),
  reads("A=1", undefined, "RFC 6265bis, section 5.4: names have case"),
  reads("aa=1", undefined, GO),
  reads("xa=1", undefined, GO),
  reads("a=b=c", "b=c", TWISTED),
  reads("a=1=", "1=", EXPRESS),
  reads("a=%20", "%20", TWISTED),
  reads(
    'a="1"',
    '"1"',
    READ,
    "Go and jshttp strip the quotes; they are part of the value",
  ),
  reads("a=1; a=2", "2", EXPRESS, LAST),
  reads("a=1,2", "1,2", "RFC 6265bis, section 4.2.1"),
  reads("a=1,b=2", "1,b=2", GO),
  reads("a=\xe9", "é", READ),
  reads(
    "\xa0a=1",
    undefined,
    "RFC 6265bis, section 5.7: white space is SP and HTAB",
  ),
  reads("b; a=1", "1", TWISTED),
  reads("__proto__=x; a=1", "1", EXPRESS),
  reads("a=constructor", "constructor", EXPRESS),
  sets({ name: "a", value: "1" }, "a=1", TWISTED),
  sets({ name: "a", value: "" }, "a=", TWISTED),
  sets({ name: "a", value: "1", path: "/x" }, "a=1; Path=/x", TWISTED),
  sets(
    { name: "a", value: "1", domain: "x.example" },
    "a=1; Domain=x.example",
    TWISTED,
  ),
  sets({ name: "a", value: "1", maxAge: 5 }, "a=1; Max-Age=5", TWISTED),
  sets({ name: "a", value: "1", maxAge: 0 }, "a=1; Max-Age=0", GO),
  sets({ name: "a", value: "1", secure: true }, "a=1; Secure", TWISTED),
  sets({ name: "a", value: "1", httpOnly: true }, "a=1; HttpOnly", TWISTED),
  sets(
    { name: "a", value: "1", sameSite: "Strict" },
    "a=1; SameSite=Strict",
    TWISTED,
  ),
  sets(
    { name: "a", value: "1", sameSite: "Lax" },
    "a=1; SameSite=Lax",
    TWISTED,
  ),
  sets(
    { name: "a", value: "1", sameSite: "None", secure: true },
    "a=1; Secure; SameSite=None",
    GO,
  ),
  sets(
    { name: "a", value: "1", expires: 0 },
    "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    TWISTED,
  ),
  sets(
    { name: "a", value: "1", partitioned: true, secure: true },
    "a=1; Secure; Partitioned",
    GO,
  ),
  sets(
    { name: "__Host-a", value: "1" },
    "__Host-a=1; Secure; Path=/",
    "RFC 6265bis, section 4.1.3",
    "peers send the name without what it demands, and browsers drop it",
  ),
  sets(
    { name: "__Secure-a", value: "1" },
    "__Secure-a=1; Secure",
    "RFC 6265bis, section 4.1.3",
    "peers send the name without what it demands, and browsers drop it",
  ),
  refuses({ name: "", value: "1" }, WRITE),
  refuses({ name: "a b", value: "1" }, WRITE),
  refuses({ name: "a=b", value: "1" }, WRITE),
  refuses({ name: "a;b", value: "1" }, WRITE),
  refuses({ name: "a\r\nx: y", value: "1" }, TWISTED),
  refuses({ name: "a", value: "1;2" }, WRITE),
  refuses({ name: "a", value: "1\r\nx: y" }, TWISTED),
  refuses({ name: "a", value: "1 2" }, WRITE),
  refuses({ name: "a", value: "1,2" }, WRITE),
  refuses({ name: "a", value: "é" }, WRITE),
  refuses({ name: "a", value: "1", path: "/;x" }, WRITE),
  refuses({ name: "a", value: "1", path: "/\r\nx: y" }, TWISTED),
  refuses({ name: "a", value: "1", domain: "x;y" }, WRITE),
  refuses({ name: "a", value: "1", domain: "x y" }, WRITE),
  refuses({ name: "a", value: "1", maxAge: -1 }, GO),
], () => new Site(new Cookies(), { onError() {} }));
