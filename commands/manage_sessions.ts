import { describe } from "../base/describe.ts";
import { listUndelivered } from "../persistence/session_list.ts";
import { type SessionsOptions, storeOf } from "../program/sessions_options.ts";
import type { StoreUrl } from "../program/store_url.ts";
import type { StoredSession } from "../stores/store.ts";
import { changeEach, endSession } from "./change_each.ts";
import type { OpenedStore } from "./opened_store.ts";
import { Progress } from "./progress.ts";
import { readInTurns } from "./read_in_turns.ts";
import {
  infoOf,
  lettersText,
  listText,
  sessionOf,
  sessionText,
} from "./session_texts.ts";

/**
 * Runs a command for the sessions in a store. Prints the result to stdout, and
 * progress and missing sessions to stderr.
 *
 * @returns false if the command names a session that does not exist.
 * @throws {UsageError} If no store is named, or an option is not for its kind.
 * @throws {Error} If the store cannot be opened, or fails.
 */
export async function manageSessions(
  options: SessionsOptions,
): Promise<boolean> {
  const url = storeOf(options, storeOfEnvironment());
  const opened = await open(url, options);
  // Node 22 has no `await using`.
  try {
    return await manage(opened, url, options);
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

async function manage(
  opened: OpenedStore,
  url: StoreUrl,
  options: SessionsOptions,
): Promise<boolean> {
  const print = (value: unknown, text: () => string) =>
    console.log(options.json ? JSON.stringify(value, null, 2) : text());
  switch (options.command) {
    case "list": {
      const { sessions, isCut } = await list(opened, options);
      const now = sessions[0]?.now ?? 0;
      print(sessions.map(infoOf), () => listText(sessions, now));
      if (isCut) console.error("There are more sessions: see --limit");
      return true;
    }
    case "show":
      return await show(opened, options, print);
    case "end": {
      const { store } = opened;
      const { principal } = options;
      const uids = principal === undefined
        ? options.uids
        : await store.uidsOf(principal);
      const { done, missing } = await changeEach(
        uids,
        "ended",
        (uid) => endSession(store, uid),
      );
      // The command did not name a session that ended by itself meanwhile.
      const absent = principal === undefined ? missing : [];
      print({ ended: done, missing: absent }, () => `Ended ${count(done)}`);
      return report("end session", absent);
    }
    case "dead-letters": {
      const letters = await listUndelivered(opened.store);
      print(letters, () => lettersText(letters));
      return true;
    }
    case "retry":
      return await changeLetters(opened, options, print, {
        key: "retried",
        change: (uid) => opened.store.retryDeadLetter(uid),
      });
    case "delete":
      return await changeLetters(opened, options, print, {
        key: "deleted",
        change: (uid) => opened.store.deleteDeadLetter(uid),
      });
    case "check":
      return await check(opened, url, print);
  }
}

/** Prints a result: as JSON, or as text for people. */
type Print = (value: unknown, text: () => string) => void;

async function open(
  url: StoreUrl,
  { prefix, cluster, schema }: SessionsOptions,
): Promise<OpenedStore> {
  const { kind, address } = url;
  try {
    // Each store is loaded only if it is named.
    switch (kind) {
      case "sqlite":
        return (await import("./open_sqlite.ts")).openSqlite(address);
      case "redis":
        return await (await import("./open_redis.ts"))
          .openRedis(address, { prefix, cluster });
      case "postgres":
        return await (await import("./open_postgres.ts"))
          .openPostgres(address, schema);
    }
  } catch (cause) {
    throw new Error(
      `Cannot open the store ${describe(url.shown)}: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

/**
 * Returns the messages of an error. Clients of Node join the failures of several
 * addresses in an error without a message.
 */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return [...new Set(error.errors.map(reasonOf))].join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}

/** Returns the store that the environment names, if it may be read. */
function storeOfEnvironment(): string | undefined {
  const variable = "CURFEW_STORE";
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  if (state !== "granted") return undefined;
  return Deno.env.get(variable);
}

async function list(
  opened: OpenedStore,
  { principal, within, limit }: SessionsOptions,
): Promise<{ sessions: StoredSession[]; isCut: boolean }> {
  const pages = principal === undefined
    ? opened.uids()
    : [await opened.store.uidsOf(principal)];
  const progress = new Progress("Read", undefined);
  const found = new Map<string, StoredSession>();
  for await (const page of pages) {
    const sessions = await readInTurns(page, async (uid) => {
      const session = await load(opened, uid);
      progress.add(1);
      return session;
    });
    let isPast = false;
    for (const session of sessions) {
      if (session === undefined) continue;
      isPast ||= session.deadline > session.now + within * 1000;
      if (session.deadline <= session.now + within * 1000) {
        found.set(session.uid, session);
      }
    }
    // All lists but that of a principal come in the order of deadlines.
    if (principal === undefined && (isPast || found.size > limit)) break;
  }
  const sorted = [...found.values()].sort((a, b) => a.deadline - b.deadline);
  return { sessions: sorted.slice(0, limit), isCut: sorted.length > limit };
}

/** Loads a session without touching it. */
async function load(
  { store }: OpenedStore,
  uid: string,
): Promise<StoredSession | undefined> {
  return await store.load(uid, { tokenHash: "", touch: false, grace: 0 });
}

async function show(
  opened: OpenedStore,
  { uids: [uid = ""], values }: SessionsOptions,
  print: Print,
): Promise<boolean> {
  const session = await load(opened, uid);
  if (session !== undefined) {
    print(sessionOf(session, values), () => sessionText(session, values));
    return true;
  }
  const letters = await opened.store.listDeadLetters();
  const isLetter = letters.some(({ session }) => session.uid === uid);
  console.error(
    `Cannot show session ${describe(uid)}: it ${
      isLetter
        ? 'has ended, and is a dead letter: see "dead-letters"'
        : "is not in the store, or has ended"
    }`,
  );
  return false;
}

async function changeLetters(
  { store }: OpenedStore,
  { uids, all }: SessionsOptions,
  print: Print,
  { key, change }: {
    readonly key: "retried" | "deleted";
    readonly change: (uid: string) => Promise<boolean> | boolean;
  },
): Promise<boolean> {
  const chosen = all
    ? (await store.listDeadLetters()).map(({ session }) => session.uid)
    : uids;
  const { done, missing } = await changeEach(chosen, key, change);
  const absent = all ? [] : missing;
  const verb = key === "retried" ? "Retried" : "Deleted";
  const { length } = done;
  print(
    { [key]: done, missing: absent },
    () => `${verb} ${length} ${length === 1 ? "dead letter" : "dead letters"}`,
  );
  return report(key === "retried" ? "retry" : "delete", absent);
}

/** Prints a line for each session that does not exist. */
function report(verb: string, missing: readonly string[]): boolean {
  const what = verb === "end session"
    ? "it is not in the store, or has ended"
    : "it is not a dead letter";
  for (const uid of missing) {
    console.error(`Cannot ${verb} ${describe(uid)}: ${what}`);
  }
  return missing.length === 0;
}

async function check(
  { store }: OpenedStore,
  { shown }: StoreUrl,
  print: Print,
): Promise<boolean> {
  const warnings = await store.check?.() ?? [];
  const { length: deadLetters } = await store.listDeadLetters();
  print({ store: shown, warnings, deadLetters }, () =>
    [
      `The store ${describe(shown)} is suitable for sessions`,
      ...warnings.map((warning) => `- ${warning}`),
      `Dead letters: ${deadLetters}`,
    ].join("\n"));
  return true;
}

function count({ length }: readonly unknown[]): string {
  return `${length} ${length === 1 ? "session" : "sessions"}`;
}
