import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Sessions, type Visit } from "@curfew/web/sessions";
import type { SessionStore } from "@curfew/web/stores/store";
import { MemoryStore } from "@curfew/web/stores/memory";
import { SqliteStore } from "@curfew/web/stores/sqlite";
import { TestClock } from "@curfew/web/testing";
import { testStoreContract } from "@curfew/web/testing/store_contract";
import { clientOf } from "./client.ts";
import { equal, ok, test } from "./suite.ts";

/** A store of processes that share it, and what moves its time. */
interface SharedStore {
  /** Opens the store in one more process. */
  open(): SessionStore;
  /** The clock of the sessions; undefined if time is real. */
  readonly clock: TestClock | undefined;
  advance(milliseconds: number): Promise<void>;
  close(): void;
}

const KINDS: Record<string, () => SharedStore> = {
  MemoryStore: () => {
    const clock = new TestClock();
    const store = new MemoryStore({ clock });
    return {
      open: () => store,
      clock,
      advance: (milliseconds) => clock.advance(milliseconds / 1000),
      close: () => {},
    };
  },
  SqliteStore: () => {
    const folder = mkdtempSync(join(tmpdir(), "curfew-"));
    const opened: SqliteStore[] = [];
    return {
      open: () => {
        const store = new SqliteStore({
          path: join(folder, "sessions.db"),
          pollInterval: 0.01,
        });
        opened.push(store);
        return store;
      },
      clock: undefined,
      advance: (milliseconds) =>
        new Promise((resolve) => setTimeout(resolve, milliseconds + 1)),
      close: () => {
        for (const store of opened) store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

for (const [name, share] of Object.entries(KINDS)) {
  testStoreContract(() => {
    const shared = share();
    return {
      store: shared.open(),
      advance: shared.advance,
      second: shared.open,
      [Symbol.asyncDispose]: () => Promise.resolve(shared.close()),
    };
  }, { name, test, crowd: 200, races: 200 });

  test(`${name}: two processes share sessions, and one end is told once`, async () => {
    const shared = share();
    const told: string[] = [];
    const processes = [1, 2].map(() => makeSessions(shared, 0.5));
    const ended = new Promise<void>((resolve) => {
      for (const sessions of processes) {
        sessions.notifyOnSessionEnd(({ uid }) => {
          told.push(uid);
          resolve();
        });
      }
    });
    for (const sessions of processes) await sessions.ready;
    const count = (visit: Visit) => {
      const session = visit.getSession();
      session.set("visits", (session.get<number>("visits") ?? 0) + 1);
      return new Response(`${session.uid} ${session.get("visits")}`);
    };
    const clients = processes.map((sessions) => clientOf(sessions, count));
    const first = await clients[0]!.send();
    clients[1]!.cookie = clients[0]!.cookie;
    const second = await clients[1]!.send();
    const [uid] = first.text.split(" ");
    equal([first.text, second.text], [`${uid} 1`, `${uid} 2`]);
    await shared.advance(600);
    await ended;
    await shared.advance(100);
    equal(told, [uid]);
    for (const sessions of processes) await sessions.close();
    shared.close();
  });

  test(`${name}: a login and a logout hold in the other process`, async () => {
    const shared = share();
    const processes = [1, 2].map(() => makeSessions(shared));
    const desk = (visit: Visit) => {
      if (visit.request.url.endsWith("/login")) visit.logIn("alice");
      if (visit.request.url.endsWith("/logout")) visit.logOut();
      return new Response(visit.principal ?? "nobody");
    };
    const [one, other] = processes.map((sessions) => clientOf(sessions, desk));
    equal((await one!.send("/login")).text, "alice");
    other!.cookie = one!.cookie;
    equal((await other!.send("/")).text, "alice");
    await other!.send("/logout");
    equal((await one!.send("/")).text, "nobody");
    for (const sessions of processes) await sessions.close();
    shared.close();
  });

  test(`${name}: values keep bytes, dates and maps`, async () => {
    const shared = share();
    const processes = [1, 2].map(() => makeSessions(shared));
    const value = {
      at: new Date(5),
      bytes: Uint8Array.of(1, 2),
      map: new Map([[1, 2]]),
    };
    let read: typeof value | undefined;
    const writer = clientOf(processes[0]!, (visit) => {
      visit.getSession().set("value", value);
      return new Response();
    });
    const reader = clientOf(processes[1]!, (visit) => {
      read = visit.session?.get("value");
      return new Response();
    });
    await writer.send();
    reader.cookie = writer.cookie;
    await reader.send();
    ok(read?.at instanceof Date && read.at.getTime() === 5, "the date differs");
    ok(read.bytes instanceof Uint8Array && read.bytes[1] === 2, "bytes differ");
    ok(read.map instanceof Map && read.map.get(1) === 2, "the map differs");
    for (const sessions of processes) await sessions.close();
    shared.close();
  });
}

function makeSessions(shared: SharedStore, sessionTimeout = 900): Sessions {
  const { clock } = shared;
  return new Sessions({
    store: shared.open(),
    sessionTimeout,
    ...clock === undefined ? {} : { clock },
  });
}
