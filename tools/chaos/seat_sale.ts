import type { Hold } from "../../session/hold.ts";
import type { Session, SessionEnd } from "../../session.ts";

/**
 * Seconds for which a seat is reserved: longer than a stall of the machine, and
 * short enough for many buyers who are killed.
 */
const RESERVED_FOR = 4;

/** The longest sale, in milliseconds. */
const WORK = 8;

/** The acts in the file of a seat, each with a fencing number. */
export type SeatAct = "held" | "sold" | "released" | "free";

/** A line in the file of a seat. */
export interface SeatLine {
  readonly act: SeatAct;
  readonly fence: number;
}

/** The file of a seat; only the hold keeps two nodes from selling it. */
export function seatPath(folder: string, seat: string): string {
  return `${folder}/seat-${seat}`;
}

/** Reads what has happened to a seat. */
export function readSeat(path: string): SeatLine[] {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.trim().split("\n").map((line) => {
    const [act, fence] = line.split(" ");
    return { act: act as SeatAct, fence: Number(fence) };
  });
}

/**
 * Sells a seat to a session.
 *
 * @param how "buy", or "leave" to reserve the seat and go away.
 * @returns what became of it: "taken" by another, "bought", "sold" before, "late",
 * or "left".
 */
export async function sellSeat(
  session: Session,
  { folder, seat, how }: {
    readonly folder: string;
    readonly seat: string;
    readonly how: string;
  },
): Promise<string> {
  const key = `seat ${seat}`;
  const options = { seconds: RESERVED_FOR, then: "free", argument: seat };
  const hold = await session.hold(key, options);
  if (hold === undefined) return "taken";
  const path = seatPath(folder, seat);
  if (isLate(hold)) return "late";
  write(path, "held", hold.fence);
  const isSold = readSeat(path).some(({ act }) => act === "sold");
  await new Promise((resolve) => setTimeout(resolve, Math.random() * WORK));
  if (how === "leave" && !isSold) return "left";
  if (!isSold) {
    if (isLate(hold)) return "late";
    write(path, "sold", hold.fence);
  }
  if (await session.release(key)) write(path, "released", hold.fence);
  return isSold ? "sold" : "bought";
}

/** Notes that the hold of a seat has ended without a release. */
export async function freeSeat(
  folder: string,
  seat: string,
  { hold }: SessionEnd,
): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.random() * WORK));
  write(seatPath(folder, seat), "free", hold!.fence);
}

function isLate({ expiresAt }: Hold): boolean {
  return Date.now() >= expiresAt * 1000;
}

function write(path: string, act: SeatAct, fence: number): void {
  Deno.writeTextFileSync(path, `${act} ${fence}\n`, { append: true });
}
