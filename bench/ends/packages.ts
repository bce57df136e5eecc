import { pathOf } from "../programs.ts";

/** The packages of the contenders, pinned so that all measurements use the same. */
export const PACKAGES: Readonly<Record<string, string>> = {
  bullmq: "6.7.0",
  "connect-redis": "10.0.0",
  "express-session": "1.19.0",
  ioredis: "6.0.0",
  redis: "6.3.1",
};

/** Git ignores the folder above it. */
const FOLDER = pathOf(".peers/ends");

/**
 * Installs the packages into a folder that only this benchmark uses.
 *
 * @returns why that failed; undefined if they are there.
 */
export async function installPackages(): Promise<string | undefined> {
  const missing = Object.keys(PACKAGES).filter((name) => !isInstalled(name));
  if (missing.length === 0) return undefined;
  console.error(`Installing ${missing.join(", ")} into ${FOLDER}`);
  await Deno.mkdir(FOLDER, { recursive: true });
  const args = [
    ...["install", "--prefix", FOLDER],
    ...["--no-audit", "--no-fund", "--ignore-scripts"],
    ...missing.map((name) => `${name}@${PACKAGES[name]}`),
  ];
  try {
    const { success, stderr } = await new Deno.Command("npm", { args })
      .output();
    if (success) return undefined;
    const lines = new TextDecoder().decode(stderr).trim().split("\n");
    return `its packages cannot be installed: ${lines.at(-1)}`;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return "npm is missing";
  }
}

function isInstalled(name: string): boolean {
  try {
    const path = `${FOLDER}/node_modules/${name}/package.json`;
    return JSON.parse(Deno.readTextFileSync(path)).version === PACKAGES[name];
  } catch {
    return false;
  }
}
