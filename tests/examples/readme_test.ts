// README's first program is run as it stands, but for its port and its timeout.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";

/** Returns README's first block of code as a program that takes a free port. */
function firstProgram(): string {
  const readme = Deno.readTextFileSync(new URL("README.md", ROOT));
  const [, code = ""] = readme.match(/^```ts[^\n]*\n(.*?)^```$/ms) ?? [];
  const program = code
    .replace('"jsr:@curfew/web/sessions"', `"${ROOT}sessions.ts"`)
    .replace("sessionTimeout: 5", "sessionTimeout: 0.3")
    .replace("Deno.serve(", "Deno.serve({ port: 0 }, ");
  for (const part of [ROOT.href, "0.3", "port: 0"]) {
    assertStringIncludes(program, part, "README's first program has changed");
  }
  return program;
}

testWith(
  ["read", "write", "run", "net"],
  "README's first program tells of the end of a session",
  async () => {
    const folder = await Deno.makeTempDir();
    const file = `${folder}/main.ts`;
    await Deno.writeTextFile(file, firstProgram());
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", `--config=${ROOT.pathname}deno.json`, file],
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    try {
      const notes = linesOf(child.stderr);
      const { value: address = "" } = await notes.next();
      await notes.return?.();
      const [, port] = address.match(/localhost:(\d+)/) ?? [];
      const page = await (await fetch(`http://localhost:${port}/`)).text();
      assertMatch(page, /^You are [\da-f]{32}\. Now stay away/);
      const [, uid] = page.match(/([\da-f]{32})/)!;
      const lines = linesOf(child.stdout);
      const { value } = await lines.next();
      await lines.return?.();
      assertEquals(value, `Session ${uid} is over: idle`);
    } finally {
      child.kill();
      await child.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
);

function linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncIterator<string> {
  let rest = "";
  const lines = new TransformStream<string, string>({
    transform(text, controller) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      for (const part of parts) controller.enqueue(part);
    },
  });
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(lines)
    [Symbol.asyncIterator]();
}
