// The state machine of the clock in a page, with all that a machine and a network
// can do to it.

import { assert, assertEquals, assertLess } from "@std/assert";
import { Browser, live, NONE, type Tab } from "./helpers_clock_page.ts";

/** A tab whose session lasts for so many seconds, with a lead of ten. */
async function opened(seconds: number | null, more: object = {}) {
  const browser = new Browser();
  const deadline = browser.steady + (seconds ?? Infinity) * 1000;
  const server = {
    deadline,
    more,
    state: () =>
      browser.steady < server.deadline
        ? live(
          server.deadline === Infinity
            ? null
            : (server.deadline - browser.steady) / 1000,
          server.more,
        )
        : NONE,
  };
  browser.answer = server.state;
  const tab = browser.open();
  const unsubscribe = tab.watch(10);
  await browser.pass(0.1);
  return { browser, server, tab, unsubscribe };
}

type Opened = Awaited<ReturnType<typeof opened>>;

Deno.test("clock client warns, counts each second, and ends", async () => {
  const it = await opened(20);
  await it.browser.pass(25);
  assertEquals(it.tab.statuses, ["unknown", "active", "warning", "ended"]);
  const counted = it.tab.views.filter(({ status }) => status === "warning");
  assertEquals(
    counted.map(({ secondsLeft }) => secondsLeft),
    [10, 9, 8, 7, 6, 5, 4, 3, 2, 1],
  );
  assertEquals([it.tab.view.reason, it.tab.view.isConfirmed], ["idle", true]);
});

Deno.test("clock client asks seldom: once, then from shortly before the warning", async () => {
  const it = await opened(900);
  await it.browser.pass(885);
  assertEquals(it.browser.asked, ["GET"]);
  await it.browser.pass(14);
  assertLess(it.browser.asked.length, 7);
});

for (
  const [what, answer] of [
    ["is silent", "silence"],
    ["cannot be reached", "error"],
    ["answers 502", 502],
  ] as const
) {
  Deno.test(`clock client warns, counts and ends while the server ${what}`, async () => {
    const it = await opened(20);
    await it.browser.pass(2);
    it.browser.answer = () => answer;
    await it.browser.pass(13);
    assertEquals(it.tab.view.status, "warning");
    assertEquals(it.tab.view.secondsLeft, 5);
    assertEquals(it.tab.view.isReachable, false);
    await it.browser.pass(5.2);
    assertEquals(it.tab.view.status, "ended");
    assertEquals(it.tab.view.isConfirmed, false);
    assertEquals(it.tab.view.isReachable, false);
  });

  Deno.test(`clock client says that Stay failed while the server ${what}`, async () => {
    const it = await opened(20);
    await it.browser.pass(12);
    it.browser.answer = () => answer;
    const staying = it.tab.client.stay();
    await it.browser.pass(4.1);
    assertEquals(await staying, false);
    assertEquals(it.tab.view.failed, "stay");
    assertEquals(it.tab.view.status, "warning");
    it.browser.answer = () => live(20);
    await it.tab.client.stay();
    assertEquals([it.tab.view.failed, it.tab.view.status], [null, "active"]);
  });

  Deno.test(`clock client says that signing out failed while the server ${what}`, async () => {
    const it = await opened(20);
    it.browser.answer = () => answer;
    const leaving = it.tab.client.signOut();
    await it.browser.pass(4.1);
    assertEquals(await leaving, false);
    assertEquals([it.tab.view.failed, it.tab.view.status], [
      "signOut",
      "active",
    ]);
  });
}

Deno.test("clock client lifts an end that it presumed when the session lives on", async () => {
  const it = await opened(20);
  it.browser.answer = () => "error";
  await it.browser.pass(22);
  assertEquals(it.tab.view.status, "ended");
  it.browser.answer = () => live(300);
  await it.browser.pass(6);
  assertEquals(it.tab.view.status, "active");
});

Deno.test("clock client shows no warning for a session that was prolonged elsewhere", async () => {
  const it = await opened(20);
  await it.browser.pass(5);
  it.server.deadline += 30_000;
  await it.browser.pass(30);
  assertEquals(it.tab.statuses, ["unknown", "active"]);
});

Deno.test("clock client covers nothing in the last second of a session that was prolonged", async () => {
  const it = await opened(20);
  await it.browser.pass(17.5);
  it.server.deadline += 30_000;
  await it.browser.pass(5);
  assertEquals(it.tab.statuses, ["unknown", "active", "warning", "active"]);
});

Deno.test("clock client sees within a second that the machine slept over the end", async () => {
  const it = await opened(900);
  await it.browser.pass(5);
  it.browser.sleep(3600);
  it.server.deadline = 0;
  await it.browser.pass(1.1);
  assertEquals(it.tab.view.status, "ended");
  assertEquals(it.tab.view.isConfirmed, true);
});

Deno.test("clock client covers the page two seconds after a sleep though the network is away", async () => {
  const it = await opened(900);
  await it.browser.pass(5);
  it.browser.sleep(3600);
  it.browser.answer = () => "silence";
  await it.browser.pass(2.2);
  assertEquals(it.tab.view.status, "ended");
  assertEquals(it.tab.view.isConfirmed, false);
});

Deno.test("clock client warns after a sleep that ended near the end", async () => {
  const it = await opened(900);
  it.browser.sleep(892);
  it.server.deadline -= 892_000;
  await it.browser.pass(1.1);
  assertEquals(it.tab.view.status, "warning");
});

Deno.test("clock client is not misled by a clock that is set forward", async () => {
  const it = await opened(900);
  await it.browser.pass(5);
  it.browser.wall += 3_600_000;
  await it.browser.pass(10);
  assertEquals(it.tab.statuses, ["unknown", "active"]);
});

for (const at of [2, 14]) {
  Deno.test(`clock client is not misled by a clock that is set back after ${at} s, server or no server`, async () => {
    for (const answer of [undefined, "error" as const]) {
      const it = await opened(20);
      await it.browser.pass(at);
      if (answer !== undefined) it.browser.answer = () => answer;
      it.browser.wall -= 600_000;
      await it.browser.pass(15.5 - at);
      assertEquals(it.tab.view.status, "warning");
      await it.browser.pass(5);
      assertEquals(it.tab.view.status, "ended");
    }
  });
}

Deno.test("clock client counts a clock that was set back and a sleep after it", async () => {
  const it = await opened(900);
  await it.browser.pass(5);
  it.browser.wall -= 600_000;
  await it.browser.pass(5);
  it.browser.answer = () => "error";
  it.browser.sleep(900);
  await it.browser.pass(3);
  assertEquals(it.tab.view.status, "ended");
});

for (const wrong of [600_000, -600_000]) {
  Deno.test(`clock client counts rightly by a clock that is wrong by ${wrong} ms`, async () => {
    const browser = new Browser();
    browser.wall += wrong;
    browser.answer = () => live(20);
    const tab = browser.open();
    tab.watch(10);
    await browser.pass(0.1);
    browser.answer = () => "error";
    await browser.pass(14.5);
    assertEquals([tab.view.status, tab.view.secondsLeft], ["warning", 6]);
  });
}

for (
  const [what, other] of [
    ["another session", { session: "b" }],
    ["another principal", { principal: "bob" }],
    ["no principal any more", { principal: null }],
  ] as const
) {
  Deno.test(`clock client ends the page when the browser has ${what}`, async () => {
    const it = await opened(900, { principal: "alice" });
    it.server.more = { principal: "alice", ...other };
    it.tab.dispatch("focus");
    await it.browser.pass(0.1);
    assertEquals([it.tab.view.status, it.tab.view.reason], [
      "ended",
      "replaced",
    ]);
    await it.browser.pass(60);
    assertEquals(it.tab.view.status, "ended");
  });
}

Deno.test("clock client goes on when its session logs in", async () => {
  const it = await opened(900);
  it.server.more = { principal: "alice" };
  it.tab.dispatch("focus");
  await it.browser.pass(0.1);
  assertEquals(it.tab.view.status, "active");
  it.server.more = { principal: "bob" };
  it.tab.dispatch("focus");
  await it.browser.pass(0.1);
  assertEquals(it.tab.view.status, "ended");
});

Deno.test("clock client takes over a login by fetch that an event tells of", async () => {
  const browser = new Browser();
  browser.answer = () => NONE;
  const tab = browser.open();
  tab.watch(10);
  await browser.pass(60);
  assertEquals([tab.view.status, browser.asked.length], ["none", 1]);
  const end = browser.steady + 15_000;
  browser.answer = () => live((end - browser.steady) / 1000);
  tab.dispatch("session-changed");
  await browser.pass(8);
  assertEquals(tab.view.status, "warning");
});

Deno.test("clock client takes over another session after session-changed, and counts again", async () => {
  const it = await opened(900, { principal: "alice" });
  it.server.more = { session: "b", principal: "bob" };
  it.tab.dispatch("session-changed");
  await it.browser.pass(0.1);
  assertEquals(it.tab.view.status, "active");
});

for (const type of ["focus", "online", "session-changed"]) {
  Deno.test(`clock client looks at ${type}, without a session too`, async () => {
    const browser = new Browser();
    browser.answer = () => NONE;
    const tab = browser.open();
    tab.watch(10);
    await browser.pass(1);
    tab.dispatch(type);
    await browser.pass(0.1);
    assertEquals(browser.asked.length, 2);
  });
}

Deno.test("clock client looks when a page comes back from the cache, and no message of before counts", async () => {
  const it = await opened(900);
  it.tab.dispatch("pagehide");
  assertEquals(it.tab.channel, undefined);
  it.server.deadline = 0;
  it.tab.dispatch("pageshow", { persisted: true });
  await it.browser.pass(0.1);
  assertEquals(it.tab.view.status, "ended");
});

Deno.test("clock client ignores a message that is long out of date", async () => {
  const it = await opened(20);
  await it.browser.pass(8);
  it.tab.channel!.onmessage!({
    data: { state: live(900), at: it.browser.wall - 600_000 },
  });
  it.browser.answer = () => "error";
  await it.browser.pass(13);
  assertEquals(it.tab.view.status, "ended");
});

Deno.test("clock client of fifty tabs asks no more than two do", async () => {
  const it = await opened(60);
  const tabs: Tab[] = [];
  for (let i = 0; i < 49; i++) {
    const tab = it.browser.open();
    tab.hide(true);
    tab.watch(10);
    tabs.push(tab);
  }
  await it.browser.pass(40);
  it.browser.asked.length = 0;
  await it.browser.pass(22);
  assert(it.browser.asked.length <= 12, `${it.browser.asked.length} requests`);
  for (const { view } of [it.tab, ...tabs]) assertEquals(view.status, "ended");
});

Deno.test("clock client has a choice in one tab count in all", async () => {
  const it = await opened(12);
  const other = it.browser.open();
  other.watch(10);
  await it.browser.pass(4);
  assertEquals(other.view.status, "warning");
  it.server.deadline += 60_000;
  await it.tab.client.stay();
  await it.browser.pass(0.1);
  assertEquals(other.view.status, "active");
  it.server.deadline = 0;
  assert(await it.tab.client.signOut());
  await it.browser.pass(0.1);
  assertEquals([other.view.status, it.tab.view.reason], [
    "ended",
    "signed-out",
  ]);
});

Deno.test("clock client ignores an answer that is older than a stay", async () => {
  const it = await opened(12);
  await it.browser.pass(1);
  const late = Promise.withResolvers<object>();
  it.browser.answer = (method) => method === "GET" ? late.promise : live(60);
  const looking = it.tab.client.look();
  await it.tab.client.stay();
  late.resolve(live(1));
  await looking;
  await it.browser.pass(0.5);
  assertEquals(it.tab.view.status, "active");
});

Deno.test("clock client counts down to an end that cannot be put off", async () => {
  const it = await opened(12, { canStay: false });
  await it.browser.pass(4);
  assertEquals(it.tab.view.canStay, false);
  await it.browser.pass(10);
  assertEquals(it.tab.view.reason, "absolute");
});

Deno.test("clock client of a session that never ends neither counts nor asks", async () => {
  const it = await opened(null);
  await it.browser.pass(3600);
  assertEquals([it.tab.view.status, it.tab.view.secondsLeft], ["active", null]);
  assertEquals(it.browser.asked.length, 1);
});

Deno.test("clock client asks again until the first answer comes", async () => {
  const browser = new Browser();
  const tab = browser.open();
  tab.watch(10);
  await browser.pass(20);
  assertEquals([tab.view.status, tab.view.isReachable], ["unknown", false]);
  browser.answer = () => live(900);
  await browser.pass(6);
  assertEquals(tab.view.status, "active");
});

Deno.test("clock client has nothing left when its listeners are taken back", async () => {
  const it = await opened(20);
  const second = it.tab.watch(5);
  it.unsubscribe();
  await it.browser.pass(1);
  second();
  second();
  assertEquals([it.browser.pending, it.tab.channel], [0, undefined]);
  const { length } = it.tab.views;
  await it.browser.pass(30);
  it.tab.dispatch("focus");
  assertEquals(it.tab.views.length, length);
});

Deno.test("clock client gives each listener its own lead, and outlives one that throws", async () => {
  const it: Opened = await opened(20);
  const seen: string[] = [];
  it.tab.client.subscribe(({ status }) => {
    seen.push(status);
    throw new Error("no view");
  }, { lead: 3 });
  await it.browser.pass(12);
  assertEquals([it.tab.view.status, seen.at(-1)], ["warning", "active"]);
  await it.browser.pass(6);
  assertEquals(seen.at(-1), "warning");
  assert(it.tab.errors.length > 0);
});

Deno.test("clock client looks at its clocks each half minute while hidden, and sends nothing", async () => {
  const it = await opened(900);
  it.tab.hide(true);
  await it.browser.pass(5);
  it.browser.sleep(3600);
  it.server.deadline = 0;
  assertEquals(it.browser.asked.length, 1);
  await it.browser.pass(30);
  assertEquals(it.tab.view.status, "ended");
});
