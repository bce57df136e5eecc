/**
 * Streams whose token is replaced: by a login they are cut at once, by a renewal
 * when the grace of their token is over.
 */
import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  type EventStream,
  Resource,
  type Session,
  Site,
  type SiteRequest,
  type StreamRequest,
} from "../../mod.ts";
import { type RequestSession, Sessions, type Visit } from "../../sessions.ts";
import {
  cookieOf,
  cookiesOf,
  ManualClock,
  Page,
  requestWith,
} from "../helpers_session.ts";

const DAY = 24 * 60 * 60;

type StreamingRequest = RequestSession & StreamRequest;
type Act = (request: StreamingRequest) => Response | Promise<Response>;

/** A client's session, and streams of events that its requests open. */
class Renewable implements Disposable {
  readonly clock = new ManualClock();
  readonly opened: EventStream[] = [];
  readonly gate = Promise.withResolvers<void>();
  readonly sessions: Sessions;
  /** The cookie that the session began with. */
  readonly cookie: string;
  readonly #fetch: (request: Request) => Response | Promise<Response>;
  readonly #dispose: () => void;
  #act: Act = () => new Response();

  constructor(door: "Site" | "Sessions", renewalGrace: number) {
    const options = {
      clock: this.clock,
      renewalGrace,
      sessionTimeout: Infinity,
    };
    if (door === "Site") {
      const page = new Page((request: SiteRequest) => this.#act(request));
      const site = new Site(new Resource().putChild("", page), options);
      this.sessions = site.sessions;
      this.#fetch = site.fetch;
      this.#dispose = () => site[Symbol.dispose]();
    } else {
      const sessions = new Sessions(options);
      this.sessions = sessions;
      this.#fetch = (request) =>
        sessions.serve(
          request,
          (visit: Visit) => this.#act(visit as StreamingRequest),
        );
      this.#dispose = () => sessions[Symbol.dispose]();
    }
    const response = this.run(undefined, (request) => request.getSession());
    this.cookie = cookieOf(response);
  }

  /** The one session. */
  get session(): Session {
    const sessions = [...this.sessions.values()];
    assert(sessions.length === 1);
    return sessions[0]!;
  }

  /** Whether each of the streams is open. */
  get areOpen(): boolean[] {
    return this.opened.map(({ isOpen }) => isOpen);
  }

  ask(cookie: string | undefined, act: Act): Response | Promise<Response> {
    this.#act = act;
    return this.#fetch(requestWith(cookie));
  }

  /** A request that is answered at once. */
  run(
    cookie: string | undefined,
    act: (request: StreamingRequest) => unknown,
  ): Response {
    return this.ask(cookie, (request) => {
      act(request);
      return new Response();
    }) as Response;
  }

  /** Opens a stream; answers what the client reads. */
  open(
    cookie: string,
    before: (request: StreamingRequest) => unknown = () => {},
  ): ReadableStream<Uint8Array> {
    const response = this.ask(cookie, (request) => {
      before(request);
      return this.streamTo(request);
    }) as Response;
    return response.body!;
  }

  streamTo(request: StreamingRequest): Response {
    const events = request.getSession().events(request);
    this.opened.push(events);
    return events.response;
  }

  renew(cookie: string): string {
    return cookieOf(this.run(cookie, (request) => request.renewSession()));
  }

  logIn(cookie: string, principal = "alice"): string {
    return cookieOf(this.run(cookie, (request) => request.logIn(principal)));
  }

  /** A request arrives with a token. */
  show(cookie: string): void {
    this.run(cookie, (request) => request.session);
  }

  [Symbol.dispose](): void {
    this.#dispose();
  }
}

function testStreams(
  name: string,
  act: (it: Renewable) => void | Promise<void>,
  renewalGrace = 10,
): void {
  for (const door of ["Site", "Sessions"] as const) {
    Deno.test(`${name}, by ${door}`, async () => {
      using it = new Renewable(door, renewalGrace);
      await act(it);
    });
  }
}

// Renewals.

testStreams(
  "EventStream closes when the grace of its token is over",
  async (it) => {
    const body = it.open(it.cookie);
    it.show(it.renew(it.cookie));
    it.clock.advance(9999);
    assertEquals(it.areOpen, [true]);
    it.clock.advance(1);
    assertEquals(it.areOpen, [false]);
    // Without an end event, for the browser is to come back.
    assertEquals(await new Response(body).text(), "");
    assert(it.session.isActive);
  },
);

testStreams(
  "EventStream stays open while no request has come with the new token",
  (it) => {
    it.open(it.cookie);
    const renewed = it.renew(it.cookie);
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true]);
    it.show(renewed);
    it.clock.advance(10_000);
    assertEquals(it.areOpen, [false]);
  },
);

testStreams(
  "EventStream stays open through Session.renew() until the new token has come",
  (it) => {
    it.open(it.cookie);
    it.session.renew();
    it.clock.advance(60_000);
    const renewed = cookieOf(
      it.run(it.cookie, (request) => request.getSession()),
    );
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true]);
    it.show(renewed);
    it.clock.advance(10_000);
    assertEquals(it.areOpen, [false]);
  },
);

testStreams(
  "EventStream closes with the grace of a previous token that has opened it",
  (it) => {
    it.show(it.renew(it.cookie));
    it.clock.advance(5000);
    it.open(it.cookie);
    it.clock.advance(4999);
    assertEquals(it.areOpen, [true]);
    it.clock.advance(1);
    assertEquals(it.areOpen, [false]);
  },
);

testStreams(
  "EventStream closes after the grace if its request waited through the renewal",
  async (it) => {
    const answer = it.ask(it.cookie, async (request) => {
      request.getSession();
      await it.gate.promise;
      return it.streamTo(request);
    });
    it.show(it.renew(it.cookie));
    it.gate.resolve();
    await answer;
    it.clock.advance(9999);
    assertEquals(it.areOpen, [true]);
    it.clock.advance(1);
    assertEquals(it.areOpen, [false]);
  },
);

testStreams(
  "EventStream closes in the next turn if its request waited beyond the grace",
  async (it) => {
    const answer = it.ask(it.cookie, async (request) => {
      request.getSession();
      await it.gate.promise;
      return it.streamTo(request);
    });
    it.show(it.renew(it.cookie));
    it.clock.advance(20_000);
    it.gate.resolve();
    await answer;
    it.clock.advance(0);
    assertEquals(it.areOpen, [false]);
  },
);

testStreams("EventStream stays open if the new token has opened it", (it) => {
  it.open(it.renew(it.cookie));
  it.clock.advance(60_000);
  assertEquals(it.areOpen, [true]);
});

testStreams(
  "EventStream stays open if its own response carries the new token",
  (it) => {
    const response = it.ask(it.cookie, (request) => {
      request.renewSession();
      return it.streamTo(request);
    }) as Response;
    it.show(cookieOf(response));
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true]);
  },
);

testStreams(
  "EventStream stays open if its request has made the session",
  (it) => {
    it.session.expire();
    it.open(it.cookie);
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true]);
  },
);

testStreams(
  "EventStream of each token closes with that token's grace",
  (it) => {
    it.open(it.cookie);
    const second = it.renew(it.cookie);
    it.open(second);
    it.clock.advance(6000);
    const third = it.renew(second);
    it.open(third);
    it.clock.advance(3999);
    assertEquals(it.areOpen, [true, true, true]);
    it.clock.advance(1);
    assertEquals(it.areOpen, [false, true, true]);
    it.clock.advance(5999);
    assertEquals(it.areOpen, [false, true, true]);
    it.clock.advance(1);
    assertEquals(it.areOpen, [false, false, true]);
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [false, false, true]);
  },
);

testStreams(
  "EventStream of tokens that were renewed at once stays with each of them",
  (it) => {
    const [one, two] = [it.renew(it.cookie), it.renew(it.cookie)];
    it.open(one);
    it.open(two);
    it.show(one);
    it.show(two);
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true, true]);
  },
);

testStreams(
  "EventStream closes in the next turn if there is no grace",
  (it) => {
    it.open(it.cookie);
    const renewed = it.renew(it.cookie);
    it.clock.advance(0);
    assertEquals(it.areOpen, [true]);
    it.show(renewed);
    it.clock.advance(0);
    assertEquals(it.areOpen, [false]);
  },
  0,
);

testStreams(
  "EventStream stays for a grace that is longer than a timer",
  (it) => {
    it.open(it.cookie);
    it.show(it.renew(it.cookie));
    for (let day = 1; day < 60; day++) it.clock.advance(DAY * 1000);
    it.clock.advance(DAY * 1000 - 1);
    assertEquals(it.areOpen, [true]);
    it.clock.advance(1);
    assertEquals(it.areOpen, [false]);
  },
  60 * DAY,
);

testStreams("EventStream stays for ever where the grace has no end", (it) => {
  it.open(it.cookie);
  it.show(it.renew(it.cookie));
  for (let day = 0; day < 100; day++) it.clock.advance(DAY * 1000);
  assertEquals(it.areOpen, [true]);
}, Infinity);

testStreams("EventStream that no request has opened by a token stays", (it) => {
  const { session } = it;
  it.opened.push(session.events({
    request: requestWith(),
    rootURL: new URL("http://localhost/"),
    getHeader: () => undefined,
    site: it.sessions,
  }));
  it.show(it.renew(it.cookie));
  it.clock.advance(60_000);
  it.logIn(it.cookie);
  it.clock.advance(60_000);
  assertEquals(it.areOpen, [true]);
});

// Logins.

testStreams(
  "EventStream closes at the login, if a token before it has opened it",
  async (it) => {
    const body = it.open(it.cookie);
    it.logIn(it.cookie);
    // A thief may have opened it.
    assertEquals(it.areOpen, [false]);
    assertEquals(await new Response(body).text(), "");
    assert(it.session.isActive);
  },
);

testStreams("EventStream closes at the second login of its principal", (it) => {
  const second = it.logIn(it.cookie);
  it.open(second);
  it.logIn(second);
  assertEquals(it.areOpen, [false]);
});

testStreams(
  "EventStream of all tokens before the login closes at once",
  (it) => {
    it.open(it.cookie);
    const second = it.renew(it.cookie);
    it.open(second);
    const third = it.renew(second);
    it.open(third);
    const fourth = it.renew(third);
    assertEquals(it.areOpen, [true, true, true]);
    it.logIn(third);
    assertEquals(it.areOpen, [false, false, false]);
    assertEquals(it.opened.length, 3);
    it.open(fourth);
    // That token is superseded: its stream is that of a transient session.
    assertEquals(it.session.principal, "alice");
  },
);

testStreams(
  "EventStream that the login's own request opens after it stays",
  (it) => {
    it.open(it.cookie, (request) => request.logIn("alice"));
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true]);
  },
);

testStreams("EventStream that the token of the login opens stays", (it) => {
  it.open(it.logIn(it.cookie));
  it.clock.advance(60_000);
  assertEquals(it.areOpen, [true]);
});

testStreams("EventStream stays when a repeated login joins", (it) => {
  it.open(it.logIn(it.cookie));
  it.logIn(it.cookie);
  it.clock.advance(60_000);
  assertEquals(it.areOpen, [true]);
});

testStreams(
  "EventStream of a request that waits through the login is not one of the session",
  async (it) => {
    const seen: unknown[] = [];
    const answer = it.ask(it.cookie, async (request) => {
      request.getSession();
      await it.gate.promise;
      seen.push(request.session);
      return it.streamTo(request);
    });
    const { session } = it;
    it.logIn(it.cookie);
    it.gate.resolve();
    const response = await answer;
    assertEquals(seen, [undefined]);
    assertEquals(cookiesOf(response), []);
    // Its session has ended with the request.
    assertEquals(it.areOpen, [false]);
    assert(session.isActive);
    assertEquals(it.sessions.size, 1);
  },
);

testStreams(
  "EventStream ends with a session that another principal's login ends",
  async (it) => {
    const second = it.logIn(it.cookie);
    const body = it.open(second);
    it.logIn(second, "bob");
    assertEquals(it.areOpen, [false]);
    assertEquals(
      await new Response(body).text(),
      'event: end\ndata: {"reason":"logout"}\n\n',
    );
  },
);

testStreams(
  "EventStream stays where a login by a previous token begins another session",
  (it) => {
    const renewed = it.renew(it.cookie);
    it.open(renewed);
    it.logIn(it.cookie);
    it.clock.advance(60_000);
    assertEquals(it.areOpen, [true]);
    assertEquals(it.sessions.size, 2);
  },
);

// Timers.

testStreams("Session.expire() leaves no timer of a renewal behind", (it) => {
  it.open(it.cookie);
  it.show(it.renew(it.cookie));
  it.session.expire();
  assertEquals(it.clock.pending, 0);
});

testStreams("A login leaves no timer of a renewal behind", (it) => {
  it.open(it.cookie);
  const renewed = it.renew(it.cookie);
  it.show(renewed);
  it.logIn(renewed);
  assertEquals(it.clock.pending, 0);
});

testStreams(
  "EventStream leaves no timer of a renewal behind when its client has gone",
  async (it) => {
    const body = it.open(it.cookie);
    it.show(it.renew(it.cookie));
    await body.cancel();
    assertFalse(it.opened[0]!.isOpen);
    assertEquals(it.clock.pending, 0);
  },
);

testStreams("A renewal sets no timer without a stream", (it) => {
  it.show(it.renew(it.cookie));
  assertEquals(it.clock.pending, 0);
});
