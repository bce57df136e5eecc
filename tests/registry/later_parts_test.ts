// Holds, warnings by name and presence: their code is loaded when it is first needed.

import { assertEquals } from "@std/assert";
import { ROOT, testWith } from "../helpers_process.ts";

/** Runs a program in a process of its own, which has not loaded the code yet. */
async function run(program: string): Promise<string[]> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", `${PRELUDE}${program}`],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) +
    new TextDecoder().decode(stderr);
  return text.trim().split("\n");
}

const PRELUDE = `
  import { FakeTime } from "@std/testing/time";
  import { Sessions } from "./sessions.ts";
  using time = new FakeTime();
  const sessions = new Sessions({ sessionTimeout: 100 });
  // A callback is called only after several promises, so time passes in steps.
  const pass = async () => {
    for (let step = 0; step < 20; step++) await time.tickAsync(10);
  };
  const told = [];
  const tell = ({ principal, state }) => told.push(principal + " " + state);
  const serve = (handler) =>
    sessions.serve(new Request("http://localhost/"), (visit) => {
      handler(visit);
      return new Response();
    });
`;

testWith(
  ["run"],
  "Sessions.onPresence() makes the first request wait for the code, and no later request",
  async () => {
    const lines = await run(`
      sessions.onPresence(tell);
      const first = serve((visit) => visit.logIn("ann"));
      console.log(first instanceof Promise);
      await first;
      await pass();
      console.log(told.join());
      console.log(serve((visit) => visit.logIn("bob")) instanceof Response);
    `);
    assertEquals(lines, ["true", "ann present", "true"]);
  },
);

testWith(
  ["run"],
  "Sessions.onPresence() that is taken back before the code is loaded tells nothing",
  async () => {
    const lines = await run(`
      sessions.onPresence(tell)();
      await serve((visit) => visit.logIn("ann"));
      await pass();
      console.log(told.length);
    `);
    assertEquals(lines, ["0"]);
  },
);

testWith(
  ["run"],
  "Sessions.ready resolves when the code for presence is loaded",
  async () => {
    const lines = await run(`
      sessions.onPresence(tell);
      await sessions.ready;
      serve((visit) => visit.logIn("ann"));
      await pass();
      console.log(told.join());
    `);
    assertEquals(lines, ["ann present"]);
  },
);

testWith(
  ["run"],
  "Session.notifyBeforeEnd() by name before the code is loaded warns, with the argument as it was",
  async () => {
    const lines = await run(`
      sessions.onWarning("warn", (argument) => told.push(argument[0]));
      const argument = ["as it was"];
      const session = sessions.create();
      session.notifyBeforeEnd(60, "warn", argument);
      session.notifyBeforeEnd(50, "warn", ["taken back"])();
      argument[0] = "changed";
      await sessions.ready;
      for (let i = 0; i < 45; i++) await time.tickAsync(1000);
      console.log(told.join());
      for (let i = 0; i < 10; i++) await time.tickAsync(1000);
      console.log(told.length);
    `);
    assertEquals(lines, ["as it was", "1"]);
  },
);

testWith(
  ["run"],
  "Session.notifyBeforeEnd() by name throws for a name that nobody registered, loaded or not",
  async () => {
    const lines = await run(`
      const session = sessions.create();
      try {
        session.notifyBeforeEnd(60, "warn");
      } catch (error) {
        console.log(error.message);
      }
    `);
    assertEquals(lines, [
      'Cannot notify before the end: the callback is not registered by onWarning(), and not a function: "warn"',
    ]);
  },
);

testWith(
  ["run"],
  "Session.hold() before the code is loaded takes its options as they were",
  async () => {
    const lines = await run(`
      sessions.onEnd("free", (argument) => told.push(argument[0]));
      const ann = sessions.create();
      const options = { then: "free", argument: ["as it was"] };
      const holding = ann.hold("seat", options);
      const other = sessions.create().hold("seat");
      options.argument[0] = "changed";
      console.log((await holding).key, await other);
      ann.expire();
      console.log(told.join());
    `);
    assertEquals(lines, ["seat undefined", "as it was"]);
  },
);

testWith(
  ["run"],
  "Sessions.close() while the code is being loaded lets no hold begin",
  async () => {
    const lines = await run(`
      const holding = sessions.hold("seat", { seconds: 10 });
      sessions.onPresence(tell);
      await sessions.close();
      console.log(await holding.catch(({ status }) => status));
    `);
    assertEquals(lines, ["503"]);
  },
);
