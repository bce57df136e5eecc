/**
 * What the tests share that run the programs of the guides as a reader would: in a
 * folder of their own.
 *
 * @module
 */

import { assert } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { type Folder, makeFolder, ROOT } from "../helpers_process.ts";

/** Returns the text of a guide. */
export function readGuide(name: string): string {
  return Deno.readTextFileSync(new URL(`docs/${name}`, ROOT));
}

/** Returns the blocks of a language in a text; what stands behind it may differ. */
export function blocksOf(text: string, language: string): string[] {
  const pattern = new RegExp(
    "^```" + language + "\\b[^\\n]*\\n(.*?)^```$",
    "gms",
  );
  const blocks = [...text.matchAll(pattern)].map(([, block = ""]) => block);
  assert(blocks.length > 0, `The guide has no block of ${language}`);
  return blocks;
}

/** Returns the part of a guide below a heading. */
export function sectionOf(text: string, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  assert(rest !== undefined, `The guide has no heading "${heading}"`);
  return rest.split("\n## ", 1)[0]!;
}

/** Makes a folder with files, and what `deno add jsr:@curfew/web` would add. */
export function makeProject(files: Record<string, string>): Folder {
  const ours = Object.entries(config.exports).map(([name, path]) =>
    [`@curfew/web${name.slice(1)}`, new URL(path, ROOT).href] as const
  );
  const { hono } = config.scopes["./docs/"];
  const project = {
    imports: { ...config.imports, ...Object.fromEntries(ours), hono },
    links: config.links.map((path) => new URL(path, ROOT).pathname),
    lock: false,
  };
  return makeFolder({ ...files, "deno.json": JSON.stringify(project) });
}

/** Returns a program that listens on a free port in place of 8080. */
export function withFreePort(program: string): string {
  const changed = program.replace("tcp:8080", "tcp:0:interface=127.0.0.1")
    .replace("port: 8080", 'port: 0, hostname: "127.0.0.1"');
  assert(changed !== program, "The program does not listen on port 8080");
  return changed;
}
