// The programs of docs/get_started.md, as a reader would write them.

import { assertEquals, assertMatch } from "@std/assert";
import { addressOf, runDeno, testWith } from "../helpers_process.ts";
import {
  blocksOf,
  makeProject,
  readGuide,
  sectionOf,
  withFreePort,
} from "./helpers_guides.ts";

const PROGRAMS = [
  ["With Deno, and a tree of pages", "ts", "main.ts"],
  ["With Node, and the same tree", "js", "main.js"],
  ["With Hono, and sessions only", "ts", "main.ts"],
] as const;

for (const [heading, language, file] of PROGRAMS) {
  testWith(
    ["read", "write", "run", "net"],
    `The program of "${heading}" prints the end of a session`,
    async () => {
      const section = sectionOf(readGuide("get_started.md"), heading);
      const [program = ""] = blocksOf(section, language);
      const brief = withFreePort(program)
        .replace("sessionTimeout: 5", "sessionTimeout: 0.3");
      using folder = makeProject({ [file]: brief });
      // On Deno, a package for Node asks for the environment.
      const flags = language === "js" ? ["--allow-env"] : [];
      await using run = runDeno(["--allow-net", ...flags, file], {
        cwd: folder.path,
      });
      const address = await addressOf(run);
      const page = await (await fetch(address)).text();
      const [, uid] = /Your session is ([\da-f]{32})\./.exec(page) ?? [];
      assertMatch(uid ?? page, /^[\da-f]{32}$/);
      assertEquals(await run.stdout.next(), `${uid} is gone`);
    },
  );
}
