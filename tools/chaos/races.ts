import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";

/** What came of the races. */
export interface Races {
  readonly count: number;
  /** The slow request had written before the logout. */
  written: number;
  /** It found the session ended. */
  refused: number;
  /** It was answered as if it had written, after the logout was answered. */
  overtaken: number;
  /** The cookie was let in after the logout. */
  revived: number;
  /** The end was told once. */
  toldOnce: number;
  /** Something was not answered 200. */
  failed: number;
  /** What the first was answered. */
  firstFailure: string | undefined;
  /** Sessions that are left in the store in the end. */
  left: number;
  isGood: boolean;
}

/** How many races run at a time. */
const AT_ONCE = 40;

/** Milliseconds that the slow request takes at most, and the logout waits. */
const SLOW = 12;

/** Milliseconds for the last ends to be told, on a machine that is busy. */
const PATIENCE = 30_000;

/** Has slow requests to one node write while another logs the visitor out. */
export async function race(
  { count, fleet, backend }: {
    readonly count: number;
    readonly fleet: Fleet;
    readonly backend: Backend;
  },
): Promise<Races> {
  const races: Races = {
    count,
    written: 0,
    refused: 0,
    overtaken: 0,
    revived: 0,
    toldOnce: 0,
    failed: 0,
    firstFailure: undefined,
    left: 0,
    isGood: false,
  };
  const [one = "", other = ""] = fleet.origins;
  await Promise.all([one, other].map(untilServed));
  const uids: string[] = [];
  let begun = 0;
  const runSome = async () => {
    while (begun < count) {
      const isTurned = begun++ % 2 === 1;
      const nodes = isTurned ? [other, one] as const : [one, other] as const;
      try {
        uids.push(await raceOnce(nodes, races));
      } catch (error) {
        races.failed++;
        races.firstFailure ??= String(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runSome));
  const latest = Date.now() + PATIENCE;
  do {
    await pause(100);
    races.left = await backend.countSessions();
  } while (races.left > 0 && Date.now() < latest);
  const told = new Map<string, number>();
  for (const tellings of fleet.tellings().values()) {
    for (const { uid } of tellings) told.set(uid, (told.get(uid) ?? 0) + 1);
  }
  races.toldOnce = uids.filter((uid) => told.get(uid) === 1).length;
  races.isGood = races.revived === 0 && races.failed === 0 &&
    races.left === 0 && races.toldOnce === count;
  return races;
}

/** A node listens before it has reached the store. */
async function untilServed(origin: string): Promise<void> {
  const latest = Date.now() + PATIENCE;
  for (;;) {
    const { cookie } = await ask(`${origin}/visit`, "").catch((error) => {
      if (Date.now() > latest) throw error;
      return { cookie: "" };
    });
    if (cookie !== "") return void await ask(`${origin}/leave`, cookie);
    await pause(50);
  }
}

async function raceOnce(
  [slow, quick]: readonly [string, string],
  races: Races,
): Promise<string> {
  const first = await ask(`${slow}/visit`, "");
  const uid = first.text;
  let hasLeft = false;
  let wasLeftFirst = false;
  const [written] = await Promise.all([
    ask(`${slow}/slow?ms=${Math.random() * SLOW}`, first.cookie)
      .then((answer) => {
        wasLeftFirst = hasLeft;
        return answer;
      }),
    pause(Math.random() * SLOW).then(async () => {
      await ask(`${quick}/leave`, first.cookie);
      hasLeft = true;
    }),
  ]);
  // It came after the logout, and was given a session of its own.
  const strangers = written.text.startsWith(uid) ? [] : [written.cookie];
  if (written.text === `${uid} ended`) races.refused++;
  else if (strangers.length === 0 && wasLeftFirst) races.overtaken++;
  else if (strangers.length === 0) races.written++;
  for (const stranger of strangers) await ask(`${quick}/leave`, stranger);
  const seen = await Promise.all(
    [slow, quick].map((node) => ask(`${node}/who`, first.cookie)),
  );
  if (seen.some(({ text }) => text === uid)) races.revived++;
  return uid;
}

async function ask(
  url: string,
  cookie: string,
): Promise<{ text: string; cookie: string }> {
  const headers: HeadersInit = cookie === "" ? {} : { cookie };
  const response = await fetch(url, { headers });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url}: ${response.status}`);
  const set = response.headers.getSetCookie()[0]?.split(";")[0] ?? "";
  return { text, cookie: set };
}

/** The outcome in words. */
export function describeRaces(races: Races): string {
  return `races: ${races.count}: ${races.written} written before the logout was answered, ${races.overtaken} answered after it, ${races.refused} refused, ${
    races.count - races.written - races.overtaken - races.refused -
    races.failed
  } came too late
revived: ${races.revived} (must be 0)
told once: ${races.toldOnce} (must be all)
failed: ${races.failed}${
    races.firstFailure === undefined ? "" : ` (${races.firstFailure})`
  }; left in the store: ${races.left} (must be 0)
${races.isGood ? "No logout was undone." : "SOMETHING IS WRONG."}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
