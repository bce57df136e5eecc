// A principal that is assigned during a request is no login: it is reported.

import { assertEquals, assertStrictEquals } from "@std/assert";
import type { RequestSession } from "../../sessions.ts";
import { type Stage, testVisits, uidIn } from "../helpers_visits.ts";

/** Logs in as programs must not: the token stays. */
function assign(request: RequestSession): void {
  request.getSession().principal = "alice";
}

function messages(it: Stage): string[] {
  return it.errors.all.map((error) => (error as Error).message);
}

testVisits("A principal that a request assigns is reported", (it) => {
  const cookie = it.enter();

  it.run(cookie, assign);

  assertEquals(messages(it), [
    `Cannot replace the token of session "${
      uidIn(cookie)
    }" at its login: the principal "alice" was assigned during a request; call request.logIn() there, or turn reportsAssignedPrincipals off`,
  ]);
  assertStrictEquals(it.errors.sessions[0], it.sessions.get(uidIn(cookie)));
});

for (
  const [what, act] of [
    ["of request.session", (request) => {
      request.session!.principal = "alice";
    }],
    ["after renewSession()", (request) => {
      request.renewSession().principal = "alice";
    }],
    ["that is weird", (request) => {
      request.getSession().principal = "\u202ealice\n";
    }],
    ["after another was taken away", (request) => {
      const session = request.getSession();
      session.principal = "bob";
      session.principal = undefined;
      session.principal = "alice";
    }],
  ] as [string, (request: RequestSession) => void][]
) {
  testVisits(`A principal ${what} that a request assigns is reported`, (it) => {
    it.run(it.enter(), act);
    assertEquals(it.errors.all.length, 1);
  });
}

testVisits(
  "A principal that the request of a new session assigns is reported",
  (it) => {
    it.run(undefined, assign);
    assertEquals(it.errors.all.length, 1);
  },
);

testVisits(
  "A principal that a slow request assigns after it waited is reported",
  async (it) => {
    await it.begin(it.enter(), assign).finish();
    assertEquals(it.errors.all.length, 1);
  },
);

testVisits(
  "A principal that is assigned while a slow request has the session is reported",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, () => {}, {
      before: (request) => request.getSession(),
    });
    it.sessions.get(uidIn(cookie))!.principal = "alice";
    await slow.finish();
    assertEquals(it.errors.all.length, 1);
  },
);

testVisits("Principals that requests assign are reported once", (it) => {
  it.run(undefined, assign);
  it.run(undefined, assign);
  assertEquals(it.errors.all.length, 1);
});

for (
  const [what, act] of [
    ["logs in", (request) => request.logIn("alice")],
    ["logs in after it got its session", (request) => {
      request.getSession();
      request.logIn("alice");
    }],
    ["logs in, and assigns the same", (request) => {
      request.logIn("alice").principal = "alice";
    }],
    ["takes the principal away", (request) => {
      request.getSession().principal = undefined;
    }],
    ["finds the principal", (request) => request.getSession()],
    ["logs out", (request) => request.logOut()],
    ["assigns to a session that it ends", (request) => {
      const session = request.getSession();
      session.principal = undefined;
      session.principal = "bob";
      request.logOut();
    }],
  ] as [string, (request: RequestSession) => void][]
) {
  for (const before of ["a stranger", "alice"]) {
    testVisits(`A request of ${before} that ${what} is not reported`, (it) => {
      const cookie = before === "alice"
        ? it.run(undefined, (request) => request.logIn("alice")).cookie
        : it.enter();
      it.run(cookie, act);
      assertEquals(it.errors.all, []);
    });
  }
}

testVisits(
  "A principal that is assigned between two requests is not reported",
  (it) => {
    const cookie = it.enter();
    it.sessions.get(uidIn(cookie))!.principal = "alice";
    it.visit(cookie);
    assertEquals(it.errors.all, []);
  },
);

testVisits(
  "A principal that is assigned while a slow request does not ask for the session is not reported",
  async (it) => {
    const cookie = it.enter();
    const slow = it.begin(cookie, () => {});
    it.sessions.get(uidIn(cookie))!.principal = "alice";
    await slow.finish();
    assertEquals(it.errors.all, []);
  },
);

testVisits("A login of another request is not reported", async (it) => {
  const cookie = it.enter();
  const slow = it.begin(cookie, (request) => request.principal, {
    before: (request) => request.getSession(),
  });
  it.run(cookie, (request) => request.logIn("alice"));
  assertEquals((await slow.finish()).value, undefined);
  assertEquals(it.errors.all, []);
});

testVisits(
  "SessionsOptions.reportsAssignedPrincipals false reports none",
  (it) => {
    it.run(it.enter(), assign);
    assertEquals(it.errors.all, []);
  },
  { reportsAssignedPrincipals: false },
);
