import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";

/** The outcome of the races. */
export interface Races {
  readonly count: number;
  /** Races in which the slow request wrote before the logout. */
  written: number;
  /** Races in which the slow request found the session ended. */
  refused: number;
  /** Races in which the slow request responded as if it had written, after the logout. */
  overtaken: number;
  /** Races in which the cookie was valid after the logout. */
  revived: number;
  /** Races whose end was delivered once. */
  deliveredOnce: number;
  /** Races with a response other than 200. */
  failed: number;
  /** The error of the first such race. */
  firstFailure: string | undefined;
  /** Sessions that the store still has at the end. */
  left: number;
  isGood: boolean;
}

/** Races at the same time. */
const AT_ONCE = 40;

/** The longest delay of the slow request and of the logout, in milliseconds. */
const SLOW = 12;

/** Milliseconds until the last ends are delivered, on a busy machine. */
const LONGEST_WAIT = 30_000;

/** Lets slow requests to one node write while another node ends their session. */
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
    deliveredOnce: 0,
    failed: 0,
    firstFailure: undefined,
    left: 0,
    isGood: false,
  };
  const [one = "", other = ""] = fleet.origins;
  await Promise.all([one, other].map(untilServed));
  const uids: string[] = [];
  let started = 0;
  const runSome = async () => {
    while (started < count) {
      const isTurned = started++ % 2 === 1;
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
  const latest = Date.now() + LONGEST_WAIT;
  do {
    await pause(100);
    races.left = await backend.countSessions();
  } while (races.left > 0 && Date.now() < latest);
  const counts = new Map<string, number>();
  for (const deliveries of fleet.deliveries().values()) {
    for (const { uid } of deliveries) {
      counts.set(uid, (counts.get(uid) ?? 0) + 1);
    }
  }
  races.deliveredOnce = uids.filter((uid) => counts.get(uid) === 1).length;
  races.isGood = races.revived === 0 && races.failed === 0 &&
    races.left === 0 && races.deliveredOnce === count;
  return races;
}

/** Waits until a node responds; it listens before it has reached the store. */
async function untilServed(origin: string): Promise<void> {
  const latest = Date.now() + LONGEST_WAIT;
  for (;;) {
    const { cookie } = await request(`${origin}/visit`, "").catch((error) => {
      if (Date.now() > latest) throw error;
      return { cookie: "" };
    });
    if (cookie !== "") return void await request(`${origin}/leave`, cookie);
    await pause(50);
  }
}

async function raceOnce(
  [slow, quick]: readonly [string, string],
  races: Races,
): Promise<string> {
  const first = await request(`${slow}/visit`, "");
  const uid = first.text;
  let hasLeft = false;
  let wasLeftFirst = false;
  const [written] = await Promise.all([
    request(`${slow}/slow?ms=${Math.random() * SLOW}`, first.cookie)
      .then((response) => {
        wasLeftFirst = hasLeft;
        return response;
      }),
    pause(Math.random() * SLOW).then(async () => {
      await request(`${quick}/leave`, first.cookie);
      hasLeft = true;
    }),
  ]);
  // A request that arrived after the logout got a new session.
  const newCookies = written.text.startsWith(uid) ? [] : [written.cookie];
  if (written.text === `${uid} ended`) races.refused++;
  else if (newCookies.length === 0 && wasLeftFirst) races.overtaken++;
  else if (newCookies.length === 0) races.written++;
  for (const cookie of newCookies) await request(`${quick}/leave`, cookie);
  const seen = await Promise.all(
    [slow, quick].map((node) => request(`${node}/who`, first.cookie)),
  );
  if (seen.some(({ text }) => text === uid)) races.revived++;
  return uid;
}

async function request(
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

/** Describes the outcome. */
export function describeRaces(races: Races): string {
  return `races: ${races.count}: ${races.written} written before the logout, ${races.overtaken} overtaken by it, ${races.refused} refused, ${
    races.count - races.written - races.overtaken - races.refused -
    races.failed
  } arrived too late
revived: ${races.revived} (must be 0)
delivered once: ${races.deliveredOnce} (must be all)
failed: ${races.failed}${
    races.firstFailure === undefined ? "" : ` (${races.firstFailure})`
  }; left in the store: ${races.left} (must be 0)
${races.isGood ? "No logout was undone." : "SOMETHING IS WRONG."}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
