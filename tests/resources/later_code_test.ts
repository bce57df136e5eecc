// Code of resources that is loaded when it is first needed.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { makeFolder, ROOT, testWith } from "../helpers_process.ts";

/** Runs a program in a process of its own, which has not loaded the code yet. */
async function run(program: string, ...args: string[]): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", ...args, `${PRELUDE}${program}`],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  return text.trim();
}

const PRELUDE = `
  import { HttpError, Resource, Site } from "./mod.ts";
  const visit = (site, path = "/", init) =>
    site.fetch(new Request("http://localhost" + path, init));
`;

testWith(
  ["run"],
  "Site.fetch() waits for the code that answers errors at the first error only",
  async () => {
    const text = await run(`
      const site = new Site(new Resource());
      const first = visit(site);
      console.log(first instanceof Promise, (await first).status);
      const second = visit(site);
      console.log(second instanceof Response, second.status);
    `);
    assertEquals(text, "true 404\ntrue 404");
  },
);

testWith(
  ["run", "write"],
  "Site.fetch() answers errors by their status if the code cannot be loaded",
  async () => {
    using folder = makeFolder();
    const map = `${folder.path}/map.json`;
    const imports = {
      [new URL("resources/later_code.ts", ROOT).href]:
        "file:///nowhere/code.ts",
    };
    Deno.writeTextFileSync(map, JSON.stringify({ imports }));
    const text = await run(
      `
      const root = new Resource().putChild("", new class extends Resource {
        render_GET(request) {
          request.getSession();
          throw new Error("broken");
        }
      }());
      const errors = [];
      const onError = (error) => errors.push(error.message);
      const site = new Site(root, { onError });
      const broken = await visit(site);
      console.log(broken.status, broken.headers.has("set-cookie"));
      console.log((await visit(site, "/nowhere")).status);
      console.log(errors.join("\\n"));
    `,
      `--import-map=${map}`,
    );
    assertStringIncludes(text, "500 true\n404\nbroken\n");
    assertStringIncludes(text, "/nowhere/code.ts");
  },
);

testWith(
  ["run"],
  "SiteOptions.accessLog makes the first request wait for the code of its lines",
  async () => {
    const text = await run(`
      const lines = [];
      const accessLog = (line) => lines.push(line.split('"')[1]);
      const root = new class extends Resource {
        isLeaf = true;
        render_GET() {
          return "tea";
        }
      }();
      const site = new Site(root, { accessLog });
      const first = visit(site, "/1");
      console.log(first instanceof Promise);
      await first;
      console.log(visit(site, "/2") instanceof Response);
      console.log(lines.join());
    `);
    assertEquals(text, "true\ntrue\nGET /1 HTTP/1.1,GET /2 HTTP/1.1");
  },
);
