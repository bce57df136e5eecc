import type {
  AccessChange,
  SessionChanges,
  StoredCallback,
  StoredSession,
  StoredToken,
} from "./stored_session.ts";

/**
 * Returns principal and tokens of a session after a login, a renewal, or a change
 * of its principal.
 */
export function accessAfter(
  record: Pick<StoredSession, "tokens" | "authenticatedAt">,
  access: AccessChange,
  now: number,
): Partial<StoredSession> {
  const { principal, generation, loginAge, grace, tokens } = access;
  const untils = new Map(record.tokens.map(({ hash, until }) => [hash, until]));
  const all = tokens.map(({ hash, generation }) => ({
    hash,
    generation,
    until: untils.get(hash) ?? Infinity,
  }));
  return {
    principal: principal ?? undefined,
    generation,
    loginGeneration: access.loginGeneration,
    isRenewalDue: access.isRenewalDue,
    isRemembered: access.isRemembered,
    authenticatedAt: timeBefore(now, loginAge) ?? record.authenticatedAt,
    tokens: fade(all, generation, now + grace),
  };
}

/**
 * Returns tokens, where each of an earlier generation has the time at which it
 * expires; the first such time stays.
 */
export function fade(
  tokens: readonly StoredToken[],
  generation: number,
  until: number,
): StoredToken[] {
  return tokens.map((token) =>
    token.generation < generation && token.until === Infinity
      ? { ...token, until }
      : token
  );
}

/** Returns the time `age` milliseconds ago; undefined without an age. */
export function timeBefore(
  now: number,
  age: number | undefined,
): number | undefined {
  return age === undefined ? undefined : now - age;
}

/** Returns the values after changes; undefined deletes one. */
export function valuesAfter(
  values: ReadonlyMap<string, string>,
  changes: ReadonlyMap<string, string | undefined>,
): Map<string, string> {
  const all = new Map(values);
  for (const [key, value] of changes) {
    if (value === undefined) all.delete(key);
    else all.set(key, value);
  }
  return all;
}

/** Returns the callbacks after some were added, replaced or removed. */
export function callbacksAfter(
  callbacks: readonly StoredCallback[],
  { addedCallbacks, removedCallbacks }: SessionChanges,
): readonly StoredCallback[] {
  if (addedCallbacks === undefined && removedCallbacks === undefined) {
    return callbacks;
  }
  const all = [...callbacks];
  for (const added of addedCallbacks ?? []) {
    const at = all.findIndex((one) =>
      one.id === added.id || one.id === "" && isSameCall(one, added)
    );
    all.splice(at === -1 ? all.length : at, 1, added);
  }
  return all.filter((one) =>
    !removedCallbacks?.some((removed) =>
      one.id === removed.id && isSameCall(one, removed)
    )
  );
}

/** Returns whether two callbacks have the same name and argument. */
function isSameCall(one: StoredCallback, other: StoredCallback): boolean {
  return one.name === other.name && one.argument === other.argument;
}
