import { SqliteStore } from "../../stores/sqlite_store.ts";
import { testStoreContract } from "../../testing/store_contract.ts";
import { makeFolder, testWith } from "../helpers_process.ts";

testStoreContract(() => {
  const folder = makeFolder();
  const path = `${folder.path}/sessions.db`;
  const open = (): SqliteStore => {
    const store = new SqliteStore({ path, pollInterval: 0.01 });
    opened.push(store);
    return store;
  };
  const opened: SqliteStore[] = [];
  return {
    store: open(),
    advance: (milliseconds) =>
      new Promise((resolve) => setTimeout(resolve, milliseconds + 1)),
    second: open,
    reopen() {
      for (const store of opened) store.close();
      return open();
    },
    [Symbol.asyncDispose]() {
      for (const store of opened) store.close();
      folder[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}, {
  name: "SqliteStore",
  isDurable: true,
  test: (name, fn) => testWith(["read", "write"], name, fn),
});
