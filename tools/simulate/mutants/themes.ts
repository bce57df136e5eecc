import type { Mutant } from "./list.ts";

/** Faults of what clients do in some themes only. */
export const THEME_MUTANTS: readonly Mutant[] = [
  {
    name: "An update is written over one of another process",
    mode: "calm",
    theme: "values",
    file: "persistence/value_updates.ts",
    from: "const conditions = { version: state.version };",
    to: "const conditions = {};",
  },
  {
    name: "An update is computed from a value that is out of date",
    mode: "calm",
    theme: "values",
    file: "persistence/value_updates.ts",
    from: "this.#calls.reload(session, state, nothing),",
    to: "this.#calls.load(session),",
  },
  {
    name: "A named callback that was taken back is called",
    mode: "calm",
    theme: "values",
    file: "persistence/change_notes.ts",
    from: "? { removedCallbacks: [one] }",
    to: "? {}",
  },
  {
    name: "A named callback stays beside the one that replaces it",
    mode: "calm",
    theme: "values",
    file: "stores/record_changes.ts",
    from: "one.id === added.id || one.id",
    to: "one.id",
  },
  {
    name: "A change in another process is seen too late",
    mode: "calm",
    theme: "background",
    file: "persistence/session_refreshes.ts",
    from: "const REFRESH_AFTER = 100;",
    to: "const REFRESH_AFTER = 1500;",
  },
  {
    name: "A reload leaves what the session has",
    mode: "loss",
    theme: "background",
    file: "persistence/stored_values.ts",
    from: "else loader.update(session, record, sentAt);",
    to: "else void loader;",
  },
  {
    name: "An end by uid is answered while another one here is not written",
    mode: "clock",
    theme: "background",
    file: "persistence/session_list.ts",
    from:
      "const hasEnded = !claims.hasEnded(uid) && await claims.end(uid, reason);",
    to:
      "if (claims.hasEnded(uid)) return false;\n    const hasEnded = await claims.end(uid, reason);",
  },
];
