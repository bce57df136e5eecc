import { builtin } from "./promises.ts";

/**
 * Returns a name of this process for operators: its id, and the name of the machine
 * if that may be read without asking for the permission.
 */
export function processName(): string {
  const { process, Deno } = globalThis as {
    process?: { readonly pid?: number };
    Deno?: typeof globalThis.Deno;
  };
  const id = `process ${process?.pid ?? "of unknown id"}`;
  const permission = Deno?.permissions.querySync(
    { name: "sys", kind: "hostname" },
  );
  return permission === undefined || permission.state === "granted"
    ? `${id} on ${builtin("node:os").hostname()}`
    : id;
}
