// The middleware that docs/frameworks.md shows for SvelteKit and Astro, in built
// applications of both. Deno runs their tools and servers.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { packForNpm } from "../../tools/npm.ts";
import { Client } from "../everywhere/client.ts";
import {
  addressOf,
  makeFolder,
  runDeno,
  systemTest,
} from "../helpers_process.ts";
import { guideFor } from "./helpers_guide.ts";
import packages from "./frameworks.json" with { type: "json" };

const LIST = JSON.stringify(packages);

/** Milliseconds for a test, of which the first one installs the frameworks. */
const INSTALLING = 300_000;

/** An application of a framework. */
interface Application {
  /** Its files; the middleware of the guide is added. */
  readonly files: Record<string, string>;
  /** The file that the guide names for the middleware. */
  readonly middleware: string;
  /** The arguments of Deno that build the application. */
  readonly build: readonly string[];
  /** The module of the built application that exports its `handler`. */
  readonly handler: string;
}

/** The endpoints of both frameworks: what each does with the visit. */
const ENDPOINTS = {
  login: 'return new Response(locals.visit.logIn("ann").uid);',
  look: "return new Response(`${locals.visit.principal}`);",
  logout: 'locals.visit.logOut(); return new Response("bye");',
  fail: 'locals.visit.getSession(); throw new Error("broken");',
  events: `const events = locals.visit.getSession().events(locals.visit);
    events.send({ data: "hello" });
    return events.response;`,
};

const SVELTEKIT: Application = {
  files: {
    "src/app.html": "%sveltekit.head% %sveltekit.body%",
    "vite.config.js": `import { sveltekit } from "@sveltejs/kit/vite";
      import adapter from "@sveltejs/adapter-node";
      export default { plugins: [sveltekit({ adapter: adapter() })] };`,
    "src/routes/plain/+page.svelte": "<p>plain</p>",
    "src/routes/visit/+page.server.js": `export const load = ({ locals }) => (
      { uid: locals.visit.getSession().uid });`,
    "src/routes/visit/+page.svelte":
      "<script>let { data } = $props();</script><p>{data.uid}</p>",
    ...endpoints((name) => `src/routes/${name}/+server.js`),
  },
  middleware: "src/hooks.server.ts",
  build: ["node_modules/vite/bin/vite.js", "build"],
  handler: "./build/handler.js",
};

const ASTRO: Application = {
  files: {
    "astro.config.mjs": `import node from "@astrojs/node";
      export default {
        output: "server",
        adapter: node({ mode: "middleware" }),
      };`,
    "src/pages/plain.astro": "<p>plain</p>",
    "src/pages/visit.astro": "<p>{Astro.locals.visit.getSession().uid}</p>",
    ...endpoints((name) => `src/pages/${name}.js`),
  },
  middleware: "src/middleware.ts",
  build: ["node_modules/astro/bin/astro.mjs", "build"],
  handler: "./dist/server/entry.mjs",
};

function endpoints(path: (name: string) => string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(ENDPOINTS).map(([name, code]) => [
      path(name),
      `export const GET = ({ locals }) => { ${code} };`,
    ]),
  );
}

/** Builds an application in a folder, and returns a program that serves it. */
async function start(folder: string, { build, handler }: Application) {
  const built = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", ...build],
    cwd: folder,
    env: { ASTRO_TELEMETRY_DISABLED: "1" },
  }).output();
  const { stdout, stderr, success } = built;
  const decoder = new TextDecoder();
  assert(success, decoder.decode(stdout) + decoder.decode(stderr));
  Deno.writeTextFileSync(
    `${folder}/serve.js`,
    `import { createServer } from "node:http";
    import { handler } from "${handler}";
    const server = createServer(handler);
    server.listen(0, "127.0.0.1", () => {
      console.error("Listening on http://127.0.0.1:" + server.address().port);
    });`,
  );
  return runDeno(["-A", "serve.js"], { cwd: folder });
}

/** Puts the frameworks and the package into a folder, as npm does. */
async function install(folder: string): Promise<void> {
  const hash = createHash("sha256").update(LIST).digest("hex").slice(0, 16);
  const frameworks = `${tmpdir()}/curfew-frameworks-${hash}`;
  if (!await exists(`${frameworks}/installed`)) {
    await Deno.mkdir(frameworks, { recursive: true });
    await Deno.writeTextFile(`${frameworks}/package.json`, LIST);
    await run(frameworks, "npm", "install", "--no-audit", "--no-fund");
    await Deno.writeTextFile(`${frameworks}/installed`, "");
  }
  const modules = `${folder}/node_modules`;
  await Deno.mkdir(`${modules}/@curfew/web`, { recursive: true });
  for await (const { name } of Deno.readDir(`${frameworks}/node_modules`)) {
    if (name.startsWith(".")) continue;
    const found = `${frameworks}/node_modules/${name}`;
    await Deno.symlink(found, `${modules}/${name}`);
  }
  await packForNpm(`${folder}/curfew.tgz`);
  await run(
    folder,
    ...["tar", "-xzf", "curfew.tgz", "--strip-components=1"],
    ...["-C", `${modules}/@curfew/web`],
  );
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

async function run(cwd: string, program: string, ...args: string[]) {
  const command = new Deno.Command(program, { args, cwd });
  const { success, stderr } = await command.output();
  assert(success, `${program} ${args}: ${new TextDecoder().decode(stderr)}`);
}

for (
  const [name, application] of Object.entries({
    SvelteKit: SVELTEKIT,
    Astro: ASTRO,
  })
) {
  systemTest(
    ["npm", "tar"],
    `The guide's middleware gives pages of ${name} their sessions`,
    async () => {
      const { files, middleware } = application;
      using folder = makeFolder({
        ...files,
        "package.json": LIST,
        [middleware]: `import { Sessions } from "@curfew/web/sessions";
        const sessions = new Sessions();
        ${guideFor(middleware)}`,
      });
      await install(folder.path);
      await using program = await start(folder.path, application);
      const address = await addressOf(program);
      const client = new Client((request) =>
        fetch(request.url.replace("http://localhost", address), request)
      );

      const plain = await client.send("/plain");
      assertEquals([plain.status, plain.setCookie], [200, null]);

      const first = await client.send("/visit");
      const [, uid = ""] = /<p>([0-9a-f]{32})<\/p>/.exec(first.text) ?? [];
      assertStringIncludes(first.setCookie!, `session=${uid}`);
      const second = await client.send("/visit");
      assertStringIncludes(second.text, uid);
      assertEquals(second.setCookie, null);

      const login = await client.send("/login");
      assertEquals(login.text, uid);
      assertStringIncludes(login.setCookie!, `session=${uid}`);
      assertEquals((await client.send("/fail")).status, 500);
      assertEquals((await client.send("/look")).text, "ann");

      const events = (await client.open("/events")).text();
      const logout = await client.send("/logout");
      assertStringIncludes(logout.setCookie!, "session=;");
      assertStringIncludes(await events, "data: hello");
      assertStringIncludes(
        await events,
        'event: end\ndata: {"reason":"logout"}',
      );
      assertEquals((await client.send("/look")).text, "undefined");
    },
    INSTALLING,
  );
}
