// The store of examples/stores/document_store.ts, which docs/write_a_store.md
// explains, passes the tests of the contract.

import { assert, assertEquals } from "@std/assert";
import {
  Documents,
  DocumentStore,
} from "../../examples/stores/document_store.ts";
import {
  STORE_CONTRACT,
  testStoreContract,
} from "../../testing/store_contract.ts";
import { ROOT, testWith } from "../helpers_process.ts";
import { passDate } from "../helpers_time.ts";

testStoreContract(() => {
  const documents = new Documents();
  const open = () => new DocumentStore(documents);
  return {
    store: open(),
    second: open,
    reopen: open,
    advance: passDate,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}, {
  name: "The store of docs/write_a_store.md",
  isDurable: true,
  crowd: 300,
  races: 300,
  version: STORE_CONTRACT,
});

function readGuide(): string {
  return Deno.readTextFileSync(new URL("docs/write_a_store.md", ROOT));
}

testWith(
  ["read"],
  "docs/write_a_store.md names the present version of the contract",
  () => {
    const [, version] = /version: (\d+)/.exec(readGuide())!;
    assertEquals(Number(version), STORE_CONTRACT);
  },
);

testWith(
  ["read"],
  "docs/write_a_store.md shows code that the example has",
  () => {
    const example = Deno.readTextFileSync(
      new URL("examples/stores/document_store.ts", ROOT),
    );
    const shown = [
      ...readGuide().matchAll(
        /^```ts ignore because it is a part[^\n]*\n(.*?)^```/gms,
      ),
    ].map(([, code = ""]) => code);
    assertEquals(shown.length, 3);
    // The format breaks lines by their indentation.
    const bare = (code: string) => code.replaceAll(/[\s,]+/g, "");
    for (const code of shown) assert(bare(example).includes(bare(code)), code);
  },
);
