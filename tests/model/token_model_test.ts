/**
 * Every order of events of small worlds: the rules hold, and each refused rule
 * breaks the invariant that it is refused for.
 *
 * A session that its request ends by `expire()`, before the request waits for
 * something, is a logout here.
 *
 * - I1: the attacker acts as alice only by a token stolen since her last login.
 * - I2: alice, logged in, is never anonymous at a later request.
 * - I3: values stored before a login are there after it.
 * - I4: after a logout no token opens the session.
 * - I5: the browser is not left with a cookie that opens nothing.
 * - I6: all requests of one token act for one principal.
 * - I7: a planted cookie does not displace the victim's own session.
 * - I8: no account sees values of another one.
 * - I9: no cookie that came with a login stands against it afterwards.
 *
 * I2, I3 and I5 have exceptions that no server can avoid: a response with a
 * cookie is on its way while a login that it does not know of takes effect.
 * The search collects these as losses.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Deviation } from "./token_rules.ts";
import { keyOf, type Scenario, tokenWorld } from "./token_world.ts";

/** Searches breadth first, until the first violation or the limit. */
export function explore(
  scenario: Scenario,
  deviations: Deviation[] = [],
  maxStates = Infinity,
) {
  const { first, next } = tokenWorld(scenario, new Set(deviations));
  const seen = new Set([keyOf(first)]);
  const parents = [-1];
  const labels = [""];
  /** The shortest history of each loss that the rules accept. */
  const losses = new Map<string, string>();
  const history = (index: number, last: string) => {
    const events = [last];
    for (; index > 0; index = parents[index]!) events.unshift(labels[index]!);
    return events.map((event, i) => `${i + 1}. ${event}`).join("\n");
  };
  let level = [{ index: 0, world: first }];
  while (level.length > 0 && seen.size < maxStates) {
    const following: typeof level = [];
    for (const { index, world } of level) {
      for (const [label, after] of next(world)) {
        if (after.violation !== "") {
          const violation = `${after.violation}\n${history(index, label)}`;
          return { states: seen.size, violation, losses };
        }
        if (after.loss !== "" && !losses.has(after.loss)) {
          losses.set(after.loss, history(index, label));
        }
        const key = keyOf(after);
        if (seen.has(key)) continue;
        seen.add(key);
        following.push({ index: labels.push(label) - 1, world: after });
        parents.push(index);
      }
    }
    level = following;
  }
  return { states: seen.size, violation: "", losses };
}

/** Worlds in which the rules must hold. */
export const WORLDS: Record<string, Scenario> = {
  "three requests of two tabs": {
    victim: 3,
    kinds: ["visit", "look", "login", "renew", "logout"],
    graces: 1,
    ends: 1,
  },
  "requests from another site": {
    victim: 3,
    kinds: ["visit", "look", "login", "logout"],
    crossSite: 2,
    graces: 1,
  },
  "logins that outlast a restart of the browser": {
    victim: 3,
    kinds: ["visit", "login", "remember", "renew", "logout"],
    restarts: 1,
    graces: 1,
  },
  "session.renew() and a login that outlasts a restart of the browser": {
    victim: 3,
    kinds: ["visit", "remember"],
    outsideRenewals: 1,
    restarts: 1,
    graces: 1,
  },
  "session.renew() outside of a request": {
    victim: 3,
    kinds: ["visit", "login"],
    outsideRenewals: 1,
    graces: 2,
  },
  "one session for each principal": {
    victim: 3,
    kinds: ["visit", "login"],
    hasLimit: true,
    graces: 1,
  },
  "two processes and a lost answer of the store": {
    processes: 2,
    victim: 2,
    kinds: ["visit", "login", "renew", "logout"],
    lostWrites: 1,
    graces: 1,
    ends: 1,
  },
  "a planted token": {
    victim: 2,
    kinds: ["visit", "login"],
    attacker: 2,
    attackerKinds: ["visit", "login", "renew", "logout"],
    plant: "instead",
    graces: 1,
  },
  "a planted token, two processes": {
    processes: 2,
    victim: 1,
    kinds: ["login"],
    attacker: 3,
    attackerKinds: ["visit", "renew"],
    plant: "instead",
  },
  "a planted second cookie": {
    victim: 2,
    kinds: ["visit", "login", "logout"],
    attacker: 2,
    attackerKinds: ["visit", "login"],
    plant: "beside",
  },
  "a planted second cookie, and requests from another site": {
    victim: 2,
    kinds: ["visit", "login", "logout"],
    crossSite: 1,
    attacker: 2,
    attackerKinds: ["visit", "login"],
    plant: "beside",
    graces: 1,
  },
  "a planted second cookie, two processes": {
    processes: 2,
    victim: 2,
    kinds: ["login", "logout"],
    attacker: 1,
    attackerKinds: ["login"],
    plant: "beside",
  },
  "a stolen token": {
    victim: 2,
    kinds: ["login", "renew", "logout"],
    attacker: 2,
    attackerKinds: ["look", "login", "renew"],
    steal: 1,
    graces: 1,
  },
  "a stolen token, two processes": {
    processes: 2,
    victim: 2,
    kinds: ["login", "logout"],
    attacker: 2,
    attackerKinds: ["visit", "renew"],
    steal: 1,
  },
};

const DOUBLE: Scenario = { victim: 4, kinds: ["visit", "login"] };
const TABS: Scenario = { victim: 4, kinds: ["visit", "login", "logout"] };
const PLANTED: Scenario = {
  victim: 1,
  kinds: ["login"],
  attacker: 3,
  attackerKinds: ["visit", "renew"],
  plant: "instead",
};
const PLANTED_BESIDE: Scenario = {
  victim: 2,
  kinds: ["visit"],
  attacker: 1,
  attackerKinds: ["visit"],
  plant: "beside",
};
const STOLEN: Scenario = {
  victim: 2,
  kinds: ["login"],
  attacker: 3,
  attackerKinds: ["look", "renew"],
  steal: 1,
};
const SHARED: Scenario = { ...DOUBLE, processes: 2 };
const PLANTED_SHARED: Scenario = {
  ...PLANTED,
  processes: 2,
  attacker: 2,
  attackerKinds: ["visit"],
};

/** What each refused rule breaks, and the world that shows it. */
export const REFUSED: Record<Deviation, [invariant: string, Scenario]> = {
  "a repeated login begins a second session": ["I3", DOUBLE],
  "a repeated login kills the token of the first": ["I5", DOUBLE],
  "a login by a previous token of the same principal begins a session": [
    "I1",
    STOLEN,
  ],
  "a login by a previous token issues no token": ["I1", PLANTED],
  "a login leaves the old token its grace": ["I1", PLANTED],
  "a login of another principal keeps the session": ["I8", {
    ...PLANTED,
    victim: 2,
    kinds: ["login", "visit"],
    attackerKinds: ["visit", "login"],
    attacker: 2,
  }],
  "a cross-site login sends no cookie": ["I2", {
    victim: 1,
    kinds: ["login"],
    crossSite: 1,
  }],
  "a request keeps its session after a login": ["I1", PLANTED],
  "a request keeps its principal for ever": ["I1", STOLEN],
  "the grace begins at the renewal": ["I5", {
    victim: 3,
    kinds: ["visit", "login", "renew"],
    graces: 1,
  }],
  "other new tokens fade when one is presented": ["I5", {
    ...DOUBLE,
    graces: 1,
  }],
  "a previous token can renew": ["I1", {
    ...STOLEN,
    victim: 3,
    kinds: ["login", "renew"],
    attacker: 2,
    graces: 1,
  }],
  "a superseded token begins a session": ["I5", DOUBLE],
  "an end under way begins a session": ["I5", TABS],
  "an invalid token is cleared": ["I5", {
    victim: 3,
    kinds: ["visit", "look", "login"],
    ends: 1,
  }],
  "each answer of an ended session clears": ["I5", TABS],
  "a token that has died is sent": ["I5", {
    victim: 4,
    kinds: ["visit", "login", "renew"],
  }],
  "a cross-site logout clears": ["I5", {
    victim: 2,
    kinds: ["login", "logout"],
    crossSite: 1,
  }],
  "the first cookie counts": ["I7", PLANTED_BESIDE],
  "the last cookie counts": ["I7", PLANTED_BESIDE],
  "the cookie that is logged in counts": ["I7", PLANTED_BESIDE],
  "a logout by a superseded token ends nothing": ["I4", TABS],
  "the store writes without looking": ["I4", {
    processes: 2,
    victim: 3,
    kinds: ["login", "logout"],
  }],
  "values are written whatever the token": ["I1", PLANTED_SHARED],
  "an unwritten login changes the principal only": ["I1", PLANTED_SHARED],
  "an unwritten login is not decided anew": ["I2", SHARED],
  "a login leaves the session of an unwritten logout": ["I1", {
    processes: 2,
    victim: 3,
    kinds: ["login", "logout"],
    attacker: 1,
    attackerKinds: ["look"],
    steal: 1,
  }],
  "a login by several cookies leaves their sessions": ["I9", {
    ...PLANTED_BESIDE,
    kinds: ["visit", "login"],
  }],
  "a renewed cookie is not remembered": ["I5", {
    victim: 2,
    kinds: ["remember", "renew"],
    restarts: 1,
  }],
};

for (const [name, scenario] of Object.entries(WORLDS)) {
  Deno.test(`The token rules hold with ${name}`, () => {
    assertEquals(explore(scenario).violation, "");
  });
}

for (const [name, [invariant, scenario]] of Object.entries(REFUSED)) {
  Deno.test(`The token model refuses: ${name}`, () => {
    const { violation } = explore(scenario, [name as Deviation]);
    assertStringIncludes(violation, `${invariant}: `);
  });
}
