import { HoldRule } from "./hold_rule.ts";
import { LateRule } from "./late_rule.ts";
import { LimitRule } from "./limit_rule.ts";
import { LookRule } from "./look_rule.ts";
import { CallbackRule } from "./callback_rule.ts";
import { LostRule } from "./lost_rule.ts";
import type { Judge, Rule } from "./rule.ts";
import { OutsideRule } from "./outside_rule.ts";
import { TimeoutRule } from "./timeout_rule.ts";
import { PresenceRule } from "./presence_rule.ts";
import { RememberRule } from "./remember_rule.ts";
import { LeaveRule } from "./leave_rule.ts";
import { ThrowRule } from "./throw_rule.ts";
import { InnerRule } from "./inner_rule.ts";
import { StreamRule } from "./stream_rule.ts";
import { WarningRule } from "./warning_rule.ts";
import { UpdateRule } from "./update_rule.ts";

/** Returns the rules of all themes. */
export function rulesOf(judge: Judge): Rule[] {
  return [
    new UpdateRule(judge),
    new CallbackRule(judge),
    new LateRule(judge),
    new LookRule(judge),
    new StreamRule(judge),
    new OutsideRule(judge),
    new LimitRule(judge),
    new HoldRule(judge),
    new LostRule(judge),
    new WarningRule(judge),
    new TimeoutRule(judge),
    new InnerRule(judge),
    new ThrowRule(judge),
    new LeaveRule(judge),
    new RememberRule(judge),
    new PresenceRule(judge),
  ];
}
