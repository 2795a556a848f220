import { span } from "./time.js";

export const CALM = 0;
export const WARN = 1;
export const BAD = 2;

const NOT_PASSED_ON = 5000; // free and waited for, for so long: a hand-off takes milliseconds, an expiry the clock_skew

const calm = { level: CALM, text: "" };

/** What is wrong with a lock at `now`, when it was read at `at`, by MongoDB's clock. `limits`: what is long, in ms. */
export function troubleOf(row, now, at, limits) {
  const { holders, waiters, expired } = row.lock;
  if (holders.length === 0) {
    if (waiters.length > 0) {
      const idle = now - row.idleSince;
      return idle < NOT_PASSED_ON ? calm : { level: BAD, text: `free for ${span(idle)}, but nobody of the queue has it` };
    }
    const dead = expired.find((holder) => !holder.kept);
    return dead ? { level: WARN, text: `lease ran out ${span(now - Date.parse(dead.until))} ago, and was not released` } : calm;
  }
  if (holders.some((holder) => holder.revoked)) return { level: BAD, text: "revoked, and still held" };
  if (row.expiredHolder) return { level: WARN, text: "lease ran out: it passes on in a moment" };
  if (row.until <= at) return { level: WARN, text: `overdue: its lease is over since ${span(at - row.until)}` };
  const waited = waiters.length > 0 ? now - row.waitingSince : 0;
  if (waited >= limits.wait) return { level: WARN, text: `somebody has waited for ${span(waited)}` };
  const held = now - row.since;
  return held >= limits.hold ? { level: WARN, text: `held for ${span(held)}` } : calm;
}
