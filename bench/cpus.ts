/** The CPUs to which the server and the client are pinned. */
export interface CpuPair {
  readonly server: number;
  readonly client: number;
}

/**
 * Returns two CPUs of different cores. Returns undefined if processes cannot be
 * pinned: there is one CPU, no `taskset`, or no `/proc`.
 */
export async function pickCpus(): Promise<CpuPair | undefined> {
  try {
    await new Deno.Command("taskset", { args: ["-V"], stdout: "null" })
      .output();
    const status = await Deno.readTextFile("/proc/self/status");
    const [, list = ""] = /^Cpus_allowed_list:\s*(\S+)/m.exec(status) ?? [];
    const [server, ...others] = expand(list);
    if (server === undefined) return undefined;
    const siblings = await siblingsOf(server);
    const client = others.find((cpu) => !siblings.includes(cpu)) ?? others[0];
    return client === undefined ? undefined : { server, client };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Returns the CPUs on the core of a CPU, which slow each other down. */
async function siblingsOf(cpu: number): Promise<readonly number[]> {
  try {
    const path =
      `/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`;
    return expand((await Deno.readTextFile(path)).trim());
  } catch {
    // Some virtual machines lack this file.
    return [cpu];
  }
}

/** Parses a list such as `0-3,8`. */
function expand(list: string): number[] {
  return list.split(",").filter((part) => part !== "").flatMap((part) => {
    const [first = NaN, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
