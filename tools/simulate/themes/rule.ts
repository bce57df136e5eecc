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
  /** Whether a program has reported an error between two times. */
  hasReported(life: Life, from: number, to: number): boolean;
  /** Judges that a callback is called once, unless its first caller was in trouble. */
  judgeOnce(
    call: { readonly key: string; readonly uid: string; readonly life: Life },
    what: string,
  ): void;
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
  /** Judges a call that the store has answered. */
  onCall?(call: StoreCall, answer: unknown): void;
  /** Notes an act when it begins. */
  onAct?(act: Act): void;
  /** Notes a change of a value. */
  onWrite?(write: Write): void;
  /** Judges an answer as the server gives it. */
  onAnswered?(ask: Ask): void;
  /** Judges a stream that is open when its client leaves. */
  onOpenStream?(ask: Ask, at: number): void;
  /** Notes that the store has lost a session, which was live in some programs. */
  onLost?(uid: string, holders: readonly Life[]): void;
  /** Notes the end of a session that a listener is told. */
  onTold?(life: Life, end: SessionEnd): void;
  /** Notes a call of the callback "bill". */
  onBilled?(life: Life, argument: string, end: SessionEnd): void;
  /** Whether nothing more is expected to happen. */
  readonly isQuiet?: boolean;
  /** Judges what must have happened by the end. */
  finish?(): void;
}
