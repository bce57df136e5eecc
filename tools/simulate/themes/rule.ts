import type { SessionEnd } from "../../../session.ts";
import type { StoredSession } from "../../../stores/store.ts";
import type { Ask, Write } from "../ask.ts";
import type { Life } from "../host.ts";
import type { ModelWorld } from "../model.ts";
import type { StoreCall } from "../wire.ts";
import type { Act } from "./act.ts";

/** What rules look at, and where they report. */
export interface Judge {
  readonly world: ModelWorld;
  /** Reports that a promise is broken. */
  fail(promise: number, text: string): void;
  /** Whether a session has a dead letter, or a report that contains a text. */
  isReported(uid: string, text: string): boolean;
}

/** A record before and after a change; undefined if there is none, or it is over. */
export interface States {
  readonly before: StoredSession | undefined;
  readonly after: StoredSession | undefined;
}

/** What must hold for the actions of a theme. */
export interface Rule {
  /** Judges a new state of a record. */
  onChange?(
    uid: string,
    states: States,
    call: StoreCall,
  ): void;
  /** Notes an act when it begins. */
  onAct?(act: Act): void;
  /** Notes a change of a value. */
  onWrite?(write: Write): void;
  /** Judges an answer as the server gives it. */
  onAnswered?(ask: Ask): void;
  /** Notes a call of the callback "bill". */
  onBilled?(life: Life, argument: string, end: SessionEnd): void;
  /** Judges what must have happened by the end. */
  finish?(): void;
}
