import { assertEquals } from "@std/assert";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import { makeFolder, testWith } from "../helpers_process.ts";
import { cookieOf } from "../helpers_store.ts";
import {
  assertOldTokensLogInApart,
  assertShared,
  makeNode,
} from "./helpers_store_site.ts";

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file share a session and its end, delivered once",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertShared(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file refuse a login by a token that was replaced",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await assertOldTokensLogInApart(store, otherStore);
  },
);

testWith(
  ["read", "write"],
  "A Site over a SqliteStore finds its sessions after a restart",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    let cookie: string;
    {
      using store = new SqliteStore({ path });
      await using node = makeNode(store);
      const response = await node.get("count");
      cookie = cookieOf(response);
    }
    using store = new SqliteStore({ path });
    await using node = makeNode(store);
    assertEquals(await (await node.get("count", cookie)).text(), "2");
    assertEquals(node.reasons, []);
  },
);
