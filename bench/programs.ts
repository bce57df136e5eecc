import type { Program } from "./processes.ts";

/** Makes the program that serves on a port. */
export type ProgramOnPort = (port: number) => Program;

/** Debian's Python, which has Twisted; another may be first on the PATH. */
export const PYTHON = "/usr/bin/python3";

/** Makes a program on Deno, with arguments after the port. */
export function onDeno(
  file: string,
  ...args: readonly (string | number)[]
): ProgramOnPort {
  return (port) => denoRun([], [pathOf(file), port, ...args]);
}

/** Makes a program on Deno that shares its port, which is unstable in Deno 2.9. */
export function onDenoSharingPort(file: string): ProgramOnPort {
  return (port) => denoRun(["--unstable-net"], [pathOf(file), port]);
}

/** Makes a peer on Deno, with the folder of its packages. */
export function onDenoWithPackages(file: string): ProgramOnPort {
  return (port) =>
    denoRun(["--no-lock", "--node-modules-dir=manual"], [pathOf(file), port]);
}

/** Makes a program on Node. */
export function onNode(file: string): ProgramOnPort {
  return (port) => ({ command: "node", args: [pathOf(file), `${port}`] });
}

/** Makes a program on Python. */
export function onPython(file: string): ProgramOnPort {
  return (port) => ({ command: PYTHON, args: [pathOf(file), `${port}`] });
}

/** Returns the path of a file of the benchmarks. */
export function pathOf(file: string): string {
  return decodeURIComponent(new URL(file, import.meta.url).pathname);
}

function denoRun(
  flags: readonly string[],
  words: readonly (string | number)[],
): Program {
  return {
    command: Deno.execPath(),
    args: ["run", "--allow-all", ...flags, ...words.map(String)],
  };
}
