import { assertStringIncludes } from "@std/assert";
import { ROOT } from "../helpers_process.ts";

/** Returns the code that docs/frameworks.md has for a file of an application. */
export function guideFor(file: string): string {
  const guide = Deno.readTextFileSync(new URL("docs/frameworks.md", ROOT));
  const [, rest = ""] = guide.split(`, ${file}\n`);
  const [code = ""] = rest.split(/\n\n|^```/m);
  assertStringIncludes(code, "sessions.serve(");
  return code;
}
