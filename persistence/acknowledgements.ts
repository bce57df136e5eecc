import { isPromiseLike, type MaybePromise } from "../base/promises.ts";
import type { ClaimKey, SessionStore } from "../stores/store.ts";
import type { StoreBreaker } from "./store_breaker.ts";

/** The most ends that are acknowledged together: some milliseconds of work. */
const MOST = 100;

/** The number of ends to deliver from which they are acknowledged together. */
const CROWD = 20;

/** An acknowledgement that is not sent yet. */
interface Waiting extends ClaimKey {
  readonly answer: PromiseWithResolvers<boolean>;
}

/**
 * Acknowledges delivered ends. Many ends of one turn of the event loop take one call,
 * if the store has it.
 */
export class Acknowledgements {
  readonly #store: SessionStore;
  readonly #breaker: StoreBreaker;
  #waiting: Waiting[] = [];

  constructor(store: SessionStore, breaker: StoreBreaker) {
    this.#store = store;
    this.#breaker = breaker;
  }

  /**
   * Acknowledges an end.
   *
   * @param size The number of ends to deliver now.
   * @returns false if the end belongs to another process.
   */
  send(uid: string, fence: string, size: number): MaybePromise<boolean> {
    if (size < CROWD || this.#store.acknowledgeAll === undefined) {
      return this.#breaker.call(() => this.#store.acknowledge(uid, fence));
    }
    const answer = Promise.withResolvers<boolean>();
    const count = this.#waiting.push({ uid, fence, answer });
    if (count === MOST) this.#sendAll();
    else if (count === 1) queueMicrotask(() => this.#sendAll());
    return answer.promise;
  }

  #sendAll(): void {
    const all = this.#waiting;
    if (all.length === 0) return;
    this.#waiting = [];
    const settle = (answers: readonly boolean[]) => {
      for (const [index, { answer }] of all.entries()) {
        answer.resolve(answers[index]!);
      }
    };
    const fail = (error: unknown) => {
      for (const { answer } of all) answer.reject(error);
    };
    try {
      const claims = all.map(({ uid, fence }) => ({ uid, fence }));
      const answers = this.#breaker.call(() =>
        this.#store.acknowledgeAll!(claims)
      );
      if (isPromiseLike(answers)) answers.then(settle, fail);
      else settle(answers);
    } catch (error) {
      fail(error);
    }
  }
}
