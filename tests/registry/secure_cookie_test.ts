import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Site } from "../../mod.ts";
import { Leaf } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";
import { Visitor } from "../helpers_sockets.ts";
import { cookiesOf } from "../helpers_session.ts";
import { CROSS_SITE, Stage, testVisits } from "../helpers_visits.ts";

const SECURE = { cookie: { secure: true } };

testVisits(
  "SessionCookieOptions.secure has the cookie written as over https",
  (it) => {
    const { response } = it.run(undefined, (visit) => visit.getSession());
    const [cookie = ""] = response.headers.getSetCookie();
    assert(cookie.startsWith("__Host-session="), cookie);
    assertStringIncludes(cookie, "; Secure");
    assertStringIncludes(cookie, "; HttpOnly");
    assertStringIncludes(cookie, "; Path=/");
  },
  SECURE,
);

testVisits(
  "SessionCookieOptions.secure has the visitor found, over http and https",
  (it) => {
    const cookie = it.enter();
    const { uid } = it.run(cookie, (visit) => visit.getSession()).value!;
    const secure = { url: "https://localhost/" };
    assertEquals(
      it.run(cookie, (visit) => visit.session?.uid, secure).value,
      uid,
    );
    const entered = it.enter(secure);
    assert(it.peek(entered) !== undefined);
    assertEquals(it.suspicions, []);
  },
  { ...SECURE, endsInsecureSessions: true },
);

testVisits("SessionCookieOptions.secure makes secure sessions", (it) => {
  assert(it.run(undefined, (visit) => visit.getSession().isSecure).value);
}, SECURE);

testVisits("SessionCookieOptions.secure reads no plain cookie", (it) => {
  const cookie = it.enter().replace("__Host-", "");
  assertEquals(it.peek(cookie), undefined);
}, SECURE);

testVisits(
  "SessionCookieOptions.secure clears the cookie as it was set",
  (it) => {
    const cookie = it.enter();
    const { response } = it.run(cookie, (visit) => visit.logOut());
    const [cleared = ""] = response.headers.getSetCookie();
    assert(cleared.startsWith("__Host-session=;"), cleared);
    assertStringIncludes(cleared, "; Secure");
  },
  SECURE,
);

testVisits(
  "SessionCookieOptions.secure has the prefix __Secure- with a domain",
  (it) => {
    const { response } = it.run(undefined, (visit) => visit.getSession());
    const [cookie = ""] = response.headers.getSetCookie();
    assert(cookie.startsWith("__Secure-session="), cookie);
  },
  { cookie: { secure: true, domain: "shop.test" } },
);

testVisits(
  "SessionCookieOptions.secure has SameSite=None and Partitioned written over http",
  (it) => {
    const { response } = it.run(undefined, (visit) => visit.getSession());
    const [cookie = ""] = response.headers.getSetCookie();
    assertStringIncludes(cookie, "SameSite=None");
    assertStringIncludes(cookie, "Partitioned");
  },
  { cookie: { secure: true, sameSite: "None", partitioned: true } },
);

testVisits(
  'SessionCookieOptions.sameSite "None" over http keeps to the rules of "Lax", as its cookie does',
  (it) => {
    const { response } = it.run(undefined, (visit) => visit.getSession(), {
      headers: CROSS_SITE,
    });
    assertEquals(cookiesOf(response), []);
    const secure = { headers: CROSS_SITE, url: "https://localhost/" };
    assert(it.enter(secure).startsWith("__Host-session="));
  },
  { cookie: { sameSite: "None" } },
);

testVisits("SessionCookieOptions.secure false goes by the request", (it) => {
  assert(it.enter().startsWith("session="));
  assert(it.enter({ url: "https://localhost/" }).startsWith("__Host-session="));
}, { cookie: { secure: false } });

const HOST = { host: "shop.test" };

for (
  const headers of [
    { "x-forwarded-proto": "https" },
    { "x-forwarded-proto": "HTTPS" },
    { "x-forwarded-proto": "wss" },
    { "x-forwarded-proto": "https, http" },
    { forwarded: "for=192.0.2.1;proto=https" },
    { forwarded: 'for=192.0.2.1; proto="https"; by=10.0.0.1' },
    { origin: "https://shop.test", ...HOST },
  ]
) {
  const shown = JSON.stringify(headers);
  testVisits(
    `A request that says https by ${shown} is reported, once`,
    (it) => {
      it.enter({ headers });
      it.enter({ headers });
      assertEquals(it.errors.all.length, 1);
      const [name] = Object.keys(headers);
      assertEquals(
        (it.errors.all[0] as Error).message,
        `Cannot mark the session cookie Secure: a request that came over http says https by its header "${name}"; set trustProxy if the proxy in front sets that header, or else cookie.secure`,
      );
    },
  );
}

for (
  const headers of [
    { "x-forwarded-proto": "http" },
    { "x-forwarded-proto": "" },
    { "x-forwarded-proto": "httpsx" },
    { forwarded: "for=192.0.2.1;proto=http" },
    { forwarded: "for=192.0.2.1;host=https.test" },
    { origin: "https://elsewhere.test", ...HOST },
    { origin: "http://shop.test", ...HOST },
    { origin: "null", ...HOST },
  ]
) {
  testVisits(
    `A request that says no https, by ${
      JSON.stringify(headers)
    }, is not reported`,
    (it) => {
      it.enter({ headers });
      assertEquals(it.errors.all, []);
    },
  );
}

const CLAIM = { headers: { "x-forwarded-proto": "https" } };

testVisits(
  "A request that says https and gets no cookie is not reported",
  (it) => {
    const cookie = it.enter();
    it.run(cookie, (visit) => visit.getSession(), CLAIM);
    it.run(undefined, (visit) => visit.session, CLAIM);
    assertEquals(it.errors.all, []);
  },
);

testVisits("A request that says https at its login is reported", (it) => {
  it.run(it.enter(), (visit) => visit.logIn("alice"), CLAIM);
  assertEquals(it.errors.all.length, 1);
});

for (
  const options of [
    { trustProxy: true },
    SECURE,
    { trustProxy: "forwarded" as const, cookie: { secure: true } },
  ]
) {
  testVisits(
    `A request that says https is not reported with ${JSON.stringify(options)}`,
    (it) => {
      it.enter(CLAIM);
      assertEquals(it.errors.all, []);
    },
    options,
  );
}

testVisits(
  "A request that says https by Origin, behind a trusted proxy that does not, is reported",
  (it) => {
    it.enter({ headers: { origin: "https://shop.test", ...HOST } });
    assertEquals(it.errors.all.length, 1);
  },
  { trustProxy: true },
);

Deno.test("A request over https that says https is not reported", () => {
  using it = new Stage("Site");
  it.enter({ ...CLAIM, url: "https://localhost/" });
  assertEquals(it.errors.all, []);
});

testWith(
  ["net"],
  "A request that makes a session and opens a socket may say https",
  async () => {
    const errors: unknown[] = [];
    await using site = new Site(
      new Leaf((request) => {
        const { socket, response } = request.getSession().socket(request);
        socket.onmessage = ({ data }) => socket.send(data);
        return response;
      }),
      { onError: (error) => void errors.push(error) },
    );
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      site.fetch,
    );
    const visitor = new Visitor(`ws://127.0.0.1:${server.addr.port}/`, {
      origin: `https://127.0.0.1:${server.addr.port}`,
    });
    await visitor.opened;
    const [session] = site.sessions.values();
    session!.expire();
    await visitor.closed;
    assertEquals(errors, []);
  },
);
