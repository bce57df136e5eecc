/**
 * What the entry points of the package export, by `deno doc`.
 *
 * @module
 */

import { assert } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../helpers_process.ts";

/** The names that users of the package may write. */
export interface Api {
  /** The exports of each entry point, by its specifier. */
  readonly exports: ReadonlyMap<string, ReadonlySet<string>>;
  /** The members of each exported class and interface, inherited ones too. */
  readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  /** Every name in a signature: exports, members, options, parameters, literals. */
  readonly names: ReadonlySet<string>;
}

interface Type {
  readonly repr?: string;
  readonly value?: { readonly typeName?: string };
}

interface Declaration {
  readonly def?: {
    readonly extends?: string | readonly Type[];
    readonly implements?: readonly Type[];
    readonly methods?: readonly { readonly name: string }[];
    readonly properties?: readonly { readonly name: string }[];
  };
}

interface Documentation {
  readonly nodes: Record<string, {
    readonly symbols?: readonly {
      readonly name: string;
      readonly declarations: readonly Declaration[];
    }[];
  }>;
}

/** Reads the API; that takes a second. */
export async function readApi(): Promise<Api> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...Object.values(config.exports)],
    cwd: ROOT,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  return apiOf({ nodes });
}

function apiOf({ nodes }: Documentation): Api {
  const exports = new Map<string, Set<string>>();
  const declarations = new Map<string, Declaration[]>();
  for (const [key, path] of Object.entries(config.exports)) {
    const { symbols = [] } = nodes[new URL(path, ROOT).href] ?? {};
    const specifier = config.name + key.slice(1);
    exports.set(specifier, new Set(symbols.map(({ name }) => name)));
    for (const { name, declarations: parts } of symbols) {
      declarations.set(name, [...declarations.get(name) ?? [], ...parts]);
    }
  }
  const members = new Map(
    [...declarations.keys()].map((name) =>
      [name, membersOf(name, declarations)] as const
    ),
  );
  const names = new Set([...declarations.keys()]);
  addNames(nodes, names);
  return { exports, members, names };
}

function membersOf(
  name: string,
  declarations: ReadonlyMap<string, readonly Declaration[]>,
): Set<string> {
  const found = new Set<string>();
  for (const { def } of declarations.get(name) ?? []) {
    for (const member of [...def?.methods ?? [], ...def?.properties ?? []]) {
      found.add(member.name);
    }
    const parents = typeof def?.extends === "string"
      ? [def.extends]
      : (def?.extends ?? []).map(({ repr, value }) =>
        value?.typeName ?? repr ?? ""
      );
    for (const parent of parents) {
      for (const member of membersOf(parent, declarations)) found.add(member);
      if (parent === "ReadonlyMap") found.add("get").add("has").add("size");
      if (parent === "ReadonlyMap") found.add("keys").add("values");
    }
  }
  return found;
}

/** Adds every name and every literal type of the documentation, however deep. */
function addNames(node: unknown, names: Set<string>): void {
  if (typeof node !== "object" || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (typeof value !== "string") addNames(value, names);
    else if (key === "name" || key === "string") names.add(value);
  }
}
