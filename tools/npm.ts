/**
 * Makes the npm package: the sources of the JSR package as JavaScript with types.
 *
 *     deno task npm curfew.tgz
 *
 * `deno pack` does the work. It leaves the imports of `@std` as they are, a name
 * that npm does not have: here they become those of `deno-std`, the same code
 * on npm, with the types of `tools/std`.
 *
 * @module
 */

import { dirname, relative } from "node:path/posix";
import { fileURLToPath } from "node:url";
import config from "../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** The parts of the published package that a program on npm cannot use. */
const LEFT_OUT = ["docs", "examples", "tools"];

/** The packages of `@std` that the product imports; tests import more. */
const STD = ["html", "http", "media_types"];

/** Where the types of std and the imports of its code lie in the package. */
const STD_FOLDER = "std";

/**
 * Makes the package.
 *
 * @param target The path of the tarball.
 * @returns the paths of its files, sorted.
 */
export async function packForNpm(target: string): Promise<string[]> {
  const folder = await Deno.makeTempDir();
  try {
    const packed = `${folder}/packed.tgz`;
    await run(
      Deno.execPath(),
      "pack",
      "--quiet",
      "--allow-dirty",
      "--no-source-maps",
      "-o",
      packed,
    );
    await run("tar", "-xzf", packed, "-C", folder);
    const root = `${folder}/package`;
    for (const name of STD) {
      const target = `${root}/${STD_FOLDER}/${name}`;
      await copyFiles(`${root}/tools/std/${name}`, target, /^\w+\.js$/);
      // `deno pack` writes types of its own, which lack those that are by hand.
      await copyFiles(`${ROOT}tools/std/${name}`, target, /^\w+\.d\.ts$/);
    }
    for (const name of LEFT_OUT) {
      await Deno.remove(`${root}/${name}`, { recursive: true }).catch(
        passMissing,
      );
    }
    const paths = (await filesIn(root)).sort();
    for (const path of paths) {
      if (/\.(js|d\.ts)$/.test(path)) await mapImports(root, path);
    }
    await complete(`${root}/package.json`);
    // cli.ts reads the version from it.
    await Deno.copyFile(`${ROOT}deno.json`, `${root}/deno.json`);
    await run("tar", "-czf", target, "-C", folder, "package");
    return paths;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Makes the imports of `@std` those of the files in {@linkcode STD_FOLDER}. */
async function mapImports(root: string, path: string): Promise<void> {
  const file = `${root}/${path}`;
  const text = await Deno.readTextFile(file);
  const mapped = text.replace(
    /^((?:[^*\n]*\*\/ )?(?:im|ex)port .*? from )"@std\/([\w-]+)(?:\/([\w-]+))?";/gm,
    (_, before: string, name: string, part = "mod") => {
      const module = `${STD_FOLDER}/${name.replaceAll("-", "_")}/${
        part.replaceAll("-", "_")
      }.js`;
      return `${before}"${relativeTo(path, module)}";`;
    },
  );
  if (mapped !== text) await Deno.writeTextFile(file, mapped);
}

function relativeTo(path: string, module: string): string {
  const found = relative(dirname(path), module);
  return found.startsWith(".") ? found : `./${found}`;
}

/** Adds what `deno.json` does not say to the package's own description. */
async function complete(file: string): Promise<void> {
  const { version, ...rest } = JSON.parse(await Deno.readTextFile(file));
  const described = {
    ...rest,
    version,
    description: config.description,
    engines: { node: ">=22", bun: ">=1.4", deno: ">=2.9" },
    sideEffects: ["./stores/*.js", "./persistence/stored_backend.js"],
  };
  await Deno.writeTextFile(file, `${JSON.stringify(described, null, 2)}\n`);
}

async function filesIn(root: string, folder = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${root}/${folder}`)) {
    const path = folder + name;
    if (isDirectory) found.push(...await filesIn(root, `${path}/`));
    else found.push(path);
  }
  return found;
}

/** Copies the files of a folder whose names match. */
async function copyFiles(
  from: string,
  to: string,
  names: RegExp,
): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const path of await filesIn(from)) {
    if (names.test(path)) {
      await Deno.copyFile(`${from}/${path}`, `${to}/${path}`);
    }
  }
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdout: "null",
  }).output();
  if (code !== 0) {
    throw new Error(
      `${program} ${args[0]} fails: ${new TextDecoder().decode(stderr)}`,
    );
  }
}

function passMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}

if (import.meta.main) {
  const [target] = Deno.args;
  if (target === undefined) {
    throw new Error("Name the tarball to write: deno task npm curfew.tgz");
  }
  for (const path of await packForNpm(target)) console.log(path);
}
