// The store of docs/write_a_store.md, as a reader would copy it, passes the tests
// of the contract.

import { assertEquals } from "@std/assert";
import type { SessionStore } from "../../stores/store.ts";
import {
  STORE_CONTRACT,
  testStoreContract,
} from "../../testing/store_contract.ts";
import { ROOT } from "../helpers_process.ts";

interface Guide {
  readonly Documents: new () => object;
  readonly DocumentStore: new (documents: object) => SessionStore;
}

const TEXT = Deno.permissions.querySync({ name: "read" }).state === "granted"
  ? Deno.readTextFileSync(new URL("docs/write_a_store.md", ROOT))
  : "";

/** Imports the code of the guide, with the package's modules of this checkout. */
async function importGuide(): Promise<Guide> {
  const [, code = ""] = /^```ts\n(.*?)^```/ms.exec(TEXT)!;
  const file = Deno.makeTempFileSync({ suffix: ".ts" });
  Deno.writeTextFileSync(
    file,
    code.replaceAll("@curfew/web/stores/record", moduleAt("stores/record.ts"))
      .replaceAll("@curfew/web/stores/store", moduleAt("stores/own_store.ts")),
  );
  try {
    return await import(`file://${file}`);
  } finally {
    Deno.removeSync(file);
  }
}

function moduleAt(path: string): string {
  return new URL(path, ROOT).href;
}

const isReadable = TEXT !== "" &&
  Deno.permissions.querySync({ name: "write" }).state === "granted";

if (isReadable) {
  const { Documents, DocumentStore } = await importGuide();
  testStoreContract(() => {
    const documents = new Documents();
    const open = () => new DocumentStore(documents);
    return {
      store: open(),
      second: open,
      reopen: open,
      advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 1)),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }, {
    name: "The store of docs/write_a_store.md",
    isDurable: true,
    crowd: 300,
    races: 300,
    version: Number(/version: (\d+)/.exec(TEXT)?.[1]),
  });
}

Deno.test({
  name: "docs/write_a_store.md names the present version of the contract",
  ignore: TEXT === "",
  fn: () =>
    assertEquals(Number(/version: (\d+)/.exec(TEXT)?.[1]), STORE_CONTRACT),
});
