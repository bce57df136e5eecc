import { Guard, Resource, Site, type SiteRequest } from "../../mod.ts";
import { type Row, testRows } from "./helpers_rows.ts";

const RFC = "RFC 7617, section 2";
const SCHEME = "RFC 9110, section 11.1";
const TWISTED = "Twisted's tests of httpauth";
const NGINX = "nginx's auth_basic";
const GO = "Go's tests of BasicAuth";

/** The users and their passwords. */
const USERS: Readonly<Record<string, string>> = {
  Aladdin: "open sesame",
  "test": "123£",
  colon: "a:b:c",
  empty: "",
  "": "nobody",
  "Ünï": "пароль",
};

class Cave extends Resource {
  override isLeaf = true;
  override render_GET(request: SiteRequest): string {
    return request.user ?? "none";
  }
  override render_POST(request: SiteRequest): string {
    return request.user ?? "none";
  }
}

function makeSite(): Site {
  const check = (user: string, password: string) =>
    Object.hasOwn(USERS, user) && USERS[user] === password;
  const root = new Resource().putChild("cave", new Cave());
  return new Site(new Guard(root, check, { realm: 'The "Cave"' }));
}

/** Encodes credentials as UTF-8 in base64. */
function encode(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

function admitted(authorization: string, user: string, source: string): Row {
  return {
    send: "GET /cave",
    headers: { authorization },
    expect: { status: 200, body: user },
    source,
  };
}

function refused(authorization: string, source: string, differs?: string): Row {
  return {
    send: "GET /cave",
    headers: { authorization },
    expect: 401,
    source,
    ...differs !== undefined && { differs },
  };
}

const CHALLENGE = 'Basic realm="The \\"Cave\\"", charset="UTF-8"';
const RIGHT = `Basic ${encode("Aladdin:open sesame")}`;

testRows("Basic authentication", [
  admitted("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin", RFC),
  admitted("Basic dGVzdDoxMjPCow==", "test", "RFC 7617, section 2.1"),
  admitted(`basic ${encode("Aladdin:open sesame")}`, "Aladdin", SCHEME),
  admitted(`BASIC ${encode("Aladdin:open sesame")}`, "Aladdin", SCHEME),
  admitted(`bAsIc ${encode("Aladdin:open sesame")}`, "Aladdin", GO),
  admitted(
    `Basic   ${encode("Aladdin:open sesame")}`,
    "Aladdin",
    "RFC 9110, section 11.4",
  ),
  admitted(`  ${RIGHT}  `, "Aladdin", "RFC 9110, section 5.5"),
  admitted(`Basic ${encode("colon:a:b:c")}`, "colon", RFC),
  admitted(`Basic ${encode("empty:")}`, "empty", GO),
  admitted(`Basic ${encode(":nobody")}`, "", GO),
  admitted(`Basic ${encode("Ünï:пароль")}`, "Ünï", "RFC 7617, section 2.1"),
  admitted("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ", "Aladdin", TWISTED),
  refused(`Basic ${encode("Aladdin:wrong")}`, RFC),
  refused(`Basic ${encode("Aladdin:")}`, RFC),
  refused(`Basic ${encode("Aladdin:open sesame ")}`, RFC),
  refused(`Basic ${encode("aladdin:open sesame")}`, RFC),
  refused(`Basic ${encode("Aladdin")}`, RFC),
  refused(`Basic ${encode("")}`, RFC),
  refused(`Basic ${encode(":")}`, GO),
  refused(`Basic ${encode("constructor:x")}`, NGINX),
  refused(
    `Basic ${encode("Aladdin:open\0sesame")}`,
    "RFC 7617, section 2: no control characters",
  ),
  refused(
    `Basic ${encode("Aladdin:open sesame\n")}`,
    "RFC 7617, section 2: no control characters",
  ),
  refused("Basic dGVzdDoxMjOj", "RFC 7617, section 2.1: UTF-8 was asked for"),
  refused("Basic ====", TWISTED),
  refused("Basic !!!!", TWISTED),
  refused("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ= =", TWISTED),
  refused("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, x", RFC),
  refused("Basic", RFC),
  refused("Basic ", GO),
  refused(`Basic${encode("Aladdin:open sesame")}`, GO),
  refused(
    `Basic\t${encode("Aladdin:open sesame")}`,
    "RFC 9110, section 11.4: spaces only",
  ),
  refused("Aladdin:open sesame", GO),
  refused(`Bearer ${encode("Aladdin:open sesame")}`, SCHEME),
  refused(
    `Digest username="Aladdin"`,
    TWISTED,
    "Twisted has Digest too; browsers and RFC 9110 leave it behind",
  ),
  refused("", NGINX),
  {
    send: "GET /cave",
    expect: { status: 401, headers: { "www-authenticate": CHALLENGE } },
    source: RFC,
  },
  { send: "GET /", expect: 401, source: TWISTED },
  { send: "GET /absent", expect: 401, source: TWISTED },
  { send: "GET /cave/a/b/c", expect: 401, source: TWISTED },
  {
    send: "HEAD /cave",
    expect: {
      status: 401,
      headers: { "www-authenticate": CHALLENGE },
      body: "",
    },
    source: TWISTED,
  },
  { send: "POST /cave", expect: 401, source: TWISTED },
  { send: "DELETE /cave", expect: 401, source: NGINX },
  { send: "OPTIONS /cave", expect: 401, source: NGINX },
  {
    send: "GET /cave",
    expect: {
      status: 401,
      headers: { "cache-control": "no-store", "set-cookie": null },
    },
    source: "RFC 9111, section 3.5",
    differs: "no peer sets no-store; a shared cache may keep a 401 otherwise",
  },
  {
    send: "GET /absent",
    headers: { authorization: RIGHT },
    expect: 404,
    source: NGINX,
  },
  {
    send: "HEAD /cave",
    headers: { authorization: RIGHT },
    expect: { status: 200, body: "" },
    source: NGINX,
  },
  {
    send: "POST /cave",
    headers: { authorization: RIGHT },
    expect: 200,
    source: NGINX,
  },
  {
    send: "POST /cave",
    headers: { authorization: RIGHT, "sec-fetch-site": "same-origin" },
    expect: 200,
    source: "Fetch Metadata",
  },
  {
    send: "POST /cave",
    headers: { authorization: RIGHT, "sec-fetch-site": "cross-site" },
    expect: 403,
    source: NGINX,
    differs: "browsers send the password along with a form of another site",
  },
], makeSite);
