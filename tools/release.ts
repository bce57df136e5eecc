/**
 * Prepares a checkout for `deno publish`: checks that the tag names the version,
 * and takes `links` and the folder of the links away, so that `@std` comes from
 * JSR.
 *
 *     deno task release v0.2.0
 *
 * @module
 */

/** A configuration, as far as a release changes it. */
export interface Config {
  version: string;
  links?: string[];
}

/**
 * Returns the configuration to publish.
 *
 * @throws {Error} If the tag is not that of the version.
 */
export function released(config: Config, tag: string): Config {
  if (tag !== `v${config.version}`) {
    throw new Error(
      `Cannot release ${tag}: deno.json says that this is version ${config.version}`,
    );
  }
  const { links: _, ...rest } = config;
  return rest;
}

if (import.meta.main) {
  const [tag = ""] = Deno.args;
  const file = new URL("../deno.json", import.meta.url);
  const config = released(JSON.parse(await Deno.readTextFile(file)), tag);
  await Deno.writeTextFile(file, `${JSON.stringify(config, null, 2)}\n`);
  await Deno.remove(new URL("std", import.meta.url), { recursive: true });
}
