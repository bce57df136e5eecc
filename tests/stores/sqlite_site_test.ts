import { assert, assertEquals } from "@std/assert";
import { SqliteStore } from "../../stores/sqlite_store.ts";
import { Node } from "../helpers_store.ts";
import { makeFolder, testWith } from "../helpers_process.ts";

/** A node with pages that count visits and log out, over a file. */
function makeNode(store: SqliteStore): Node {
  return new Node(store)
    .page("count", (request) => {
      const session = request.getSession();
      const count = (session.get<number>("count") ?? 0) + 1;
      session.set("count", count);
      return `${count}`;
    })
    .page("logout", (request) => {
      request.getSession().expire();
      return "";
    });
}

testWith(
  ["read", "write"],
  "Sites over one SqliteStore file share a session and its end, told once",
  async () => {
    using folder = makeFolder();
    const path = `${folder.path}/sessions.db`;
    using store = new SqliteStore({ path });
    using otherStore = new SqliteStore({ path });
    await using node = makeNode(store);
    await using other = makeNode(otherStore);

    const first = await node.get("count");
    assertEquals(await first.text(), "1");
    const cookie = first.headers.get("set-cookie")!.split(";")[0]!;
    assertEquals(await (await other.get("count", cookie)).text(), "2");
    assertEquals(await (await node.get("count", cookie)).text(), "3");

    const [live] = other.site.sessions.values();
    assert(live !== undefined);
    const ended = live.ended;
    await (await node.get("logout", cookie)).text();
    // What waits for the news keeps no process alive.
    const awake = setTimeout(() => {}, 10_000);
    assertEquals((await ended).reason, "logout");
    clearTimeout(awake);
    assertEquals(await (await other.get("count", cookie)).text(), "1");
    assertEquals([...node.reasons, ...other.reasons], ["logout"]);
    assertEquals([...node.errors, ...other.errors], []);
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
      cookie = response.headers.get("set-cookie")!.split(";")[0]!;
    }
    using store = new SqliteStore({ path });
    await using node = makeNode(store);
    assertEquals(await (await node.get("count", cookie)).text(), "2");
    assertEquals(node.reasons, []);
  },
);
