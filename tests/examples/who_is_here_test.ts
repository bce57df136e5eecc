// The list of who is here, over sockets.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { site } from "../../examples/who_is_here.ts";
import { testWith } from "../helpers_process.ts";
import { EventReader } from "../helpers_streams.ts";
import { Client, Served } from "./helpers_served.ts";

testWith(
  ["net"],
  "who_is_here shows who comes, and who logs out",
  async () => {
    await using served = new Served(site);
    const enter = async (name: string) => {
      const client = new Client(served);
      const body = new URLSearchParams({ name });
      const response = await client.fetch("/", { method: "POST", body });
      await response.body?.cancel();
      return client;
    };
    const ann = await enter("ann");
    assertStringIncludes(await ann.text("/"), "You are ann.");
    const events = new EventReader(await ann.fetch("/list"));
    /** Waits until the list is as it should be. */
    const until = async (...list: string[]) => {
      const line = `data: ${JSON.stringify(list)}`;
      for (;;) {
        const event = await events.next();
        if (event?.includes(line)) return;
      }
    };
    await until("ann is present");
    const bob = await enter("<b>bob");
    await until("<b>bob is present", "ann is present");
    assertStringIncludes(await bob.text("/"), "You are &lt;b&gt;bob.");
    const left = await bob.fetch("/leave", { method: "POST" });
    await left.body?.cancel();
    await until("ann is present");
    const last = await ann.fetch("/leave", { method: "POST" });
    await last.body?.cancel();
    assertEquals(last.status, 303);
    await events.rest();
    // Its timers would wait for the visitors who have left.
    await site.close();
  },
);
