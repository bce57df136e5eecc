import type { Contender, Teller } from "./contenders.ts";

/** The sessions of one measurement. */
export interface Plan {
  readonly sessions: number;
  /** Milliseconds from the start until the first deadline. */
  readonly lead: number;
  /** Milliseconds from the first to the last deadline. */
  readonly spread: number;
  /** Whether the process that made the sessions is killed halfway. */
  readonly isKilled: boolean;
}

/** The ends that were told, by those that were due. */
export interface Result {
  readonly sessions: number;
  readonly told: number;
  readonly lost: number;
  readonly early: number;
  /** The number of second and later times that an end was told. */
  readonly doubled: number;
  /** The number of ends that were told within a second after the deadline. */
  readonly withinSecond: number;
  /** Milliseconds after the deadline; undefined if none was told. */
  readonly late: { p50: number; p99: number; max: number } | undefined;
}

/** Milliseconds by which the clocks of two processes may round differently. */
const ROUNDING = 1;

/** Milliseconds for which second tellings are awaited after the last end. */
const AFTERWARDS = 3000;

/** Milliseconds until a killed process is started again. */
const RESTART = 1000;

/** Milliseconds in which a process has made its sessions. */
const START = 180_000;

/** How often the lead is doubled for sessions that take longer to make. */
const RETRIES = 3;

/** Thrown if the first deadline has passed before all sessions are made. */
class TooSlowError extends Error {}

/**
 * Lets a contender make sessions and tell of their ends. It begins anew with a longer
 * lead if sessions take longer to make.
 */
export async function measure(
  contender: Contender,
  plan: Plan,
): Promise<Result> {
  for (let tries = 0;; tries++) {
    try {
      const lead = plan.lead * 2 ** tries;
      return await measureOnce(contender, { ...plan, lead });
    } catch (error) {
      if (!(error instanceof TooSlowError) || tries === RETRIES) throw error;
    }
  }
}

async function measureOnce(
  contender: Contender,
  plan: Plan,
): Promise<Result> {
  await using teller = await contender.start();
  const times = new Times();
  const first = Date.now() + plan.lead;
  const run = (role: "make" | "listen") =>
    new TellerProcess(teller, role, { plan, first, times });
  const running = [run("make")];
  try {
    await running[0]!.ready;
    if (Date.now() > first) {
      throw new TooSlowError("Cannot measure: --lead is too short");
    }
    while (running.length < contender.tellers) running.push(run("listen"));
    await Promise.all(running.map(({ ready }) => ready));
    await sleepUntil(first + plan.spread / 2);
    if (plan.isKilled) {
      await running[0]!.kill();
      await sleepUntil(Date.now() + RESTART);
      running.push(run("listen"));
    }
    const last = first + plan.spread;
    await sleepUntil(last);
    const latest = last + contender.patience * 1000;
    while (!times.areAllTold(plan.sessions) && Date.now() < latest) {
      await sleepUntil(Date.now() + 100);
    }
    await sleepUntil(Date.now() + AFTERWARDS);
    return times.result();
  } finally {
    await Promise.all(running.map((process) => process.kill()));
  }
}

/** The deadlines of sessions, and when their ends were told. */
class Times {
  readonly #deadlines = new Map<string, number>();
  readonly #told = new Map<string, number>();
  #doubled = 0;

  /** Takes a line that a teller has printed. */
  add(line: string): void {
    const [kind, id = "", time] = line.split(" ");
    if (kind === "made") this.#deadlines.set(id, Number(time));
    if (kind !== "told") return;
    if (this.#told.has(id)) this.#doubled++;
    else this.#told.set(id, Number(time));
  }

  areAllTold(sessions: number): boolean {
    return this.#told.size >= sessions;
  }

  result(): Result {
    const lateness = [...this.#told].map(([id, at]) =>
      at - this.#deadlines.get(id)!
    ).sort((a, b) => a - b);
    const { length } = lateness;
    const at = (part: number) =>
      Math.max(0, lateness[Math.min(length - 1, Math.floor(length * part))]!);
    return {
      sessions: this.#deadlines.size,
      told: length,
      lost: this.#deadlines.size - length,
      early: lateness.filter((time) => time < -ROUNDING).length,
      doubled: this.#doubled,
      withinSecond:
        lateness.filter((time) => time >= -ROUNDING && time <= 1000).length,
      late: length === 0
        ? undefined
        : { p50: at(0.5), p99: at(0.99), max: at(1) },
    };
  }
}

/** What a teller is to do. */
interface Task {
  readonly plan: Plan;
  readonly first: number;
  readonly times: Times;
}

/** A process that tells of ends. */
class TellerProcess {
  /** Resolves when it has made its sessions, and listens. */
  readonly ready: Promise<void>;
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<void>;

  constructor(
    { command, head, tail }: Teller,
    role: string,
    { plan, first, times }: Task,
  ) {
    const { sessions, spread } = plan;
    const numbers = [sessions, first, spread].map(String);
    this.#child = new Deno.Command(command, {
      args: [...head, role, ...numbers, ...tail],
      env: { NO_COLOR: "1", NODE_ENV: "production" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // One that does not start would stop all others.
    const timer = setTimeout(() => {
      reject(new Error(`Cannot measure: ${command} does not start`));
    }, START);
    this.ready = promise.finally(() => clearTimeout(timer));
    const errors = new Response(this.#child.stderr).text();
    this.#output = this.#read(times, resolve).then(async () =>
      reject(new Error(`Cannot measure: ${command} ended: ${await errors}`))
    );
    this.ready.catch(() => {});
  }

  /** Kills the process, and waits for the lines that it had printed. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#output;
    await this.#child.status;
  }

  async #read(times: Times, onReady: () => void): Promise<void> {
    let rest = "";
    const texts = this.#child.stdout.pipeThrough(new TextDecoderStream());
    for await (const text of texts) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        if (line === "ready") onReady();
        times.add(line);
      }
    }
  }
}

function sleepUntil(time: number): Promise<void> {
  return new Promise((resolve) =>
    setTimeout(resolve, Math.max(0, time - Date.now()))
  );
}
