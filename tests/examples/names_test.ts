// What the documents name exists: exports, members, options, tasks, files.

import { assertEquals } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { ROOT, testWith } from "../helpers_process.ts";
import { type Api, readApi } from "./helpers_api.ts";
import { readDocuments } from "./helpers_documents.ts";
import { FOREIGN } from "./foreign_names.ts";

/** The documents about the code itself, which name what is not exported too. */
const ABOUT_CODE = ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/** The client of the clock, which pages import. */
const CLOCK_CLIENT = "resources/session_clock_client.js";

/** The classes of the variables in the documents. */
const CLASSES: Record<string, readonly string[]> = {
  clock: ["TestClock", "Clock"],
  events: ["EventStream"],
  request: ["SiteRequest"],
  resource: ["Resource"],
  session: ["Session"],
  sessions: ["Sessions"],
  site: ["Site"],
  visit: ["Visit", "OpenVisit"],
};

const ADVICE =
  "Correct the names, or add those of other projects to foreign_names.ts";

/** Returns what of a text leads nowhere. */
type Check = (text: string) => string[];

/** The code blocks of a document. */
const BLOCKS = /^ *```.*?^ *```$/gms;

/** Returns the code spans of a document outside its blocks of code. */
function spansOf(text: string): string[] {
  return [...text.replace(BLOCKS, "").matchAll(/`([^`]+)`/g)]
    .map(([, span = ""]) => span.replaceAll(/\s+/g, " "));
}

/** Returns what the documents name and does not exist, with the document. */
function findMissing(checkOf: (path: string, text: string) => Check): string[] {
  return [...readDocuments()].flatMap(([path, text]) => {
    const known = new Set([...FOREIGN["*"]!, ...FOREIGN[path] ?? []]);
    // What a version before this one had may be gone.
    const [current = ""] = text.split(/^## \d/m, 1);
    return checkOf(path, current)(current)
      .filter((name) => !known.has(name))
      .map((name) => `${path}: ${name}`);
  });
}

testWith(["read"], "The documents name tasks that exist", () => {
  const missing = findMissing(() => (text) =>
    matchesOf(text, /deno task ([a-z][a-z:]*[a-z])/g)
      .filter((task) => !(task in config.tasks))
  );
  assertEquals(missing, [], ADVICE);
});

testWith(["read"], "The documents name files that exist", () => {
  const files = [...listFiles()];
  const missing = findMissing(() => (text) => {
    const paths = spansOf(text)
      .filter((span) => FILE.test(span) && !span.includes("*"));
    const run = matchesOf(
      text,
      /deno run [^`]*?((?:bench|examples|tools)\/\S+\.ts)/g,
    );
    // The flows of ARCHITECTURE.md list files, one a line.
    const listed = matchesOf(text, /^ *([a-z_]+(?:\/[a-z_]+)*\.ts) {2,}/gm);
    return [...paths, ...run, ...listed].filter((path) =>
      !files.some((file) => file === path || file.endsWith(`/${path}`))
    );
  });
  assertEquals(missing, [], ADVICE);
});

testWith(["read"], "The documents name options of programs that exist", () => {
  const words = wordsOf([...listFiles()]);
  const missing = findMissing(() => (text) =>
    spansOf(text).flatMap((span) => matchesOf(span, /(?:^| )--([a-z][a-z-]*)/g))
      .filter((flag) => !/^(allow|unstable)-/.test(flag) && !words.has(flag))
  );
  assertEquals(missing, [], ADVICE);
});

testWith(
  ["read", "run"],
  "The documents name exports, members and options that exist",
  async () => {
    const api = await readApi();
    const ofClock = wordsOf([CLOCK_CLIENT]);
    const inside = wordsOf([...listFiles()]);
    const missing = findMissing((path, text) => {
      // Names that the code of the document itself gives.
      const own = new Set((text.match(BLOCKS) ?? []).join().match(/\w+/g));
      const isWord = (name: string) =>
        (name.startsWith('"') && inside.has(name)) || own.has(name) ||
        ofClock.has(name) ||
        (ABOUT_CODE.includes(path) && inside.has(name));
      return (text) =>
        spansOf(text).filter((span) => !isKnown(span, api, isWord));
    });
    assertEquals(missing, [], ADVICE);
  },
);

testWith(
  ["read", "run"],
  "The documents import what the entry points export",
  async () => {
    const { exports } = await readApi();
    const missing = findMissing(() => (text) => [
      ...matchesOf(text, /(@curfew\/web(?:\/\w+)*)/g)
        .filter((specifier) => !exports.has(specifier)),
      ...importsOf(text).filter(({ specifier, name }) =>
        !exports.get(specifier)?.has(name)
      ).map(({ specifier, name }) => `${name} of ${specifier}`),
    ]);
    assertEquals(missing, [], ADVICE);
  },
);

/** A path of a file in this repository. */
const FILE = /^[\w./*-]+\.(?:ts|js|json|md|svg|png|sh)$/;

/** Whether what a code span names exists; spans of another form name nothing. */
function isKnown(
  span: string,
  api: Api,
  isWord: (name: string) => boolean,
): boolean {
  // What comes after a name: arguments, a type, a value.
  const [, path] =
    /^(?:new |await )?([A-Za-z]\w*(?:\.\w+)*)(?:\(.*|:? .*|<.*)?$/
      .exec(span) ?? [];
  if (path === undefined || FILE.test(span)) return true;
  const names = path.split(".");
  // Metrics and attributes, which the code has as text.
  if (isWord(`"${span}"`)) return true;
  const [first = "", second] = names;
  if (first === "Deno") return existsIn(Deno, names.slice(1));
  const isName = (name: string) =>
    api.names.has(name) || isWord(name) || name in globalThis;
  if (second === undefined) {
    // Other words, such as `alice` and `null`, are values and not names.
    const looksLikeName = /^[a-z]+[A-Z]|^[A-Z]\w*[a-z]/.test(first) ||
      span.startsWith(`${first}(`);
    return !looksLikeName || isName(first);
  }
  const classes = (CLASSES[first] ?? [first])
    .filter((name) => api.members.has(name));
  const members = classes.flatMap((name) => [...api.members.get(name)!]);
  return (members.length === 0 ? isName(second) : members.includes(second)) &&
    names.slice(2).every(isName);
}

function existsIn(value: unknown, path: readonly string[]): boolean {
  const [name, ...rest] = path;
  if (name === undefined) return true;
  const isObject = Object(value) === value;
  return isObject && name in (value as object) &&
    existsIn((value as Record<string, unknown>)[name], rest);
}

/** Returns what the first group of a pattern matches. */
function matchesOf(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, match = ""]) => match);
}

/** Returns what the code in a document imports from the package. */
function importsOf(text: string): { specifier: string; name: string }[] {
  const imports =
    /import (?:type )?\{([^}]*)\} from "(?:jsr:)?(@curfew[^"]*)"/g;
  return [...text.matchAll(imports)].flatMap(([, names = "", specifier = ""]) =>
    names.split(",")
      .map((name) => name.trim().replace(/^type /, "").replace(/ as .*/, ""))
      .filter((name) => name !== "")
      .map((name) => ({ specifier, name }))
  );
}

/** The files of the checkout. */
function listFiles(folder = "", files = new Set<string>()): Set<string> {
  for (
    const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))
  ) {
    if (/^(\.git|node_modules|scratch)$/.test(name)) continue;
    if (isDirectory) listFiles(`${folder}${name}/`, files);
    else files.add(folder + name);
  }
  return files;
}

/** Every word of the code in these files, with the hyphens in it; no test's. */
function wordsOf(files: readonly string[]): Set<string> {
  const words = new Set<string>();
  for (const file of files) {
    if (!/\.(ts|js)$/.test(file) || file.startsWith("tests/examples/")) {
      continue;
    }
    const text = Deno.readTextFileSync(new URL(file, ROOT));
    for (const [word] of text.matchAll(/\w[\w-]*|"[\w.]+"/g)) words.add(word);
  }
  return words;
}

testWith(
  ["read"],
  "foreign_names.ts lists only what the documents name",
  () => {
    const texts = readDocuments();
    const all = [...texts.values()].join("\n");
    const unused = Object.entries(FOREIGN).flatMap(([path, names]) => {
      const text = path === "*" ? all : texts.get(path) ?? "";
      return names.filter((name) => !text.includes(name))
        .map((name) => `${path}: ${name}`);
    });
    assertEquals(unused, []);
  },
);
