/** Describes the machine in a few words. */
export async function describeMachine(): Promise<string> {
  const memory = Math.round(Deno.systemMemoryInfo().total / 2 ** 30);
  return `${await cpuName()}, ${navigator.hardwareConcurrency} CPUs, ${memory} GiB of memory, ${Deno.build.os} ${Deno.osRelease()}`;
}

/** Returns the versions of the programs that measure and are measured. */
export async function programVersions(): Promise<Record<string, string>> {
  const node = await firstWords("node", "--version");
  const wrk = await wrkVersion();
  return {
    Deno: Deno.version.deno,
    ...(node === undefined ? {} : { Node: node.replace(/^v/, "") }),
    ...(wrk === undefined ? {} : { wrk }),
  };
}

/** Returns the version of wrk; undefined if it is not installed. */
export function wrkVersion(): Promise<string | undefined> {
  return versionOf("wrk", ["-v"], /wrk (?:debian\/)?(\S+)/);
}

/**
 * Returns the version of a program; undefined if it is not installed.
 *
 * @param pattern Has the version as its group, in the first line of the output.
 */
export async function versionOf(
  command: string,
  args: readonly string[],
  pattern: RegExp,
): Promise<string | undefined> {
  return pattern.exec(await firstWords(command, ...args) ?? "")?.[1];
}

/** Returns the first line of a program's output; undefined if it cannot run. */
async function firstWords(
  command: string,
  ...args: readonly string[]
): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command(command, { args: [...args] })
      .output();
    return new TextDecoder().decode(stdout).split("\n")[0];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function cpuName(): Promise<string> {
  try {
    const text = await Deno.readTextFile("/proc/cpuinfo");
    return /^model name\s*:\s*(.+)$/m.exec(text)?.[1] ?? Deno.build.arch;
  } catch {
    return Deno.build.arch;
  }
}
