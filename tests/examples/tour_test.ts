// The examples that need files are imported where they are tested: they look for
// them at once. Without the permission read those tests are ignored.

import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { site as accessLog } from "../../examples/access_log.ts";
import { site as asynchronousAnswer } from "../../examples/asynchronous_answer.ts";
import { site as authentication } from "../../examples/authentication.ts";
import { site as dynamicContent } from "../../examples/dynamic_content.ts";
import { site as dynamicDispatch } from "../../examples/dynamic_dispatch.ts";
import { site as errorHandling } from "../../examples/error_handling.ts";
import { site as handlingPosts } from "../../examples/handling_posts.ts";
import { site as interruptedAnswer } from "../../examples/interrupted_answer.ts";
import { site as loggingErrors } from "../../examples/logging_errors.ts";
import { site as otherBodies } from "../../examples/other_bodies.ts";
import { site as responseCodes } from "../../examples/response_codes.ts";
import { site as staticDispatch } from "../../examples/static_dispatch.ts";
import { site as streamedAnswer } from "../../examples/streamed_answer.ts";
import { site as virtualHosts } from "../../examples/virtual_hosts.ts";
import type { Site } from "../../mod.ts";
import { login } from "../helpers_guard.ts";
import { captureConsole, cookieOf, withCookieOf } from "../helpers_http.ts";
import { testWith } from "../helpers_process.ts";
import { firstParagraph } from "./helpers_pages.ts";

/** When the tests of clocks begin. */
const NOON = "2026-11-24T12:00:00Z";

/** What a clock says that many seconds later. */
function clock(seconds: number): string {
  return `Tue, 24 Nov 2026 12:00:0${seconds} GMT`;
}

/** Visits a path of http://localhost:8080, or a whole URL. */
async function visit(
  site: Site,
  path: string,
  init?: RequestInit,
): Promise<Response> {
  return await site.fetch(
    new Request(new URL(path, "http://localhost:8080"), init),
  );
}

/** The text of a page that is as it should be. */
async function see(
  site: Site,
  path: string,
  init?: RequestInit,
): Promise<string> {
  const response = await visit(site, path, init);
  assertEquals(response.status, 200);
  return await response.text();
}

/** What the first paragraph of a page says. */
async function read(
  site: Site,
  path: string,
  init?: RequestInit,
): Promise<string> {
  return firstParagraph(await see(site, path, init));
}

/** The heading of a page with that status. */
async function seeError(
  site: Site,
  path: string,
  status: number,
  init?: RequestInit,
): Promise<string | undefined> {
  const response = await visit(site, path, init);
  assertEquals(response.status, status);
  return /<h1>(.*?)<\/h1>/.exec(await response.text())?.[1];
}

/** Ends what a test has left, and the timer with it. */
function leaving(site: Site): Disposable {
  return {
    [Symbol.dispose]() {
      for (const session of site.sessions.values()) session.expire();
    },
  };
}

/** Keeps what console.log is given until it is disposed of. */
function captureLog(): Disposable & { lines: unknown[] } {
  const real = console.log;
  const lines: unknown[] = [];
  console.log = (line: unknown) => {
    lines.push(line);
  };
  return {
    lines,
    [Symbol.dispose]() {
      console.log = real;
    },
  };
}

function post(body: BodyInit): RequestInit {
  return { method: "POST", body };
}

// static_content

testWith(["read"], "static_content serves index.html as /", async () => {
  const { site } = await import("../../examples/static_content.ts");

  assertStringIncludes(await see(site, "/"), "<h1>Tea</h1>");
});

testWith(["read"], "static_content serves the stylesheet as such", async () => {
  const { site } = await import("../../examples/static_content.ts");

  const response = await visit(site, "/style.css");

  assertMatch(response.headers.get("content-type")!, /^text\/css/);
  assertStringIncludes(await response.text(), "font-family");
});

testWith(["read"], "static_content lists a folder", async () => {
  const { site } = await import("../../examples/static_content.ts");

  const page = await see(site, "/teas/");

  assertStringIncludes(page, "black.txt");
  assertStringIncludes(page, "green.txt");
});

// dynamic_content

Deno.test("dynamic_content tells the time of each visit", async () => {
  using time = new FakeTime(NOON);
  assertStringIncludes(await see(dynamicContent, "/"), clock(0));

  time.tick(1000);

  assertStringIncludes(await see(dynamicContent, "/"), clock(1));
});

Deno.test("dynamic_content answers any path", async () => {
  assertStringIncludes(await see(dynamicContent, "/a/b"), "Clock");
});

// static_dispatch

Deno.test("static_dispatch has a page at each place", async () => {
  assertStringIncludes(await see(staticDispatch, "/"), 'href="teas/"');
  assertStringIncludes(await see(staticDispatch, "/teas/"), 'href="green"');
  assertStringIncludes(await see(staticDispatch, "/teas/green"), "two minutes");
});

Deno.test("static_dispatch sends /tea to /teas/", async () => {
  const response = await visit(staticDispatch, "/tea");

  assertEquals(response.status, 302);
  assertEquals(response.headers.get("location"), "/teas/");
});

Deno.test("static_dispatch has no coffee", async () => {
  await seeError(staticDispatch, "/coffee", 404);
});

// dynamic_dispatch

Deno.test("dynamic_dispatch knows every year", async () => {
  assertEquals(await read(dynamicDispatch, "/2027"), "2027 has 365 days.");
  assertEquals(await read(dynamicDispatch, "/2028"), "2028 has 366 days.");
});

Deno.test("dynamic_dispatch knows the months of a year", async () => {
  assertEquals(await read(dynamicDispatch, "/2027/2"), "2027/2 has 28 days.");
  assertEquals(await read(dynamicDispatch, "/2028/2"), "2028/2 has 29 days.");
  assertEquals(await read(dynamicDispatch, "/2028/12"), "2028/12 has 31 days.");
});

for (
  const path of ["/", "/later", "/999", "/2028/0", "/2028/13", "/2028/2/1"]
) {
  Deno.test(`dynamic_dispatch has no ${path}`, async () => {
    await seeError(dynamicDispatch, path, 404);
  });
}

// error_handling

Deno.test("error_handling says that staff pages are not for visitors", async () => {
  assertEquals(await seeError(errorHandling, "/staff", 403), "Staff Only");
});

Deno.test("error_handling answers 404 by a page of its own", async () => {
  assertEquals(await seeError(errorHandling, "/coffee", 404), "No Such Tea");
});

Deno.test("error_handling apologizes on a page of its own, and prints the error", async () => {
  using console = captureConsole();

  assertEquals(await seeError(errorHandling, "/broken", 500), "We are sorry");

  assertEquals(String(console.printed[0]), "Error: The kettle is empty");
});

// response_codes

Deno.test("response_codes asks for payment", async () => {
  const response = await visit(responseCodes, "/");

  assertEquals(response.status, 402);
  assertStringIncludes(await response.text(), "credit card");
});

Deno.test("response_codes answers an HttpError by its status and message", async () => {
  using console = captureConsole();

  const response = await visit(responseCodes, "/tea");

  assertEquals(response.status, 503);
  assertStringIncludes(await response.text(), "The water is not boiling yet.");
  assertFalse(response.headers.has("x-teapot"));
  assertEquals(console.printed, []);
});

// handling_posts

Deno.test("handling_posts shows a form", async () => {
  assertStringIncludes(await see(handlingPosts, "/"), '<form method="post">');
});

Deno.test("handling_posts says what was wished for, escaped", async () => {
  const form = new URLSearchParams({ wish: "<b>tea</b>" });

  const page = await see(handlingPosts, "/", post(form));

  assertStringIncludes(page, "You wished for &lt;b&gt;tea&lt;/b&gt;.");
});

// other_bodies

Deno.test("other_bodies sums what comes as JSON", async () => {
  assertEquals(await read(otherBodies, "/json", post("[1, 2, 3]")), "6");
});

for (const body of ["[1, 2", "{}", ""]) {
  Deno.test(`other_bodies answers 400 to "${body}"`, async () => {
    assertEquals(
      await seeError(otherBodies, "/json", 400, post(body)),
      "Bad Request",
    );
  });
}

Deno.test("other_bodies counts the bytes that were put", async () => {
  const init = { method: "PUT", body: new Uint8Array(1_000_000) };

  assertEquals(await read(otherBodies, "/bytes", init), "1000000 bytes\n");
});

Deno.test("other_bodies answers 413 to more than a million bytes", async () => {
  const init = { method: "PUT", body: new Uint8Array(1_000_001) };

  await seeError(otherBodies, "/bytes", 413, init);
});

Deno.test("other_bodies shows a form for files", async () => {
  assertStringIncludes(await see(otherBodies, "/file"), 'type="file"');
});

Deno.test("other_bodies takes a file", async () => {
  const form = new FormData();
  form.set("file", new File(["leaves"], "<tea>.txt"));

  assertEquals(
    await read(otherBodies, "/file", post(form)),
    "&lt;tea&gt;.txt has 6 bytes.",
  );
});

Deno.test("other_bodies answers 400 to a form without a file", async () => {
  const form = new FormData();
  form.set("file", "no file");

  await seeError(otherBodies, "/file", 400, post(form));
});

// scripts

testWith(["read"], "scripts serves clock.resource.ts as /clock", async () => {
  const { site } = await import("../../examples/scripts.ts");

  assertMatch(await read(site, "/clock"), /^It is .* GMT\.$/);
});

testWith(
  ["read"],
  "scripts leaves the rest of the path to a script",
  async () => {
    const { site } = await import("../../examples/scripts.ts");

    assertEquals(await read(site, "/greeting"), "Hello, stranger.");
    assertEquals(await read(site, "/greeting/Ada"), "Hello, Ada.");
    assertEquals(await read(site, "/greeting/%3Cb%3E"), "Hello, &lt;b&gt;.");
  },
);

testWith(["read"], "scripts serves no sources", async () => {
  const { site } = await import("../../examples/scripts.ts");

  await seeError(site, "/clock.resource.ts", 404);
});

// asynchronous_answer

Deno.test("asynchronous_answer has the tea after five seconds", async () => {
  using time = new FakeTime();
  let hasAnswered = false;
  const page = read(asynchronousAnswer, "/green")
    .finally(() => hasAnswered = true);

  await time.tickAsync(4999);
  assertFalse(hasAnswered);
  await time.tickAsync(1);

  assertEquals(await page, "Here is your green tea.");
});

Deno.test("asynchronous_answer has no coffee, and says so after one second", async () => {
  using time = new FakeTime();
  const tea = see(asynchronousAnswer, "/black");
  const coffee = seeError(asynchronousAnswer, "/coffee", 404);

  await time.tickAsync(1000);
  assertEquals(await coffee, "Page not found");

  await time.tickAsync(4000);
  await tea;
});

// streamed_answer

Deno.test("streamed_answer shows a page that listens for events", async () => {
  assertStringIncludes(
    await see(streamedAnswer, "/"),
    'new EventSource("events")',
  );
});

Deno.test("streamed_answer sends the time each second", async () => {
  using time = new FakeTime(NOON);
  const response = await visit(streamedAnswer, "/events");
  const reader = response.body!.pipeThrough(new TextDecoderStream())
    .getReader();
  assertEquals(response.headers.get("content-type"), "text/event-stream");

  for (const second of [1, 2]) {
    const event = reader.read();
    await time.tickAsync(1000);
    assertEquals((await event).value, `data: ${clock(second)}\n\n`);
  }

  await reader.cancel();
});

Deno.test("streamed_answer stops its clock when the visitor leaves", async () => {
  using time = new FakeTime();
  const response = await visit(streamedAnswer, "/events");
  await time.tickAsync(1000);

  await response.body!.cancel();

  // No timer is left.
  assertFalse(time.next());
});

// interrupted_answer

Deno.test("interrupted_answer says that the page was sent", async () => {
  using time = new FakeTime();
  using log = captureLog();
  const page = read(interruptedAnswer, "/");

  await time.tickAsync(5000);

  assertEquals(await page, "Sorry to keep you waiting.");
  assertEquals(log.lines, ["The page was sent."]);
});

Deno.test("interrupted_answer says that the visitor has left, and clears the timer", async () => {
  using time = new FakeTime();
  using log = captureLog();
  const visitor = new AbortController();
  const page = see(interruptedAnswer, "/", { signal: visitor.signal });
  await time.tickAsync(1000);

  visitor.abort();
  await page;

  assertEquals(log.lines, ["The visitor has left."]);
  assertFalse(time.next());
});

// logging_errors

Deno.test("logging_errors prints the request and its error, which the visitor does not see", async () => {
  using console = captureConsole();

  const response = await visit(loggingErrors, "/teas/chai");

  assertEquals(response.status, 500);
  assertFalse((await response.text()).includes("leaves"));
  assertEquals(
    console.printed.map((values) => values.map(String)),
    [["GET /teas/chai", 'Error: No leaves of "chai"']],
  );
});

Deno.test("logging_errors prints the session whose callback failed, a second later", async () => {
  using time = new FakeTime();
  using console = captureConsole();
  using _ = leaving(loggingErrors);
  await see(loggingErrors, "/late");
  const [uid] = loggingErrors.sessions.keys();

  time.tick(999);
  assertEquals(console.printed, []);
  time.tick(1);

  assertEquals(
    console.printed.map((values) => values.map(String)),
    [[`Session ${uid}`, "Error: The goodbye could not be sent"]],
  );
});

// access_log

Deno.test("access_log prints a line for each request", async () => {
  using _ = new FakeTime(NOON);
  using log = captureLog();

  assertEquals(await read(accessLog, "/"), "You are in the log.");
  await seeError(accessLog, "/nothing", 404);

  assertEquals(log.lines.length, 2);
  assertMatch(
    String(log.lines[0]),
    /^- - - \[24\/Nov\/2026:12:00:00 \+0000\] "GET \/ HTTP\/1\.1" 200 \d+ "-" "-"$/,
  );
  assertStringIncludes(String(log.lines[1]), '"GET /nothing HTTP/1.1" 404 ');
});

// authentication

for (const path of ["/basic", "/session"]) {
  Deno.test(`authentication asks at ${path} for a name and a password`, async () => {
    const response = await visit(authentication, path);

    assertEquals(response.status, 401);
    assertStringIncludes(
      response.headers.get("www-authenticate")!,
      `Basic realm="Ali Baba's cave"`,
    );
  });

  Deno.test(`authentication shows alice the treasure at ${path}`, async () => {
    using _ = leaving(authentication);

    assertEquals(
      await read(authentication, path, login("alice", "open sesame")),
      "The treasure is yours, alice.",
    );
  });

  Deno.test(`authentication refuses another password at ${path}`, async () => {
    const init = login("alice", "open barley");

    await seeError(authentication, path, 401, init);
  });
}

Deno.test("authentication at /basic wants the password each time", async () => {
  const init = login("alice", "open sesame");

  const response = await visit(authentication, "/basic", init);

  assertEquals(response.headers.getSetCookie(), []);
});

Deno.test("authentication at /session remembers who has logged in", async () => {
  using _ = leaving(authentication);
  const init = login("alice", "open sesame");

  const response = await visit(authentication, "/session", init);

  assert(cookieOf(response).startsWith("session="));
  assertEquals(
    await read(authentication, "/session", withCookieOf(response)),
    "The treasure is yours, alice.",
  );
});

// virtual_hosts

Deno.test("virtual_hosts serves another page to another host", async () => {
  assertStringIncludes(await see(virtualHosts, "/"), "Green");
  assertStringIncludes(
    await see(virtualHosts, "http://127.0.0.1:8080/"),
    "Black",
  );
});

Deno.test("virtual_hosts answers 421 to any other host", async () => {
  assertEquals(
    await seeError(virtualHosts, "http://other:8080/", 421),
    "Elsewhere",
  );
});
