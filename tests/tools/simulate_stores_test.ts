// Some seeds over stores that are slow to simulate: `deno task simulate` has more.

import { testWith } from "../helpers_process.ts";

const { state } = Deno.permissions.querySync({ name: "read" });

// The interpreter of Lua reads its code when it is imported.
if (state === "granted") await import("./helpers_simulate_stores.ts");
else {
  testWith(
    ["read"],
    "simulate() breaks no promise over RedisStore and PostgresStore",
    () => {},
  );
}
