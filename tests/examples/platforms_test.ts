// What docs/platforms.md shows is run: the commands of the unit and of the
// Dockerfile, the probes, and the signal that stops the program.

import { assert, assertEquals, assertGreater } from "@std/assert";
import { parse, parseAllDocuments } from "yaml";
import {
  addressOf,
  type Folder,
  type Program,
  runDeno,
  systemTest,
  testWith,
} from "../helpers_process.ts";
import {
  blocksOf,
  makeProject,
  readGuide,
  sectionOf,
  withFreePort,
} from "./helpers_guides.ts";

/** Seconds that `listen` waits at most, for requests and then for callbacks. */
const STOP = 2 * 10;

const guide = () => readGuide("platforms.md");

/** Makes a folder with the guide's program, and a page that begins a session. */
function makeShop(): Folder {
  const [program = ""] = blocksOf(
    sectionOf(guide(), "Write the program"),
    "ts",
  );
  const withSession = withFreePort(program).replace(
    "const site =",
    `class Home extends Resource {
  override render_GET(request: import("@curfew/web").SiteRequest): string {
    return request.getSession().uid;
  }
}
root.putChild("home", new Home());
const site =`,
  );
  return makeProject({ "main.ts": withSession });
}

/** Visits the program, stops it, and expects the ends of its sessions. */
async function assertStops(program: Program): Promise<void> {
  const address = (await addressOf(program)).replace(/\/$/, "");
  const { spec } = parse(blocksOf(guide(), "yaml")[0]!).spec.template;
  for (const probe of ["readinessProbe", "livenessProbe"]) {
    const { path } = spec.containers[0][probe].httpGet;
    const response = await fetch(address + path);
    assertEquals([response.status, await response.text()], [200, "ok"]);
    assertEquals(response.headers.get("set-cookie"), null);
  }
  const uid = await (await fetch(`${address}/home`)).text();
  program.kill("SIGTERM");
  assertEquals((await program.status).code, 0);
  assertEquals(await program.stdout.rest(), [`${uid} shutdown`]);
}

testWith(
  ["read", "write", "run", "net"],
  "The commands of the Dockerfile run in an empty folder",
  async () => {
    const [text = ""] = blocksOf(guide(), "dockerfile");
    const [, install] = /^RUN deno (.*)$/m.exec(text)!;
    const [, command] = /^CMD (\[.*\])$/m.exec(text)!;
    using folder = makeShop();
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: install!.split(" "),
      cwd: folder.path,
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const [run, ...args] = JSON.parse(command!);
    assertEquals(run, "run");
    await using program = runDeno(
      args.map((arg: string) => arg.replace("/app", folder.path)),
      { cwd: folder.path },
    );
    await assertStops(program);
  },
);

testWith(
  ["read", "write", "run", "net"],
  "The command of the unit runs, and stops at SIGTERM",
  async () => {
    const [unit = ""] = blocksOf(guide(), "ini");
    const [, command] = /^ExecStart=\S+ run (.*)$/m.exec(unit)!;
    using folder = makeShop();
    const args = command!.replace("0.0.0.0:8080", "127.0.0.1:0")
      .replaceAll("/srv/shop", folder.path).split(" ");
    await using program = runDeno(args, { cwd: folder.path });
    await assertStops(program);
  },
);

systemTest(["systemd-analyze"], "systemd accepts the unit", async () => {
  const [unit = ""] = blocksOf(guide(), "ini");
  using folder = makeProject({
    "shop.service": unit.replace("/usr/bin/deno", Deno.execPath()),
  });
  const { code, stderr } = await new Deno.Command("systemd-analyze", {
    args: ["verify", `${folder.path}/shop.service`],
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});

testWith(["read"], "The supervisors wait until the program has stopped", () => {
  const text = guide();
  const [unit = ""] = blocksOf(text, "ini");
  assertGreater(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)![1]), STOP);
  for (const pattern of [/--time (\d+)/, /stop_grace_period: (\d+)s/]) {
    assertGreater(Number(pattern.exec(text)![1]), STOP);
  }
  const { spec } = parse(blocksOf(text, "yaml")[0]!).spec.template;
  const { seconds } = spec.containers[0].lifecycle.preStop.sleep;
  assertGreater(spec.terminationGracePeriodSeconds, seconds + STOP);
  const row =
    `terminationGracePeriodSeconds: ${spec.terminationGracePeriodSeconds}`;
  assert(text.includes(`\`${row}\``), row);
});

testWith(["read"], "The blocks of YAML in the guides can be read", () => {
  for (const name of ["platforms.md", "proxies.md"]) {
    for (const block of blocksOf(readGuide(name), "yaml")) {
      for (const document of parseAllDocuments(block)) {
        assertEquals(document.errors, [], name);
      }
    }
  }
});
