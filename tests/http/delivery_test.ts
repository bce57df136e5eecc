import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { SiteRequest } from "../../mod.ts";
import { type Render, WatchedSite } from "../helpers_http.ts";

/** How the delivery of a response went, as far as one can tell by now. */
interface Watched {
  request: SiteRequest;
  signal: AbortSignal;
  outcome: string;
  reason: unknown;
}

/** A site that watches a delivery by both `signal` and `finished`. */
function watchingSite(render: Render): [WatchedSite, Watched] {
  const watched = { outcome: "pending" } as Watched;
  const site = new WatchedSite((request) => {
    watched.request = request;
    watched.signal = request.signal;
    request.finished.then(
      () => {
        watched.outcome = "finished";
      },
      (reason) => {
        watched.outcome = "left";
        watched.reason = reason;
      },
    );
    return render(request);
  });
  return [site, watched];
}

/** Lets all the promises that can settle do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

/** A stream of chunks that never ends by itself. */
function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(new Uint8Array(1));
    },
  }, { highWaterMark: 0 });
}

// Handed over whole.

for (
  const [what, render] of [
    ["text", () => "text"],
    ["no text", () => ""],
    ["bytes", () => new Uint8Array(1)],
    ["a promise of text", () => Promise.resolve("text")],
    ["a Response without a body", () => new Response(null)],
    ["an error page", () => {
      throw new Error("thrown");
    }],
    ["a 204", (request) => {
      request.setResponseCode(204);
      return "";
    }],
    ["a 304 in place of a stream", (request) => {
      request.setResponseCode(304);
      return endless();
    }],
    ["a 101", () => new Response(null, { status: 101 })],
  ] as [string, Render][]
) {
  Deno.test(`SiteRequest.finished resolves when ${what} is handed over`, async () => {
    const [site, watched] = watchingSite(render);
    await using _ = site;

    await site.visit();
    await settle();

    assertEquals(watched.outcome, "finished");
    assertFalse(watched.signal.aborted);
  });
}

for (
  const [what, render] of [
    ["text", () => "text"],
    ["a stream", endless],
    ["a Response", () => new Response("own")],
  ] as [string, Render][]
) {
  Deno.test(`SiteRequest.finished resolves when the head of ${what} is handed over`, async () => {
    const [site, watched] = watchingSite(render);
    await using _ = site;

    await site.visit("/", { method: "HEAD" });
    await settle();

    assertEquals(watched.outcome, "finished");
  });
}

Deno.test("SiteRequest.finished leaves what is rendered as it is", async () => {
  const [site] = watchingSite(() => "text");
  await using _ = site;

  const response = await site.visit();

  assertEquals(await response.text(), "text");
  assertEquals(
    response.headers.get("content-type"),
    "text/html; charset=utf-8",
  );
});

Deno.test("SiteRequest.finished is one promise", async () => {
  const promises: unknown[] = [];
  await using site = new WatchedSite((request) => {
    promises.push(request.finished, request.finished);
    return "";
  });

  await site.visit();

  assertStrictEquals(promises[0], promises[1]);
});

Deno.test("SiteRequest.signal is one signal", async () => {
  const signals: unknown[] = [];
  await using site = new WatchedSite((request) => {
    signals.push(request.signal, request.signal);
    return "";
  });

  await site.visit();

  assertInstanceOf(signals[0], AbortSignal);
  assertStrictEquals(signals[0], signals[1]);
});

// Streams.

for (
  const [what, wrap] of [
    ["a stream", (stream) => stream],
    ["a Response with a stream", (stream) => new Response(stream)],
  ] as [string, (stream: ReadableStream<Uint8Array>) => BodyInit | Response][]
) {
  Deno.test(`SiteRequest.finished waits for the end of ${what}`, async () => {
    const [site, watched] = watchingSite(() => wrap(endless()));
    await using _ = site;

    const response = await site.visit();
    const reader = response.body!.getReader();
    await reader.read();
    await settle();

    assertEquals(watched.outcome, "pending");
    await reader.cancel();
  });

  Deno.test(`SiteRequest.finished resolves when ${what} has been read`, async () => {
    const [site, watched] = watchingSite(() =>
      wrap(new Blob(["streamed"]).stream())
    );
    await using _ = site;

    const text = await (await site.visit()).text();
    await settle();

    assertEquals(text, "streamed");
    assertEquals(watched.outcome, "finished");
    assertFalse(watched.signal.aborted);
  });

  Deno.test(`SiteRequest.finished rejects with an AbortError when the visitor leaves ${what}`, async () => {
    const [site, watched] = watchingSite(() => wrap(endless()));
    await using _ = site;

    const reader = (await site.visit()).body!.getReader();
    await reader.read();
    await reader.cancel("gone");
    await settle();

    assertEquals(watched.outcome, "left");
    assertInstanceOf(watched.reason, Error);
    assertEquals(watched.reason.name, "AbortError");
    assertEquals(watched.reason.cause, "gone");
  });

  Deno.test(`SiteRequest.signal aborts when the visitor leaves ${what}`, async () => {
    const [site, watched] = watchingSite(() => wrap(endless()));
    await using _ = site;

    const reader = (await site.visit()).body!.getReader();
    assertFalse(watched.signal.aborted);
    await reader.cancel();

    assert(watched.signal.aborted);
    assertEquals(watched.signal.reason.name, "AbortError");
  });

  Deno.test(`SiteRequest.signal has ${what} cancelled when the visitor leaves`, async () => {
    const reasons: unknown[] = [];
    const stream = new ReadableStream<Uint8Array>({
      cancel(reason) {
        reasons.push(reason);
      },
    });
    const [site] = watchingSite(() => wrap(stream));
    await using _ = site;

    const response = await site.visit();
    await response.body!.cancel("gone");

    assertEquals(reasons, ["gone"]);
  });

  Deno.test(`SiteRequest.finished rejects when ${what} breaks`, async () => {
    const error = new Error("broken");
    const [site, watched] = watchingSite(() =>
      wrap(
        new ReadableStream({
          pull(controller) {
            controller.error(error);
          },
        }),
      )
    );
    await using _ = site;

    const response = await site.visit();
    await assertRejects(() => response.text(), Error, "broken");
    await settle();

    assertEquals(watched.outcome, "left");
    assertStrictEquals((watched.reason as Error).cause, error);
    assertEquals(site.errors, [error]);
  });
}

Deno.test("Site.fetch() cancels a stream that nobody watches when the visitor leaves", async () => {
  const reasons: unknown[] = [];
  await using site = new WatchedSite(() =>
    new ReadableStream({
      cancel(reason) {
        reasons.push(reason);
      },
    })
  );

  const response = await site.visit();
  await response.body!.cancel("gone");

  assertEquals(reasons, ["gone"]);
});

Deno.test("Site.fetch() does not report a visitor who leaves", async () => {
  const [site] = watchingSite(endless);
  await using _ = site;

  const response = await site.visit();
  await response.body!.cancel();
  await settle();

  assertEquals(site.errors, []);
});

// While rendering.

/** A site that renders until it is told to go on. */
function slowSite(): [WatchedSite, Watched, () => void] {
  const { promise, resolve } = Promise.withResolvers<void>();
  const [site, watched] = watchingSite(async () => {
    await promise;
    return "late";
  });
  return [site, watched, resolve];
}

Deno.test("SiteRequest.signal aborts when the visitor leaves while rendering", async () => {
  const [site, watched, goOn] = slowSite();
  await using _ = site;
  const visitor = new AbortController();
  const answer = site.visit("/", { signal: visitor.signal });
  await settle();

  visitor.abort();

  assert(watched.signal.aborted);
  assertEquals(watched.signal.reason.name, "AbortError");
  goOn();
  await answer;
});

Deno.test("SiteRequest.finished rejects when the visitor leaves while rendering", async () => {
  const [site, watched, goOn] = slowSite();
  await using _ = site;
  const visitor = new AbortController();
  const answer = site.visit("/", { signal: visitor.signal });
  await settle();

  visitor.abort("gone");
  await settle();

  assertEquals(watched.outcome, "left");
  assertEquals((watched.reason as Error).cause, "gone");
  goOn();
  await answer;
});

Deno.test("SiteRequest.finished stays rejected when the response is produced after all", async () => {
  const [site, watched, goOn] = slowSite();
  await using _ = site;
  const visitor = new AbortController();
  const answer = site.visit("/", { signal: visitor.signal });
  await settle();

  visitor.abort();
  goOn();
  await answer;
  await settle();

  assertEquals(watched.outcome, "left");
});

Deno.test("SiteRequest.signal is aborted at once where the visitor has left already", async () => {
  const signals: AbortSignal[] = [];
  await using site = new WatchedSite((request) => {
    signals.push(request.signal);
    return "";
  });

  await site.visit("/", { signal: AbortSignal.abort("gone") });

  assert(signals[0]!.aborted);
});

Deno.test("SiteRequest.signal does not abort once the response has been handed over", async () => {
  const [site, watched] = watchingSite(() => "text");
  await using _ = site;
  const visitor = new AbortController();

  await site.visit("/", { signal: visitor.signal });
  // Deno aborts its own signal then, whatever has become of the response.
  visitor.abort();
  await settle();

  assertFalse(watched.signal.aborted);
  assertEquals(watched.outcome, "finished");
});

Deno.test("SiteRequest.signal goes by the stream, not by Deno's signal, once it is sent", async () => {
  const [site, watched] = watchingSite(() => new Blob(["text"]).stream());
  await using _ = site;
  const visitor = new AbortController();

  const response = await site.visit("/", { signal: visitor.signal });
  visitor.abort();
  await response.text();
  await settle();

  assertFalse(watched.signal.aborted);
  assertEquals(watched.outcome, "finished");
});

Deno.test("SiteRequest.signal hands an error of its listeners to onError", async () => {
  const error = new Error("listener");
  await using site = new WatchedSite((request) => {
    request.signal.addEventListener("abort", () => {
      throw error;
    });
    return endless();
  });

  const response = await site.visit();
  await response.body!.cancel();

  assertEquals(site.errors, [error]);
});

Deno.test("SiteRequest.finished that nobody waits for is no unhandled rejection", async () => {
  await using site = new WatchedSite((request) => {
    request.finished;
    return endless();
  });

  const response = await site.visit();
  await response.body!.cancel();
  // An unhandled rejection fails the test when the event loop turns.
  await new Promise((resolve) => setTimeout(resolve, 0));

  assertEquals(site.errors, []);
});

const ERROR = new Error("oops");

function fail(): never {
  throw ERROR;
}

async function reject(): Promise<never> {
  await undefined;
  throw ERROR;
}

/** What is done with `finished`, and what of that is reported in each case. */
const FOLLOWED: [
  what: string,
  follow: (finished: Promise<void>) => unknown,
  reported: { leaves: unknown[]; stays: unknown[] },
][] = [
  ["then()", (it) => it.then(() => {}), { leaves: [], stays: [] }],
  ["finally()", (it) => it.finally(() => {}), { leaves: [], stays: [] }],
  [
    "a chain",
    (it) => it.then(() => {}).finally(() => {}).then(() => {}),
    { leaves: [], stays: [] },
  ],
  ["then() that throws", (it) => it.then(fail), { leaves: [], stays: [ERROR] }],
  [
    "then() that rejects",
    (it) => it.then(reject, reject),
    { leaves: [ERROR], stays: [ERROR] },
  ],
  ["catch() that throws", (it) => it.catch(fail), {
    leaves: [ERROR],
    stays: [],
  }],
  ["finally() that rejects", (it) => it.finally(reject), {
    leaves: [ERROR],
    stays: [ERROR],
  }],
  ["a chain that throws", (it) => it.then(fail, fail).finally(() => {}), {
    leaves: [ERROR],
    stays: [ERROR],
  }],
  [
    "then() that throws, which is caught",
    (it) => it.then(fail, fail).catch(() => {}),
    { leaves: [], stays: [] },
  ],
];

for (const [what, follow, reported] of FOLLOWED) {
  for (const leaves of [true, false]) {
    Deno.test(`SiteRequest.finished followed by ${what} has only what callbacks throw reported, when the visitor ${leaves ? "leaves" : "stays"}`, async () => {
      await using site = new WatchedSite((request) => {
        follow(request.finished);
        return leaves ? endless() : "tea";
      });
      const response = await site.visit();
      await (leaves ? response.body!.cancel() : response.text());
      await new Promise((resolve) => setTimeout(resolve, 0));
      assertEquals(site.errors, leaves ? reported.leaves : reported.stays);
    });
  }
}

Deno.test("SiteRequest.signal alone makes no unhandled rejection", async () => {
  await using site = new WatchedSite((request) => {
    request.signal;
    return endless();
  });

  const response = await site.visit();
  await response.body!.cancel();
  await new Promise((resolve) => setTimeout(resolve, 0));

  assertEquals(site.errors, []);
});

// Too late.

for (const what of ["signal", "finished"] as const) {
  Deno.test(`SiteRequest.${what} throws once the response has been produced`, async () => {
    const requests: SiteRequest[] = [];
    await using site = new WatchedSite((request) => {
      requests.push(request);
      return "";
    });
    await site.visit();

    const error = assertThrows(() => requests[0]![what], Error);

    assertStringIncludes(error.message, what);
    assertStringIncludes(error.message, "the response has been produced");
  });

  Deno.test(`SiteRequest.${what} is there afterwards where it was asked for before`, async () => {
    const seen: unknown[] = [];
    const requests: SiteRequest[] = [];
    await using site = new WatchedSite((request) => {
      requests.push(request);
      seen.push(request[what]);
      return "";
    });

    await site.visit();

    assertStrictEquals(requests[0]![what], seen[0]);
  });
}
