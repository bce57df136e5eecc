/** The CPUs that the server and the client are kept on. */
export interface CpuPair {
  readonly server: number;
  readonly client: number;
}

/**
 * Two CPUs that do not share a core, or undefined where processes cannot be
 * kept on a CPU: there is only one, no `taskset`, or no `/proc`.
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

/** The CPUs on the core of one: they slow each other down. */
async function siblingsOf(cpu: number): Promise<readonly number[]> {
  try {
    const path =
      `/sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`;
    return expand((await Deno.readTextFile(path)).trim());
  } catch {
    // Some virtual machines do not tell.
    return [cpu];
  }
}

/** The numbers of a list such as `0-3,8`. */
function expand(list: string): number[] {
  return list.split(",").filter((part) => part !== "").flatMap((part) => {
    const [first = NaN, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
