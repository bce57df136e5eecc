import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "@curfew/web/stores/memory";
import { SqliteStore } from "@curfew/web/stores/sqlite";
import { TestClock } from "@curfew/web/testing";
import { pause, type SharedStore, testStore } from "./shared_store.ts";

const KINDS: Record<string, () => SharedStore> = {
  MemoryStore: () => {
    const clock = new TestClock();
    const store = new MemoryStore({ clock });
    return {
      open: () => store,
      clock,
      advance: (milliseconds) => clock.advance(milliseconds / 1000),
      close: () => {},
    };
  },
  SqliteStore: () => {
    const folder = mkdtempSync(join(tmpdir(), "curfew-"));
    const opened: SqliteStore[] = [];
    return {
      open: () => {
        const store = new SqliteStore({
          path: join(folder, "sessions.db"),
          pollInterval: 0.01,
        });
        opened.push(store);
        return store;
      },
      clock: undefined,
      advance: pause,
      close: () => {
        for (const store of opened) store.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
};

for (const [name, share] of Object.entries(KINDS)) testStore(name, share);
