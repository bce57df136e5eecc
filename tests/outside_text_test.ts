/** Texts from outside, in logs, on terminals and in pages. */

import {
  assert,
  assertEquals,
  assertFalse,
  assertStringIncludes,
} from "@std/assert";
import { SessionMonitor } from "../monitor/mod.ts";
import {
  FetchResource,
  HttpError,
  Resource,
  SessionKey,
  Site,
  type SiteOptions,
} from "../mod.ts";
import { main } from "../cli.ts";
import { FileSite, NEEDS_FILES } from "./helpers_files.ts";
import { captureConsole } from "./helpers_http.ts";
import { visible } from "../base/describe.ts";

/** Matches what no log and no page may show as it came. */
const UNSEEN =
  // deno-lint-ignore no-control-regex -- the subject
  /[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]|[\u{e0000}-\u{e007f}]/u;

/** Texts that forge lines, move the cursor, set titles, turn or hide what follows. */
const HOSTILE: readonly string[] = [
  "x\nerror: all is well",
  "x\r\nerror: all is well",
  "x\x1b[2J\x1b]0;owned\x07",
  "x\x9b2J",
  "\u202egnp.exe",
  "a\u2066b\u2069",
  "a\u200bb\ufeffc",
  "a\u2028error: all is well",
  "a\u3164b\u00adc\u{e0041}",
  "a\x7f\x08b\0",
];

for (const text of HOSTILE) {
  const name = JSON.stringify(visible(text));

  Deno.test(`visible() escapes ${name}`, () => {
    const shown = visible(text);

    assertFalse(UNSEEN.test(shown) || shown.includes("\n"));
    assert(shown.includes("\\"));
  });

  Deno.test(`The default of onError escapes ${name} in messages, names, causes and thrown texts`, async () => {
    const causes = new AggregateError([new Error(text)], "several");
    const named = new Error("named");
    named.name = text;
    for (
      const error of [
        new Error(text),
        named,
        new Error("outer", { cause: new Error(text) }),
        new Error("outer", { cause: text }),
        causes,
        Object.assign(new Error("with a property"), { seen: text }),
        text,
        { text },
      ]
    ) {
      const printed = await printedBy(() => {
        throw error;
      });

      assertFalse(UNSEEN.test(printed), printed);
      for (const line of printed.split("\n")) {
        assertFalse(line.startsWith("error:"), printed);
      }
    }
  });

  Deno.test(`Errors of Curfew escape ${name} from outside`, async () => {
    const attempts: (() => unknown)[] = [
      () => new Resource().putChild(text, text as never),
      () => new FetchResource(text as never),
      () => new HttpError(text as never, "x"),
      () => new SessionKey(text, { schema: text } as never),
      () => new Site(new Resource(), { [text]: text } as SiteOptions),
      () => {
        using site = new Site(new Resource());
        const session = site.makeSession();
        session.expire(text as "idle");
        session.set(text, 1);
      },
      () => {
        using site = new Site(new Resource());
        return site.makeSession().update(text, () => Promise.resolve(1));
      },
      () => {
        using site = new Site(new Resource());
        site.makeSession().notifyOnExpire(text, 1n);
      },
    ];
    for (const attempt of attempts) {
      const error = await caught(attempt);
      assertFalse(UNSEEN.test(error.message), error.message);
      assertFalse(error.message.includes("\n"), error.message);
    }
  });

  Deno.test(`SessionMonitor shows ${name} as escapes in isolation`, async () => {
    const root = new Resource();
    await using site = new Site(root);
    root.putChild("monitor", new SessionMonitor(site));
    const ended = site.makeSession();
    ended.principal = text;
    ended.expire(text as "idle");
    site.makeSession().principal = text;

    const response = await site.fetch(new Request("http://localhost/monitor"));
    const page = await response.text();

    assertFalse(UNSEEN.test(page));
    const shown = page.split(`<bdi>${visible(text)}</bdi>`).length - 1;
    assertEquals(shown, 3);
  });

  Deno.test(`The access log escapes ${name} in every field`, async () => {
    const lines: string[] = [];
    class Named extends Resource {
      override isLeaf = true;
      override render_GET(request: Parameters<Resource["render"]>[0]): string {
        request.user = text;
        return "";
      }
    }
    const site = new Site(new Named(), {
      accessLog: (line) => void lines.push(line),
      trustProxy: true,
    });
    // A header holds bytes, and no line break.
    const bytes = String.fromCharCode(...new TextEncoder().encode(text))
      .replace(/[\0\r\n]/g, " ");
    const headers = {
      "user-agent": bytes,
      referer: bytes,
      "x-forwarded-for": bytes,
    };
    const url = `http://localhost/${encodeURIComponent(text)}?${text}`;
    await site.fetch(new Request(url, { headers }));
    await site.close();

    assertEquals(lines.length, 1);
    assertFalse(/[^\x20-\x7e]/.test(lines[0]!), lines[0]);
  });
}

Deno.test(
  "StaticFile lists hostile names as escapes in isolation, with links that work",
  NEEDS_FILES,
  async () => {
    const names = HOSTILE.filter((name) => !name.includes("\0"));
    await using site = new FileSite(
      Object.fromEntries(names.map((name) => [`${name}/${name}`, name])),
      { listing: true },
    );

    const page = await (await site.visit("/")).text();

    assertFalse(UNSEEN.test(page));
    for (const name of names) {
      assertStringIncludes(page, `<bdi>${visible(name)}/</bdi></a>`);
      const path = `/${encodeURIComponent(name)}/`;
      const folder = await (await site.visit(path)).text();
      assertFalse(UNSEEN.test(folder));
      assertStringIncludes(folder, `<title>/${visible(name)}/</title>`);
      const file = await site.visit(path + encodeURIComponent(name));
      assertEquals(await file.text(), name);
    }
  },
);

Deno.test("SiteOptions.displayTracebacks shows escapes", async () => {
  class Broken extends Resource {
    override isLeaf = true;
    override render_GET(): string {
      throw new Error("a\u202eb\x1b[2J\nc");
    }
  }
  await using site = new Site(new Broken(), {
    displayTracebacks: true,
    onError() {},
  });
  for (const accept of ["text/html", "text/plain", "application/json"]) {
    const response = await site.fetch(
      new Request("http://localhost/", { headers: { accept } }),
    );

    const text = await response.text();

    assertFalse(UNSEEN.test(text), text);
    assertStringIncludes(text, "202eb");
  }
});

Deno.test("The default of onError prints a harmless error as it is", async () => {
  const error = new Error("Two words, and ümlauts 茶 \u{1f375}", {
    cause: new Error("a cause"),
  });
  using console = captureConsole();
  await fail(() => {
    throw error;
  });

  assertEquals(console.printed, [[error]]);
});

Deno.test("The default of onError indents the lines of a message", async () => {
  const printed = await printedBy(() => {
    throw new Error("one\ntwo\n  three");
  });

  assertStringIncludes(printed, "Error: one\n    two\n  three\n    at ");
});

Deno.test("The program escapes what is wrong with its command line", async () => {
  using console = captureConsole();

  await main(["serve", "--path", "x\x1b[2J\nerror: all is well"]);

  const [[printed]] = console.printed as [[string]];
  assertFalse(UNSEEN.test(printed) || printed.includes("\n"), printed);
});

/** Answers a request that fails. */
async function fail(act: () => never): Promise<void> {
  class Failing extends Resource {
    override isLeaf = true;
    override render_GET(): string {
      return act();
    }
  }
  await using site = new Site(new Failing());
  await site.fetch(new Request("http://localhost/"));
}

/** Returns what the console would print of a request that fails. */
async function printedBy(act: () => never): Promise<string> {
  using console = captureConsole();
  await fail(act);
  return console.printed.flat().map((value) =>
    typeof value === "string" ? value : Deno.inspect(value)
  ).join("\n");
}

async function caught(act: () => unknown): Promise<Error> {
  try {
    await act();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error(`Nothing was thrown by ${act}`);
}
