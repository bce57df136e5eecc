import type { Program } from "./processes.ts";

/** Makes the program that serves on a port. */
export type ProgramOnPort = (port: number) => Program;

/** Debian's, which has Twisted, whatever other is first on the PATH. */
export const PYTHON = "/usr/bin/python3";

/** A program on Deno, with arguments after the port. */
export function onDeno(
  file: string,
  ...args: readonly number[]
): ProgramOnPort {
  return (port) => ({
    command: Deno.execPath(),
    args: [
      "run",
      "--allow-all",
      "--no-lock",
      // Peers are looked for where npm has put them.
      "--node-modules-dir=manual",
      pathOf(file),
      `${port}`,
      ...args.map(String),
    ],
  });
}

/** A program on Node. */
export function onNode(file: string): ProgramOnPort {
  return (port) => ({ command: "node", args: [pathOf(file), `${port}`] });
}

/** A program on Python. */
export function onPython(file: string): ProgramOnPort {
  return (port) => ({ command: PYTHON, args: [pathOf(file), `${port}`] });
}

/** The path of a file of the benchmarks. */
export function pathOf(file: string): string {
  return decodeURIComponent(new URL(file, import.meta.url).pathname);
}
