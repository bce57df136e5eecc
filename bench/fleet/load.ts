import { familyCpuSeconds } from "../processes.ts";
import type { Member } from "./members.ts";
import type { Counters, Servers } from "./servers.ts";

/** What was used since a start. */
export interface Load {
  /** Milliseconds. */
  readonly at: number;
  /** CPU seconds by the names of programs. */
  readonly cpu: Readonly<Record<string, number>>;
  /** CPU seconds of all programs on the machine, and those without a program. */
  readonly machine: { readonly busy: number; readonly idle: number };
}

/** What a phase used. */
export interface Used {
  readonly seconds: number;
  readonly counters: Counters;
  /** The share of one CPU by the names of programs, from 0 on. */
  readonly cpu: Readonly<Record<string, number>>;
  /** The share of all CPUs that programs used, others included. */
  readonly machine: number;
}

/** Reads what was used so far. */
export async function readLoad(
  servers: Servers,
  members: readonly Member[],
): Promise<Load> {
  const cpu: Record<string, number> = {};
  for (const { name, pid } of [...servers.programs, ...members]) {
    cpu[name] = await familyCpuSeconds(pid);
  }
  return { at: performance.now(), cpu, machine: await readMachine() };
}

/** Returns what was used between two readings, without the counters. */
export function usedBetween(before: Load, after: Load): Omit<Used, "counters"> {
  const seconds = (after.at - before.at) / 1000;
  const busy = after.machine.busy - before.machine.busy;
  const idle = after.machine.idle - before.machine.idle;
  return {
    seconds,
    cpu: Object.fromEntries(
      Object.entries(difference(before.cpu, after.cpu))
        .map(([name, used]) => [name, used / seconds]),
    ),
    machine: busy / (busy + idle),
  };
}

/** Returns how much each of two readings has grown. */
export function difference(before: Counters, after: Counters): Counters {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, value]) => [name, value - (before[name] ?? 0)]),
  );
}

async function readMachine(): Promise<Load["machine"]> {
  const text = await Deno.readTextFile("/proc/stat");
  const [user = 0, nice = 0, system = 0, idle = 0, io = 0, irq = 0, soft = 0] =
    text.split("\n", 1)[0]!.trim().split(/\s+/).slice(1).map(Number);
  return {
    busy: (user + nice + system + irq + soft) / 100,
    idle: (idle + io) / 100,
  };
}
