import type {
  ClaimedEnd,
  Claims,
  EndNotification,
  NewSession,
  SessionStore,
} from "../../../stores/store.ts";
import { LOOK, type SimulatedStore } from "../stores.ts";

/** The methods of a store that answers at once. */
type Methods = {
  [Name in keyof SessionStore]-?: NonNullable<SessionStore[Name]> extends
    (...args: infer Args) => infer Answer ? (
      ...args: Args
    ) => Exclude<Answer, Promise<unknown>>
    : SessionStore[Name];
};

/**
 * Returns a store that can lose sessions: a failover does, and a person who empties
 * it. What comes of a lost session later is in a second store.
 */
export function lossy(
  first: SessionStore,
  second: SessionStore,
): SimulatedStore {
  const lost = new Set<string>();
  const [one, two] = [first, second] as unknown as [Methods, Methods];
  const isLeft = ({ session: { uid } }: ClaimedEnd) => !lost.has(uid);
  const members: Partial<Methods> = {
    claim(claimant, limit): Claims {
      const here = one.claim(claimant, limit) as Claims;
      for (const end of here.ends) {
        if (!isLeft(end)) one.acknowledge(end.session.uid, end.fence);
      }
      const there = two.claim(claimant, limit) as Claims;
      return {
        ends: [...here.ends.filter(isLeft), ...there.ends],
        nextIn: Math.min(here.nextIn, there.nextIn),
      };
    },
    nextIn: () => Math.min(one.nextIn() as number, two.nextIn() as number),
    uidsOf: (principal) =>
      (one.uidsOf(principal) as string[]).filter((uid) => !lost.has(uid))
        .concat(two.uidsOf(principal) as string[]),
    watch(onEnd, onDueEarlier, onChange) {
      const onEndHere = (end: EndNotification) => {
        if (!lost.has(end.uid)) onEnd(end);
      };
      const stops = [
        one.watch(onEndHere, onDueEarlier, onChange) as () => void,
        two.watch(onEnd, onDueEarlier, onChange) as () => void,
      ];
      return () => stops.forEach((stop) => stop());
    },
  };
  const store = new Proxy(first, {
    get(_, name) {
      const own = lost.size === 0 && name !== "watch"
        ? undefined
        : members[name as keyof Methods];
      if (own !== undefined) return own;
      const member: unknown = Reflect.get(first, name, first);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        const [about] = args as [string | NewSession | undefined];
        const uid = typeof about === "object" ? about.uid : about;
        const store = lost.has(uid ?? "") ? second : first;
        return (Reflect.get(store, name, store) as typeof member)
          .apply(store, args);
      };
    },
  });
  return {
    isRemote: false,
    open: () => store,
    peek: (uid) => store.load(uid, LOOK),
    lose: (uid) => void lost.add(uid),
  };
}
