/**
 * The peers and their packages. The project does not depend on them; npm installs
 * them into a folder that only the benchmarks use.
 *
 * @module
 */

import type { Contender } from "./measure.ts";
import type { Processes } from "./processes.ts";
import {
  onDenoWithPackages,
  onNode,
  onPython,
  pathOf,
  type ProgramOnPort,
  PYTHON,
} from "./programs.ts";

/** A server of another project. */
interface Peer extends Contender {
  /** The packages that it needs. */
  readonly needs: readonly string[];
}

/** The versions of installed packages, by name. */
export type Versions = Readonly<Record<string, string>>;

/** The packages to install, pinned so that all measurements use the same. */
const PACKAGES: Versions = {
  "@fastify/cookie": "11.1.5",
  "@fastify/session": "11.1.3",
  "@oakserver/oak": "14.1.0",
  "elysia": "1.4.30",
  "express": "5.3.0",
  "express-session": "1.19.0",
  "fastify": "5.12.8",
  "h3": "2.0.8",
  "hono": "4.13.19",
  "hono-sessions": "0.8.1",
};

const TWISTED = peer(
  "Twisted Web",
  onPython("peers/twisted_web.py"),
  ["Twisted"],
);

const HONO = peer("Hono", onDenoWithPackages("peers/hono.mjs"), ["hono"]);
const ELYSIA = peer(
  "Elysia",
  onDenoWithPackages("peers/elysia.mjs"),
  ["elysia"],
);
const H3 = peer("H3", onDenoWithPackages("peers/h3.mjs"), ["h3"]);

/** The peers that are measured in both modes; their sessions are by hand. */
const IN_BOTH_MODES: readonly Peer[] = [HONO, ELYSIA, H3];

const BY_HAND: readonly Peer[] = IN_BOTH_MODES.map((peer) => ({
  ...peer,
  name: `${peer.name}, sessions by hand`,
}));

const WITH_SESSIONS: readonly Peer[] = [
  ...BY_HAND,
  peer(
    "hono-sessions on Deno",
    onDenoWithPackages("peers/hono_sessions.mjs"),
    ["hono", "hono-sessions"],
  ),
  peer(
    "@fastify/session on Node",
    onNode("peers/fastify_session.mjs"),
    ["fastify", "@fastify/cookie", "@fastify/session"],
  ),
];

/** The peers of each contest, by its name. */
const PEERS: Readonly<Record<string, readonly Peer[]>> = {
  hello: [
    ...IN_BOTH_MODES,
    // Newer versions of Oak are on JSR only.
    peer("Oak 14 on Deno", onDenoWithPackages("peers/oak.mjs"), [
      "@oakserver/oak",
    ]),
    peer("Fastify on Node", onNode("peers/fastify.mjs"), ["fastify"]),
    peer("Express on Node", onNode("peers/express.mjs"), ["express"]),
    TWISTED,
  ],
  session: [
    ...WITH_SESSIONS,
    peer(
      "express-session on Node",
      onNode("peers/express_session.mjs"),
      ["express", "express-session"],
    ),
    TWISTED,
  ],
  new: [...WITH_SESSIONS, TWISTED],
  "mixed-hello": IN_BOTH_MODES,
  "mixed-session": BY_HAND,
  "mixed-new": BY_HAND,
};

const FOLDER = pathOf(".peers");

/** Returns the peers of a contest whose packages are installed. */
export function peersOf(contest: string, versions: Versions): Contender[] {
  return (PEERS[contest] ?? []).filter(({ needs }) =>
    needs.every((name) => name in versions)
  );
}

/**
 * Installs the packages of the peers, and prints a line for each failure.
 *
 * @returns the versions of the installed packages.
 */
export async function installPeers(
  processes: Processes,
  say: (line: string) => void,
): Promise<Versions> {
  const missing = Object.keys(PACKAGES).filter((name) => !isInstalled(name));
  if (missing.length > 0) {
    say(`Installing ${missing.join(", ")} into ${FOLDER}`);
    try {
      await install(missing, processes);
    } catch {
      // One by one: a package that fails must not prevent the others.
      for (const name of missing) {
        await install([name], processes).catch(skip(name, say));
      }
    }
  }
  const installed = Object.entries(PACKAGES).filter(([name]) =>
    isInstalled(name)
  );
  const twisted = await processes
    .run({
      command: PYTHON,
      args: ["-c", "import twisted; print(twisted.__version__)"],
    })
    .catch(skip("Twisted", say));
  return {
    ...Object.fromEntries(installed),
    ...(twisted === undefined ? {} : { Twisted: twisted.trim() }),
  };
}

function peer(
  name: string,
  program: ProgramOnPort,
  needs: readonly string[],
): Peer {
  return { name, program, needs };
}

function isInstalled(name: string): boolean {
  try {
    const path = `${FOLDER}/node_modules/${name}/package.json`;
    return JSON.parse(Deno.readTextFileSync(path)).version === PACKAGES[name];
  } catch {
    return false;
  }
}

async function install(
  names: readonly string[],
  processes: Processes,
): Promise<void> {
  await Deno.mkdir(FOLDER, { recursive: true });
  await processes.run({
    command: "npm",
    args: [
      "install",
      "--prefix",
      FOLDER,
      "--no-audit",
      "--no-fund",
      "--ignore-scripts",
      ...names.map((name) => `${name}@${PACKAGES[name]}`),
    ],
  });
}

function skip(
  name: string,
  say: (line: string) => void,
): (error: unknown) => undefined {
  return (error) => {
    say(`${name} is skipped, it cannot be installed: ${error}`);
  };
}
