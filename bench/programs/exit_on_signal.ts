/** Ends a program in such a way that its profile is written. */

Deno.addSignalListener("SIGTERM", () => Deno.exit());
