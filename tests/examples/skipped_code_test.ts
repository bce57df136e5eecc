// The code of the documents that is not run, since it listens or needs a server,
// compiles all the same.

import { assert, assertEquals } from "@std/assert";
import { testWith } from "../helpers_process.ts";
import { readDocuments } from "./helpers_documents.ts";
import { makeProject } from "./helpers_guides.ts";

/** Blocks that are parts of modules, or of frameworks that tests do not install. */
const FRAGMENTS =
  /because (it is a part|each line|it needs the types|it runs in)|is not installed/;

/** Names that a reader has, by what a module uses. */
const GIVEN: Readonly<Record<string, string>> = {
  sessions: 'declare const sessions: import("@curfew/web/sessions").Sessions;',
  unlock: "declare function unlock(uid: string): void;",
};

/** Returns the modules by names that say where they are from. */
function modulesOf(documents: ReadonlyMap<string, string>) {
  const modules: Record<string, string> = {};
  for (const [path, text] of documents) {
    const blocks = text.matchAll(/^```ts ignore ([^\n]*)\n(.*?)^```$/gms);
    for (const [index, [, why = "", code = ""]] of [...blocks].entries()) {
      if (FRAGMENTS.test(why)) continue;
      const given = Object.entries(GIVEN)
        .filter(([name]) => new RegExp(`\\b${name}\\b`).test(code))
        .filter(([name]) =>
          !new RegExp(`(const|function) ${name}\\b`).test(code)
        )
        .map(([, line]) => line);
      const name = path.replaceAll(/\W/g, "_");
      modules[`${name}_${index}.ts`] = [...given, code, "export {};"].join(
        "\n",
      );
    }
  }
  return modules;
}

testWith(
  ["read", "write", "run"],
  "The code of the documents that is not run compiles",
  async () => {
    const modules = modulesOf(readDocuments());
    assert(Object.keys(modules).length > 10);
    using folder = makeProject({
      ...modules,
      "document_store.ts": 'export * from "' +
        new URL("../../examples/stores/document_store.ts", import.meta.url) +
        '";',
    });
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["check", ...Object.keys(modules)],
      cwd: folder.path,
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
  },
);
