import { assert, assertEquals, assertThrows } from "@std/assert";
import { policies, Session, type SiteOptions } from "../mod.ts";
import {
  cookieOf,
  lasting,
  ManualClock,
  onlySession,
  siteOf,
  visit,
} from "./helpers_session.ts";

const MINUTE = 60;
const HOUR = 60 * MINUTE;

for (
  const [name, idle, absolute] of [
    ["owaspHighValue", 5 * MINUTE, 4 * HOUR],
    ["owaspLowRisk", 30 * MINUTE, 8 * HOUR],
    ["nistAal2", 30 * MINUTE, 12 * HOUR],
    ["nist4Aal2", HOUR, 24 * HOUR],
    ["nist4Aal3", 15 * MINUTE, 12 * HOUR],
    ["asvs5Level2", HOUR, 24 * HOUR],
    ["asvs5Level3", 15 * MINUTE, 12 * HOUR],
  ] as const
) {
  Deno.test(`policies.${name} has sessions end after ${idle} s idle, and ${absolute} s in all`, () => {
    using site = siteOf({ ...policies[name] });

    const session = site.makeSession();

    assertEquals(
      [session.sessionTimeout, session.absoluteTimeout],
      [idle, absolute],
    );
  });

  Deno.test(`policies.${name} ends a session that is visited all the time`, () => {
    const clock = new ManualClock();
    using site = siteOf({ clock, ...policies[name] });
    const session = site.makeSession();

    for (let minute = 1; minute < absolute / MINUTE; minute++) {
      clock.advance(60_000);
      session.touch();
    }
    assert(session.isActive);
    clock.advance(60_000);

    assertEquals(session.end?.reason, "absolute");
  });

  Deno.test(`policies.${name} ends a session that nobody visits`, () => {
    const clock = new ManualClock();
    using site = siteOf({ clock, ...policies[name] });
    const session = site.makeSession();

    clock.advance(idle * 1000 - 1);
    assert(session.isActive);
    clock.advance(1);

    assertEquals(session.end?.reason, "idle");
  });

  Deno.test(`policies.${name} is plain data`, () => {
    assertEquals(JSON.parse(JSON.stringify(policies[name])), policies[name]);
  });

  Deno.test(`policies.${name} gives way to what is spread after it`, () => {
    using site = siteOf({ ...policies[name], sessionTimeout: 7 });
    assertEquals(site.makeSession().sessionTimeout, 7);
  });
}

Deno.test("policies.owaspHighValue sends the cookie to no request from another site", () => {
  using site = siteOf({ ...policies.owaspHighValue });
  const [cookie] = visit(site).headers.getSetCookie();
  assert(cookie!.includes("; SameSite=Strict"));
});

Deno.test("policies.owaspHighValue has the browser forget at the logout", () => {
  using site = siteOf({ ...policies.owaspHighValue }, (request) => {
    if (request.session === undefined) request.getSession();
    else request.logOut();
    return "";
  });
  const cookie = cookieOf(visit(site));
  assertEquals(
    visit(site, cookie).headers.get("clear-site-data"),
    '"cache", "cookies", "storage"',
  );
});

// The timeouts of a site.

for (const name of ["sessionTimeout", "absoluteTimeout"] as const) {
  Deno.test(`SiteOptions.${name} is that of sessions whose class has none`, () => {
    class Plain extends Session {}
    for (const sessionFactory of [Session, Plain]) {
      using site = siteOf({ sessionFactory, [name]: 42 });
      assertEquals(site.makeSession()[name], 42);
    }
  });

  Deno.test(`SiteOptions.${name} gives way to that of the class`, () => {
    using site = siteOf({
      sessionFactory: lasting({ [name]: 7 }),
      [name]: 42,
    });
    assertEquals(site.makeSession()[name], 7);
  });

  Deno.test(`SiteOptions.${name} gives way to that of a class that has it from another`, () => {
    class Own extends lasting({ [name]: 7 }) {}
    using site = siteOf({ sessionFactory: Own, [name]: 42 });
    assertEquals(site.makeSession()[name], 7);
  });

  Deno.test(`SiteOptions.${name} gives way to that of a class that is the default's`, () => {
    const { prototype } = Session;
    class Own extends Session {}
    Object.assign(Own.prototype, { [name]: prototype[name] });
    using site = siteOf({ sessionFactory: Own, [name]: 42 });
    assertEquals(site.makeSession()[name], prototype[name]);
  });

  Deno.test(`SiteOptions.${name} gives way to an object's own that is the default's`, () => {
    // Both are fields of the class.
    using site = siteOf({ sessionFactory: lasting({}), [name]: 42 });
    assertEquals(site.makeSession()[name], Session.prototype[name]);
  });

  Deno.test(`SiteOptions.${name} changes no other site's sessions`, () => {
    using _changed = siteOf({ [name]: 42 });
    using site = siteOf();
    assertEquals(site.makeSession()[name], Session.prototype[name]);
  });

  Deno.test(`SiteOptions.${name} is that of the session of a HEAD too`, () => {
    const seen: number[] = [];
    using site = siteOf({ [name]: 42 }, (request) => {
      seen.push(request.getSession()[name]);
      return "";
    });
    site.fetch(new Request("http://localhost/", { method: "HEAD" }));
    assertEquals(seen, [42]);
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
    Deno.test(`Site cannot be made with ${name} ${typeof value} ${value}`, () => {
      assertThrows(
        () => siteOf({ [name]: value } as unknown as SiteOptions),
        error,
        name,
      );
    });
  }
}

Deno.test("SiteOptions.sessionTimeout slides with the visits", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, sessionTimeout: 5 });
  const cookie = cookieOf(visit(site));

  for (let i = 0; i < 3; i++) {
    clock.advance(4000);
    visit(site, cookie);
  }
  const session = onlySession(site);
  assert(session.isActive);
  clock.advance(5000);

  assertEquals(session.end?.reason, "idle");
});

Deno.test("policies.nist4Aal1 ends a session after 30 days, however it is visited", () => {
  const clock = new ManualClock();
  using site = siteOf({ clock, ...policies.nist4Aal1 });
  const session = site.makeSession();
  for (let day = 1; day < 30; day++) {
    clock.advance(24 * HOUR * 1000);
    session.touch();
  }
  assert(session.isActive);
  clock.advance(24 * HOUR * 1000);
  assertEquals(session.end?.reason, "absolute");
});

for (
  const name of [
    "nist4Aal1",
    "nist4Aal2",
    "nist4Aal3",
    "asvs5Level1",
    "asvs5Level2",
    "asvs5Level3",
  ] as const
) {
  Deno.test(`policies.${name} has the cookie secure, also behind a proxy that is not trusted`, () => {
    using site = siteOf({ clock: new ManualClock(), ...policies[name] });
    const response = visit(site);
    assert(cookieOf(response).startsWith("__Host-session="));
    assert(response.headers.get("set-cookie")!.includes("; Secure"));
  });
}

for (const name of ["asvs5Level1", "asvs5Level2", "asvs5Level3"] as const) {
  Deno.test(`policies.${name} has the browser clear what it stores at a logout`, () => {
    using site = siteOf(
      { clock: new ManualClock(), ...policies[name] },
      (request) => {
        request.getSession();
        request.logOut();
        return "";
      },
    );
    const cookie = `__Host-session=${"0".repeat(64)}`;
    const { headers } = visit(site, cookie);
    assertEquals(headers.get("clear-site-data"), '"cache", "storage"');
  });
}
