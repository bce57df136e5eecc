// Some hundred seeds of each mode: `deno task simulate` has more of them.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { mutated, sourceOf } from "../../tools/simulate/mutants.ts";
import { MUTANTS } from "../../tools/simulate/mutants/list.ts";
import { MODES, simulate, simulatePart } from "../../tools/simulate.ts";
import { testWith } from "../helpers_process.ts";

for (const mode of MODES) {
  Deno.test(`simulate() breaks no promise in mode ${mode}`, async () => {
    const { failures, seeds, sums } = await simulate({
      mode,
      store: "memory",
      seed: 1,
      seeds: 500,
    });
    const broken = failures.map(({ seed, run }) => [seed, run.violations]);
    assertEquals(broken, []);
    assertEquals(seeds, 500);
    assert(sums.sessions > 1000 && sums.asks > 5000);
  });
}

/** Seeds that broke a promise before it was mended. */
const ONCE_BROKEN = [
  // A session that ended here while its renewal was decided anew.
  ["calm", 104_015],
  ["slow", 119_150],
  ["loss", 104_593],
  ["clock", 104_015],
  ["all", 119_405],
  // A named callback in a creation whose answer was lost, while the session ended.
  ["slow", 119_055],
  // A named callback that met an end elsewhere in a process that closed.
  ["all", 114_836],
  // A logout by a superseded token, after the clock was set.
  ["clock", 112_062],
  ["clock", 113_453],
  // A value that was put back by a doubtful creation, and written after the 503.
  ["loss", 117_096],
  // A superseded request that only looks, and others that set values.
  ["calm", 106_648],
  ["calm", 702_027],
  // A login as another user that ended the session, and could begin no other.
  ["loss", 102_534],
  // A visit with two cookies, one of a session that was over in the store only.
  ["slow", 108_206],
  // A touch taken back that another process made in the same millisecond.
  ["calm", 506_495],
  // A renewal of a lease that got no answer, and was not repeated in time.
  ["all", 117_895],
  ["slow", 116_432],
  // A process that was blocked for longer than a store may take to answer.
  ["calm", 700_489],
  // An absolute deadline, after the clock was set.
  ["clock", 20_165],
  ["clock", 30_083],
  ["all", 30_259],
  // A logout by a token whose grace was over when a slow answer came.
  ["slow", 802_532],
  // A session that was created twice, and ended in between.
  ["all", 804_353],
  // A renewal that met a logout in its process.
  ["calm", 800_018],
  // What the model took for a fault.
  ["calm", 102_438],
  ["loss", 115_342],
  ["calm", 506_874],
  ["slow", 619_254],
] as const;

/** Seeds that did so with the theme of the seed. */
const ONCE_BROKEN_THEMES = [
  // An update that wrote the values of a superseded request first.
  ["loss", 906_343, "values"],
  // A look that took back a login, whose touch was written after its load.
  ["loss", 902_354, "background"],
  // An end that was told, and not acknowledged when its process closed.
  ["all", 906_644, "background"],
  // A named callback in a repeated write that met an end elsewhere.
  ["all", 1_001_617, "values"],
  // A write that the store took after it was given up, since a load before was slow.
  ["slow", 2_101_023, "values"],
  // A hold whose callback was dropped with the changes of another request.
  ["slow", 5_004_780, "holds"],
  ["slow", 5_018_003, "holds"],
  // A look with two cookies of one session, whose touch was not undone.
  ["crash", 2_002_723, "background"],
  ["calm", 5_016_020, "background"],
  // A look with two cookies, while a login to one of their sessions was refused.
  ["slow", 2_002_521, "limit"],
  // A touch that a clock which was set moved.
  ["clock", 5_001_924, "holds"],
  ["all", 5_006_133, "warnings"],
  ["all", 2_001_231, "values"],
  // A login that was refused before the clock was set back.
  ["all", 2_101_165, "limit"],
  // A hold that was taken for good while its session ended.
  ["slow", 5_005_305, "holds"],
  ["all", 7_002_104, "holds"],
  // A hold that was renewed while its session ended, and ended before it.
  ["slow", 5_004_017, "holds"],
  // A login that was too old when it was written, since the clock was set.
  ["clock", 20_660, "limit"],
  ["all", 20_380, "limit"],
  ["clock", 5_004_394, "limit"],
  // What the model took for a fault: a request that is refused with others, a hold
  // after the store's clock was set, a session beyond the limit of a principal.
  ["calm", 5_004_168, "values"],
  ["clock", 2_002_263, "holds"],
  ["all", 1102, "limit"],
  ["slow", 5_015_027, "limit"],
  ["slow", 8_004_965, "limit"],
  ["slow", 8_007_386, "background"],
  ["slow", 8_015_079, "background"],
  ["calm", 8_051_901, "holds"],
  ["clock", 8_008_429, "background"],
  // A visit with two cookies, one of a session whose deadline passed here during the
  // load: the touch of the other was not written.
  ["all", 70_026_569, "holds"],
  ["loss", 70_026_569, "holds"],
  // A process that forgot a session which a superseded request still had.
  ["calm", 70_024_842, "warnings"],
  // A warning by a process that had lost its lease while it checked the session.
  ["slow", 70_011_710, "warnings"],
  // A timeout that was lost when a write of another request was refused, and sessions
  // that are over by their new timeouts.
  ["calm", 45_070_158, "timeouts"],
  ["slow", 45_070_019, "timeouts"],
  ["crash", 45_070_037, "timeouts"],
  // A lease that was about to end: the process claimed its end again and again.
  ["crash", 45_220_047, "values"],
  // Changes inside a value that were lost without a report, or written over others.
  ["calm", 45_100_001, "inner"],
  ["clock", 45_100_379, "inner"],
  // What the model took for a fault: a list that another request had replaced.
  ["calm", 45_200_495, "inner"],
  // An update that was overwritten by a change inside of its value.
  ["calm", 356, "lists"],
  ["slow", 226, "lists"],
  // A timeout that was set while a creation had no answer, or was sent twice.
  ["slow", 45_080_506, "timeouts"],
  ["all", 45_080_193, "timeouts"],
  // A login in one process whose touch a look in another took back.
  ["slow", 5_011_541, "limit"],
  // A clock that was set back while a poll failed: an end was not acknowledged in time.
  ["all", 3_000_696, "warnings"],
  // A refused login whose end had no answer, and that was answered all the same.
  ["slow", 3_102_669, "limit"],
  // A value that a repeated creation gave back after the 503.
  ["loss", 510, "lost"],
  // What the model took for a fault: a creation without an answer that was repeated
  // after the store had lost the session, a logout by one of two cookies, and a
  // request under way in a process that closes.
  ["crash", 30_006_660, "lost"],
  ["crash", 30_025_987, "lost"],
  ["calm", 30_005_491, "lost"],
  ["crash", 30_009_262, "limit"],
  // A named callback that waited for the end of its session when its process crashed.
  ["all", 30_010_491, "plain"],
  ["all", 30_017_120, "plain"],
  // A named callback that was written again, and got no answer again.
  ["all", 30_026_564, "values"],
  ["loss", 30_026_564, "values"],
  // A call that was given up at once, since the clock was set back before it.
  ["clock", 30_020_740, "values"],
  // A value that was set after the response, and lost without a report, since the
  // session ended before it could be written.
  ["loss", 47, "lost"],
  ["loss", 499, "background"],
  ["slow", 418, "lost"],
  ["clock", 959, "plain"],
  // A value that was set while its process closed, and neither written nor reported.
  ["calm", 41_040_699, "plain"],
  ["all", 41_042_261, "values"],
  // A write under way, of a session that its process had forgotten when it closed.
  ["all", 749, "values"],
  // What the model took for a fault: two values of one key, set in one moment.
  ["calm", 41_063_159, "holds"],
  // A login that was answered 503, since another one ended its session meanwhile.
  ["calm", 41_070_186, "limit"],
  // What the model took for a fault: a deadline here, and a store whose clock is set
  // back.
  ["clock", 41_090_079, "background"],
  // What the model took for a fault: a login that a process refused late, as it froze.
  ["slow", 50_018_685, "limit"],
  // A named callback that was called twice, as its session vanished in its write.
  ["all", 50_018_414, "lost"],
  // A token that had expired by the clock of the store, after a sleep of the machine.
  ["clock", 41_091_194, "holds"],
  // A pause after a failed poll, which grew when the clock was set back.
  ["all", 41_060_076, "values"],
  // A logout by a recognized token, while a deadline here hid the session.
  ["slow", 41_052_227, "warnings"],
  ["all", 41_052_227, "warnings"],
  // A request that was answered 503, since the login of another one was refused.
  ["calm", 41_010_840, "limit"],
  // What the model took for a fault: a session that the store has again, since its
  // clock was set back.
  ["clock", 30_029_252, "values"],
  // Another such case: a process that has forgotten a session.
  ["calm", 41_001_452, "background"],
  // Another such case: a request that held a session until it undid its touch.
  ["calm", 50_007_899, "holds"],
  // What the model took for a fault: a logout or a login of the same process hides
  // one of two cookies, a process that does not reach its store.
  ["calm", 5_018_716, "limit"],
  ["calm", 2_101_702, "values"],
  ["crash", 5_012_471, "background"],
  // A logout everywhere that was answered before all ends were written.
  ["loss", 8_011_367, "plain"],
  // What the model took for a fault: a process that was about to forget a session,
  // one that was blocked, and a list while an end is written.
  ["clock", 5_005_544, "lost"],
  ["calm", 7_101_539, "holds"],
  ["slow", 8_015_079, "background"],
  // A last record that was sent twice, or whose answer was lost.
  ["loss", 3_101_621, "lost"],
  ["loss", 5_010_864, "lost"],
  ["loss", 5_019_880, "lost"],
  // A message that was lost long before, and had the store taken for unreachable.
  ["crash", 30_014_218, "limit"],
  // A login by HEAD whose touch a look of its process undid.
  ["slow", 42_151_923, "background"],
  // A look during which another look of its process came and went.
  ["calm", 1232, "background"],
  // Looks that undid a visit of another process in the same millisecond.
  ["slow", 8_002_283, "background"],
  // A session that began while the store was away, before the clock was set back.
  ["all", 8_004_048, "limit"],
  // A touch by a token that a login in another process had superseded.
  ["calm", 8_003_860, "holds"],
  // A login that a look wrote, without its touch.
  ["slow", 8_009_851, "limit"],
  // A session that lived in the store when it was asked, and was taken for unknown.
  ["slow", 5_013_022, "plain"],
  // A login that joined, and was repeated without its touch.
  ["all", 8_050_178, "limit"],
  // An end of all sessions of a principal that was answered before it was written.
  ["loss", 8_011_367, "plain"],
  // A value of a new session that another request dropped, and that was acknowledged.
  ["all", 8_013_670, "plain"],
  // A named callback that waited in a session which its process had loaded again.
  ["all", 8_014_352, "limit"],
  // An end that was told, and whose callback failed while its process closed.
  ["all", 2474, "holds"],
  // A stream of a session that ended by another object of its process.
  ["calm", 30_021_172, "warnings"],
  // The touch of a refused login, which a clock that was set moved twice.
  ["all", 9_200_306, "limit"],
  // What the model took for a fault: such a touch after the step, taken for one before.
  ["clock", 9_100_255, "limit"],
  // What the model took for a fault: news for a process whose callbacks block it.
  ["calm", 8_019_720, "background"],
  // Another such case: a load that was late since the client sent it twice.
  ["loss", 42_170_594, "holds"],
  // Another such case: two looks of one process in one millisecond.
  ["calm", 42_120_388, "background"],
  // Another such case: a clock that was set twice, and by little in all.
  ["all", 42_074_905, "lost"],
  // Another such case: a released hold, after the store's clock was set back.
  ["all", 42_012_100, "holds"],
  // Another such case: two logins in one write need the place of an old token.
  ["clock", 8_018_503, "limit"],
  // A callback that replaced another one and was taken back, in an unsure write.
  ["loss", 42_040_153, "values"],
  // A named callback of a session that vanished while the callback was written.
  ["calm", 30_630, "lost"],
  // A warning whose check met the unacknowledged end of the check before it.
  ["calm", 5_017_529, "warnings"],
  ["calm", 2_102_869, "warnings"],
  ["crash", 3_001_515, "warnings"],
  // A warning that fell due while a request was under way that was no visit.
  ["calm", 2_003_952, "warnings"],
  ["calm", 5_012_258, "warnings"],
  ["calm", 5_018_404, "warnings"],
  // A warning that was not in the store when its request was answered.
  ["calm", 42_020_854, "warnings"],
  // A warning that fell due while two requests under way were no visits.
  ["calm", 50_010_358, "warnings"],
  // The same, with a check that such a request met halfway.
  ["calm", 7_001_800, "warnings"],
  ["calm", 260, "warnings"],
  // A warning by a function of two ends in turn, while such a request was under way.
  ["calm", 41_095_214, "warnings"],
  // A change that was notified before the load of its session was answered.
  ["crash", 30_034_090, "background"],
  // A touch of a request that was answered 503 before the clock was set back.
  ["all", 30_018_353, "values"],
  // A token that had expired, by a clock that was set back before its load.
  ["all", 50_019_788, "plain"],
  // A renewed hold that ended though the end of its session could not be written.
  ["all", 50_027_492, "holds"],
  // A deadline that passed by a clock which was set before a touch.
  ["clock", 41_070_331, "values"],
  // A value that waited for a superseded request, which left for a session of its own.
  ["clock", 43_042_223, "plain"],
  ["crash", 42_093_030, "plain"],
  // What the model took for a fault: a clock that was set while its process computed,
  // and an answer that a blocked process read late.
  ["clock", 30_013_369, "values"],
  ["slow", 30_011_798, "lost"],
  // A vanished session that ended elsewhere before its last record was answered.
  ["all", 70_007_005, "lost"],
  // What the model took for a fault: a value in the commit that undid a touch by
  // which the session lived.
  ["all", 70_013_391, "plain"],
  // A clock that was set by less than counts, and the other way by more.
  ["clock", 47_002_350, "limit"],
  // A warning by a function of an end that a request that only looks put off for less
  // than a second.
  ["calm", 44_011_393, "warnings"],
  // What the model took for a fault: a callback that failed in five programs, and was
  // not yet due again when the world ended.
  ["crash", 47_008_649, "background"],
  // A commit that met the last record of a vanished session, whose end was notified
  // before the claim was answered.
  ["slow", 44_060_318, "lost"],
  // What the model took for a fault: a session that had ended in a process before the
  // store's clock was set back.
  ["all", 47_010_900, "warnings"],
  // A vanished session whose end another process had delivered in part.
  ["crash", 44_101_713, "lost"],
  // A hold that ended twice, since the store's clock was set back.
  ["all", 44_111_925, "holds"],
  // A stream whose token expired after the clock was set back.
  ["clock", 46_100_061, "plain"],
  // An end that a process wrote last while it closed, and whose callback took long.
  ["all", 44_161_764, "limit"],
  // A renewal that reached the last record of a session that had vanished.
  ["all", 44_171_349, "lost"],
  // What the model took for a fault: a logout of a session that had ended in its process
  // before the store's clock was set back.
  ["all", 44_170_185, "limit"],
  // A write that another process had overtaken, with an answer that was read late.
  ["clock", 71_007_791, "values"],
  // A login that was written after another one of its session had an earlier time.
  ["calm", 71_029_549, "limit"],
  // A machine that slept, which looks like a clock that was set.
  ["clock", 71_017_533, "warnings"],
  // A write after an answer that was read late: the store's time was reckoned too early.
  ["slow", 72_005_277, "values"],
  // A session that ended while its machine slept: the timers of the process were late.
  ["clock", 73_008_303, "holds"],
  // Two processes log in to one session. The later login is written first.
  ["all", 73_030_576, "limit"],
  // A hold of a warning that reached the store after its process had given it up.
  ["slow", 73_016_040, "warnings"],
  // A creation on its way that made a session again which the store had lost.
  ["slow", 80_030_312, "lost"],
  // A process whose request only looked did not learn that another one postponed the end.
  ["calm", 81_031_159, "warnings"],
  // A hold that wrote the value of another request, which a login had superseded.
  ["slow", 81_035_763, "holds"],
  // A superseded request that renews the hold of its session.
  ["calm", 83_019_661, "holds"],
  // A visit after a sleep of the machine, which has made the timer of the queue late.
  ["clock", 83_023_009, "warnings"],
  // A process that closes while a superseded request is under way.
  ["all", 86_021_064, "limit"],
  // A login that is refused, since the store's clock was set back during an end.
  ["clock", 87_001_925, "limit"],
  // A warning that is due while the only program is closing.
  ["calm", 87_026_680, "warnings"],
  // The answer to a commit has the touch of a look in another process.
  ["crash", 87_011_133, "warnings"],
  // What the model took for a fault: a warning by a function of a process that had
  // loaded the touch of a look in another process.
  ["calm", 76_000_497, "warnings"],
  // A request that held its session though its client had left, and one whose signal
  // aborted after its handler had thrown.
  ["calm", 46_600_010, "leaves"],
  ["calm", 46_600_000, "leaves"],
  // What the model took for a fault: an absolute timeout that another request has set.
  ["loss", 46_710_831, "remember"],
  // A visitor who was offline before a change before was told, or who stayed offline
  // with a stream, or present without a session.
  ["calm", 46_800_020, "presence"],
  ["calm", 46_800_342, "presence"],
  ["crash", 46_800_561, "presence"],
  ["calm", 46_810_114, "presence"],
  ["crash", 46_860_133, "presence"],
  // A hold of a principal that was taken again, and was still listed.
  ["calm", 46_800_348, "presence"],
  // A callback of presence in a process that had lost the change to another.
  ["slow", 46_820_129, "presence"],
] as const;

for (
  const [mode, seed, theme = "plain"] of [...ONCE_BROKEN, ...ONCE_BROKEN_THEMES]
) {
  Deno.test(`simulate() breaks no promise any more with seed ${seed} in mode ${mode}`, async () => {
    const { failures } = await simulate({
      mode,
      store: "memory",
      theme,
      seed,
      seeds: 1,
    });
    assertEquals(failures.map(({ run }) => run.violations), []);
  });
}

Deno.test("simulate() breaks no promise over SqliteStore", async () => {
  const { failures } = await simulate({
    mode: "all",
    store: "sqlite",
    seed: 1,
    seeds: 50,
  });
  const broken = failures.map(({ seed, run }) => [seed, run.violations]);
  assertEquals(broken, []);
});

testWith(
  ["read", "write"],
  "simulate() breaks no promise over a file that several SqliteStores share",
  async () => {
    const { failures } = await simulate({
      mode: "all",
      store: "sqlite-file",
      seed: 1,
      seeds: 8,
    });
    const broken = failures.map(({ seed, run }) => [seed, run.violations]);
    assertEquals(broken, []);
  },
);

Deno.test("simulatePart() gives the same log for the same seed", async () => {
  for (const seed of [1, 2, 3]) {
    const options = { mode: "all", store: "memory" } as const;
    const first = await simulatePart(seed, options);
    await simulatePart(seed + 100, options);
    const again = await simulatePart(seed, options);
    assertEquals(again.log, first.log);
  }
});

Deno.test("simulatePart() leaves out the steps and the mishaps that are not named", async () => {
  const options = { mode: "loss", store: "memory" } as const;
  const whole = await simulatePart(5, options);
  const part = await simulatePart(5, options, { steps: [14], mishaps: [] });
  assert(whole.asks > 1 && whole.mishaps.length > 0);
  assertEquals([part.asks, part.mishaps], [1, []]);
});

for (const mutant of MUTANTS) {
  testWith(["read"], `The mutant "${mutant.name}" fits the code`, () => {
    const source = sourceOf(mutant);
    assert(mutated(source, mutant) !== source);
  });
}

Deno.test("mutated() throws for a line that is not there", () => {
  const mutant = { ...MUTANTS[0]!, from: "no such line" };
  assertThrows(() => mutated("text", mutant), Error, "0 times");
});
