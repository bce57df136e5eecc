/**
 * Imports the client of a server, by a specifier that is computed, so that Deno
 * loads no client for other commands.
 *
 * @param specifier In the form that JSR allows: `npm:redis@^6.0.0`.
 * @throws {Error} If it cannot be loaded.
 */
export async function importClient<M>(specifier: string): Promise<M> {
  try {
    return await import(specifier) as M;
  } catch (cause) {
    throw new Error(
      `cannot load ${specifier}: ${(cause as Error).message}`,
      { cause },
    );
  }
}
