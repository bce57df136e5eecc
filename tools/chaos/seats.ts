import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";
import { readSeat, type SeatLine, seatPath } from "./seat_sale.ts";

/** What is found in the files of seats. */
export interface SeatFindings {
  /** Seats that were sold twice. */
  doubleSales: number;
  /** Seats that no buyer could get any more. */
  lost: number;
  /** Seats that were freed when the next buyer had them, or after a release. */
  wronglyFreed: number;
  /** Holds whose fencing number was not greater than the one before. */
  wrongFences: number;
  /** Holds that were freed more than once: their node was killed meanwhile. */
  freedTwice: number;
  /** Holds that ended without a release. */
  freed: number;
}

/** The outcome of the races for seats. */
export interface SeatRaces extends SeatFindings {
  readonly count: number;
  /** Requests without an answer. */
  unanswered: number;
  /** Processes that were killed. */
  kills: number;
  /** Records that the store still has at the end. */
  left: number;
  isGood: boolean;
}

/** Races at the same time. */
const AT_ONCE = 40;

/** The share of the buyers who reserve a seat and go away. */
const LEAVING = 0.1;

/** Milliseconds until a seat counts as lost, on a busy machine. */
const LONGEST_WAIT = 60_000;

/** Lets two buyers at two nodes race for each seat, while nodes are killed. */
export async function raceForSeats(
  { count, folder, killEvery, fleet, backend }: {
    readonly count: number;
    /** The folder of the seats' files. */
    readonly folder: string;
    /** Milliseconds between two kills. */
    readonly killEvery: number;
    readonly fleet: Fleet;
    readonly backend: Backend;
  },
): Promise<SeatRaces> {
  const races: SeatRaces = {
    count,
    doubleSales: 0,
    lost: 0,
    wronglyFreed: 0,
    wrongFences: 0,
    freedTwice: 0,
    freed: 0,
    unanswered: 0,
    kills: 0,
    left: 0,
    isGood: false,
  };
  let isOver = false;
  const killing = (async () => {
    for (let node = 0;; node = (node + 1) % fleet.origins.length) {
      await pause(killEvery);
      if (isOver) return;
      await fleet.kill(node);
      races.kills++;
      await fleet.start(node);
    }
  })();
  let started = 0;
  const runSome = async () => {
    while (started < count) {
      await raceOnce(`${started++}`, folder, fleet, races);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runSome));
  isOver = true;
  await killing;
  // The last holds end, and those of nodes that were killed are delivered again.
  const latest = Date.now() + LONGEST_WAIT;
  do {
    await pause(200);
    races.left = await backend.countSessions();
  } while (races.left > 0 && Date.now() < latest);
  for (let seat = 0; seat < count; seat++) {
    judgeSeat(readSeat(seatPath(folder, `${seat}`)), races);
  }
  races.isGood = races.doubleSales === 0 && races.lost === 0 &&
    races.wronglyFreed === 0 && races.wrongFences === 0 && races.left === 0 &&
    races.freedTwice <= races.kills * AT_ONCE;
  return races;
}

/** Judges what happened to one seat. */
export function judgeSeat(
  lines: readonly SeatLine[],
  races: SeatFindings,
): void {
  const sales = lines.filter(({ act }) => act === "sold");
  if (sales.length > 1) races.doubleSales++;
  if (sales.length === 0) races.lost++;
  let last = 0;
  const released = new Set<number>();
  const freed = new Set<number>();
  for (const { act, fence } of lines) {
    if (act === "held") {
      if (fence <= last) races.wrongFences++;
      last = Math.max(last, fence);
    }
    if (act === "released") released.add(fence);
    if (act !== "free") continue;
    if (fence < last || released.has(fence)) races.wronglyFreed++;
    if (freed.has(fence)) races.freedTwice++;
    freed.add(fence);
  }
  races.freed += freed.size;
}

/** Two buyers try to get a seat until it is sold. */
async function raceOnce(
  seat: string,
  folder: string,
  fleet: Fleet,
  races: SeatRaces,
): Promise<void> {
  const latest = Date.now() + LONGEST_WAIT;
  const isSold = () =>
    readSeat(seatPath(folder, seat)).some(({ act }) => act === "sold");
  const buy = async (buyer: number) => {
    let cookie = "";
    // The second buyer stays, so that each seat has one.
    let how = buyer === 0 && Math.random() < LEAVING ? "leave" : "buy";
    while (Date.now() < latest) {
      const { origins } = fleet;
      const origin = origins[(Number(seat) + buyer) % origins.length];
      try {
        const query = `/seat?seat=${seat}&how=${how}`;
        const answer = await request(`${origin}${query}`, cookie);
        cookie = answer.cookie || cookie;
        if (answer.text === "left") {
          if (Math.random() < 0.5) await request(`${origin}/leave`, cookie);
          return;
        }
        if (answer.text === "bought" || answer.text === "sold") break;
      } catch {
        races.unanswered++;
        how = "buy";
      }
      if (isSold()) break;
      await pause(5 + Math.random() * 20);
    }
    if (cookie === "") return;
    const { origins } = fleet;
    await request(`${origins[0]}/leave`, cookie).catch(() => {});
  };
  await Promise.all([buy(0), buy(1)]);
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
export function describeSeats(races: SeatRaces): string {
  return `seats: ${races.count}, ${races.kills} nodes killed, ${races.unanswered} requests without an answer
sold twice: ${races.doubleSales} (must be 0)
lost: ${races.lost} (must be 0)
freed when another buyer had the seat, or after a release: ${races.wronglyFreed} (must be 0)
fencing numbers that did not grow: ${races.wrongFences} (must be 0)
holds that ended without a release: ${races.freed}, freed again after a kill: ${races.freedTwice}
left in the store: ${races.left} (must be 0)
${races.isGood ? "Each seat was sold once." : "SOMETHING IS WRONG."}`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
