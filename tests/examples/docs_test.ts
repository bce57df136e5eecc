// `deno task test:doc` runs the code in the documents. These tests check the rest:
// that skipped code says why, and that links lead somewhere.

import { assert, assertEquals } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";
import { readDocuments } from "./helpers_documents.ts";

/** What a run of the benchmarks writes: it may not have been made yet. */
const MEASURED = "../../bench/results.json";

/** A block of code, and what stands behind its fence. */
interface Block {
  readonly line: number;
  readonly info: string;
}

/** The lines of a document outside its blocks of code, and the blocks. */
function parse(text: string): { lines: string[]; blocks: Block[] } {
  const lines: string[] = [];
  const blocks: Block[] = [];
  let isCode = false;
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trimStart().startsWith("```")) {
      isCode = !isCode;
      if (isCode) {
        blocks.push({ line: index + 1, info: line.trim().slice(3) });
      }
    } else if (!isCode) lines.push(line);
  }
  return { lines, blocks };
}

/** The fragments that a document's headings can be reached by. */
function fragmentsOf(text: string): Set<string> {
  const headings = parse(text).lines.filter((line) => /^#+ /.test(line));
  return new Set(
    headings.map((heading) =>
      heading.replace(/^#+ /, "").toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

/** Where the links and images of a document lead to. */
function linksOf(text: string): string[] {
  return [...parse(text).lines.join("\n").matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target);
}

testWith(["read"], "The documents say why code of theirs is not run", () => {
  const silent: string[] = [];
  for (const [path, text] of readDocuments()) {
    for (const { line, info } of parse(text).blocks) {
      if (!/^([jt]sx?|javascript|typescript)\b/.test(info)) continue;
      if (!/^[jt]s( ignore because .+)?$/.test(info)) {
        silent.push(`${path}:${line}: ${info}`);
      }
    }
  }
  assertEquals(silent, []);
});

testWith(["read"], "The guides have fewer than 200 lines", () => {
  const long = [...readDocuments()]
    .filter(([path]) => path.startsWith("docs/"))
    .map(([path, text]) => `${path}: ${text.split("\n").length - 1}`)
    .filter((line) => Number(line.split(": ")[1]) >= 200);
  assertEquals(long, []);
});

testWith(["read"], "The index of the guides has all of them", () => {
  const documents = readDocuments();
  const linked = new Set(
    linksOf(documents.get("docs/README.md")!).map((link) => link.split("#")[0]),
  );
  const missing = [...documents.keys()]
    .filter((path) => path.startsWith("docs/") && path !== "docs/README.md")
    .filter((path) => !linked.has(path.slice("docs/".length)));
  assertEquals(missing, []);
});

testWith(["read"], "The documents have code that is run", () => {
  const blocks = [...readDocuments().values()].flatMap((text) =>
    parse(text).blocks
  );
  assert(blocks.filter(({ info }) => info === "ts").length > 5);
});

testWith(["read"], "The links of the documents lead somewhere", () => {
  const broken: string[] = [];
  const documents = readDocuments();
  for (const [path, text] of documents) {
    for (const link of linksOf(text)) {
      if (/^[a-z]+:/.test(link) || link === MEASURED) continue;
      const [file = "", fragment] = link.split("#", 2);
      const url = file === ""
        ? new URL(path, ROOT)
        : new URL(file, new URL(path, ROOT));
      const target = url.href.slice(ROOT.href.length);
      const fragments = fragmentsOf(documents.get(target) ?? "");
      if (
        !exists(url) || (fragment !== undefined && !fragments.has(fragment))
      ) {
        broken.push(`${path}: ${link}`);
      }
    }
  }
  assertEquals(broken, []);
});

function exists(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}
