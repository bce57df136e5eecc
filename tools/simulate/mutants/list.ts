import type { Mode } from "../plan.ts";
import type { Theme } from "../themes/themes.ts";
import { THEME_MUTANTS } from "./themes.ts";

/** A fault of one line, put back into the code. */
export interface Mutant {
  /** What is wrong with it. */
  readonly name: string;
  /** The mode that finds it. */
  readonly mode: Mode;
  /**
   * The theme of its seeds.
   *
   * @default {"plain"}
   */
  readonly theme?: Theme;
  /** The file, from the root of the package. */
  readonly file: string;
  /** The text to replace, which the file has once. */
  readonly from: string;
  readonly to: string;
}

/** Faults that this project had, or that its design warns of. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "A store writes a commit over what others have written since",
    mode: "calm",
    file: "stores/record.ts",
    from: "return version !== record.version || now >= until;",
    to: "return now >= until;",
  },
  {
    name: "A logout is answered before it is written",
    mode: "loss",
    file: "persistence/visit_writes.ts",
    from: "if (this.#unwrittenOf(visit).length > 0) {",
    to: "if (this.#unwrittenOf(visit).length < 0) {",
  },
  {
    name: "A superseded request under way holds its session",
    mode: "calm",
    file: "registry/visit.ts",
    from: "this.#isVisitDue) && !this.hasLeft;",
    to: "this.#isVisitDue);",
  },
  {
    name: "A load puts a token into effect in a conflict of cookies",
    mode: "calm",
    file: "persistence/record_loads.ts",
    from: "lookups.map((lookup) => this.#load(lookup, false))",
    to: "lookups.map((lookup) => this.#load(lookup, true))",
  },
  {
    name: "A session that was created twice is given up",
    mode: "loss",
    file: "persistence/record_creation.ts",
    from: "if (isOwn) return takeOver();",
    to: "",
  },
  {
    name: "A late answer to a load brings an ended session back",
    mode: "slow",
    file: "persistence/record_loads.ts",
    from:
      "// The session may have ended during the load.\n    if (live === undefined && ended.has(uid)) return;",
    to: "",
  },
  {
    name: "A login that is decided anew is taken for superseded",
    mode: "calm",
    file: "registry/visit.ts",
    from: "this.#generation = token?.generation ?? this.#generation;",
    to: "void token;",
  },
  {
    name: "Values of a superseded request are written",
    mode: "calm",
    file: "persistence/visit_writes.ts",
    from: "isOwn ? visit.isSuperseded : visits.areSuperseded(session),",
    to: "false,",
  },
  {
    name: "A login leaves the tokens before it current",
    mode: "calm",
    file: "session/access.ts",
    from: "this.generation = this.loginGeneration = newest + 1;",
    to: "this.generation = newest + 1;",
  },
  {
    name: "Two renewals at once are of different generations",
    mode: "calm",
    file: "session/access.ts",
    from: "const generation = Math.max(by + 1, this.generation);",
    to:
      "const generation = 1 + Math.max(by, ...this.tokens.map((one) => one.generation));",
  },
  {
    name: "A write that was answered 503 is repeated",
    mode: "loss",
    file: "persistence/record_commit.ts",
    from: "if (isRequest || error instanceof RefusedError) {",
    to: "if (error instanceof RefusedError) {",
  },
  {
    name: "A named callback is lost that meets an end elsewhere",
    mode: "slow",
    file: "persistence/record_commit.ts",
    from: "    calls.left.callCallbacks(this.#session);",
    to: "",
  },
  {
    name: "A session is given up while it is created",
    mode: "slow",
    file: "persistence/deadline_checks.ts",
    from: "this.#parts.loader.states.get(session)?.isCreating !== true",
    to: "true",
  },
  {
    name: "A replaced token has no grace",
    mode: "calm",
    file: "stores/record.ts",
    from: "tokens: fade(record.tokens, generation, now + grace),",
    to: "tokens: fade(record.tokens, generation, now),",
  },
  {
    name: "A request is answered though its write was dropped with others",
    mode: "loss",
    file: "persistence/session_writes.ts",
    from: "return drops !== undefined && drops !== state.drops;",
    to: "return drops !== undefined && drops > state.drops;",
  },
  {
    name: "A value that waits to be written is forgotten when its session ends",
    mode: "loss",
    file: "persistence/left_changes.ts",
    from: "const values = new Map([...sent, ...own]);",
    to: "const values = new Map();",
  },
  {
    name:
      "An end that another process delivers is noticed at the deadline only",
    mode: "calm",
    file: "persistence/end_claims.ts",
    from: "        this.endElsewhere(uid, reason);",
    to: "",
  },
  {
    name: "A stream stays open when a login has replaced its token",
    mode: "calm",
    file: "live/session_streams.ts",
    from: "    this.#tokens.cutBefore(access);",
    to: "",
  },
  ...THEME_MUTANTS,
];
