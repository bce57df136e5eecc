import { Sessions, type Visit } from "@curfew/web/sessions";
import type { SessionStore } from "@curfew/web/stores/store";
import type { TestClock } from "@curfew/web/testing";
import { testStoreContract } from "@curfew/web/testing/store_contract";
import { clientOf } from "./client.ts";
import { equal, ok, test } from "./suite.ts";

/** A store of processes that share it, and what moves its time. */
export interface SharedStore {
  /** Opens the store in one more process. */
  open(): SessionStore;
  /** The clock of the sessions; undefined if time is real. */
  readonly clock: TestClock | undefined;
  advance(milliseconds: number): void | Promise<void>;
  close(): void | Promise<void>;
}

/**
 * Registers the tests of a kind of store: the contract, and sessions that two
 * processes share.
 *
 * @param share Makes an empty store.
 * @param register Registers a test of the contract.
 */
export function testStore(
  name: string,
  share: () => SharedStore,
  register: typeof test = test,
): void {
  testStoreContract(() => {
    const shared = share();
    return {
      store: shared.open(),
      advance: shared.advance,
      second: shared.open,
      [Symbol.asyncDispose]: async () => await shared.close(),
    };
  }, { name, test: register, crowd: 200, races: 200 });

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
    await shared.close();
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
    await shared.close();
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
    await shared.close();
  });
}

/** Resolves when the date shows so many milliseconds more, and one more. */
export async function pause(milliseconds: number): Promise<void> {
  const until = Date.now() + milliseconds + 1;
  for (let left = until - Date.now(); left > 0; left = until - Date.now()) {
    await new Promise((resolve) => setTimeout(resolve, left));
  }
}

function makeSessions(shared: SharedStore, sessionTimeout = 900): Sessions {
  const { clock } = shared;
  return new Sessions({
    store: shared.open(),
    sessionTimeout,
    ...clock === undefined ? {} : { clock },
  });
}
