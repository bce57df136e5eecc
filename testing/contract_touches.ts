/**
 * The tests of touches by `commit()`, and of touches that it undoes.
 *
 * @module
 */

import {
  commit,
  type ContractTests,
  keep,
  LONG,
  look,
  same,
  visit,
} from "./contract_checks.ts";

/** Tests of idle and takenBack in commit(). */
export const TOUCH_TESTS: ContractTests = {
  async "commit() moves the last touch forward only"({ store }) {
    const made = await keep(store, "a", { age: 5000, idle: 2000 });
    const back = await commit(store, "a", { idle: 4000 });
    same(back.touchedAt, made.touchedAt, "touchedAt after an older touch");
    same(back.version, made.version, "the version");
    const forward = await commit(store, "a", { idle: 500 });
    same(forward.touchedAt, forward.now - 500, "touchedAt after a newer one");
    same(forward.deadline, forward.touchedAt + LONG, "the deadline");
    same(forward.version, made.version, "the version");
  },

  async "commit() takes a touch back"({ store }) {
    const made = await keep(store, "a", { idle: 2000 });
    const { touchedAt, touchedBefore: before } = await visit(store, "a");
    const times = await commit(store, "a", {
      takenBack: { touchedAt, before },
    });
    same(times.touchedAt, made.touchedAt, "touchedAt");
    same(times.deadline, made.deadline, "the deadline");
    same(times.version, made.version, "the version");
    same((await look(store, "a")).deadline, made.deadline, "as stored");
  },

  async "commit() takes a touch back to a time before the load"(
    { store, subject },
  ) {
    const made = await keep(store, "a", { idle: 2000 });
    await visit(store, "a");
    await subject.advance(5);
    const { touchedAt, touchedBefore: before } = await visit(store, "a");
    const takenBack = { touchedAt, before, to: made.touchedAt };
    const times = await commit(store, "a", { takenBack });
    same(times.touchedAt, made.touchedAt, "touchedAt");
    same(times.deadline, made.deadline, "the deadline");
  },

  async "commit() takes no touch back after a later load"({ store, subject }) {
    await keep(store, "a", { idle: 2000 });
    const first = await visit(store, "a");
    await subject.advance(5);
    const second = await visit(store, "a");
    same(second.touchedBefore, first.touchedAt, "touchedBefore");
    const { touchedAt, touchedBefore: before } = first;
    const times = await commit(store, "a", {
      takenBack: { touchedAt, before },
    });
    same(times.touchedAt, second.touchedAt, "touchedAt");
    same(times.deadline, second.deadline, "the deadline");
  },

  async "commit() takes no touch back after another in the same millisecond"(
    { store },
  ) {
    await keep(store, "a", { idle: 2000 });
    const { touchedAt, touchedBefore: before } = await visit(store, "a");
    const second = await visit(store, "a");
    const times = await commit(store, "a", {
      takenBack: { touchedAt, before },
    });
    same(times.touchedAt, second.touchedAt, "touchedAt");
  },

  async "commit() takes no touch back after a commit of a later one"(
    { store, subject },
  ) {
    await keep(store, "a", { idle: 2000 });
    const { touchedAt, touchedBefore: before } = await visit(store, "a");
    await subject.advance(5);
    const later = await commit(store, "a", { idle: 0 });
    const times = await commit(store, "a", {
      takenBack: { touchedAt, before },
    });
    same(times.touchedAt, later.touchedAt, "touchedAt");
  },

  async "commit() takes no touch back after a commit of an earlier one"(
    { store, subject },
  ) {
    await keep(store, "a", { idle: 2000 });
    await subject.advance(5);
    const { touchedAt, touchedBefore: before } = await visit(store, "a");
    const times = await commit(store, "a", { idle: 1000 });
    same(times.touchedAt, touchedAt, "touchedAt after an earlier touch");
    const after = await commit(store, "a", {
      takenBack: { touchedAt, before },
    });
    same(after.touchedAt, touchedAt, "touchedAt");
  },
};
