import { assertEquals } from "@std/assert";
import { processName } from "../../base/process_name.ts";
import { testWith } from "../helpers_process.ts";

testWith(["sys"], "processName() names the process and its machine", () => {
  assertEquals(processName(), `process ${Deno.pid} on ${Deno.hostname()}`);
});

Deno.test("processName() names the process only, if the machine's name may not be read", () => {
  const { querySync } = Deno.permissions;
  const state = { state: "prompt" } as Deno.PermissionStatus;
  Deno.permissions.querySync = () => state;
  try {
    assertEquals(processName(), `process ${Deno.pid}`);
  } finally {
    Deno.permissions.querySync = querySync;
  }
});
