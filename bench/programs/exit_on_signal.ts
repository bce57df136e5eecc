/** Exits normally at a signal, so that Deno writes the profile. */

Deno.addSignalListener("SIGTERM", () => Deno.exit());
