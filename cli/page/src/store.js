import { CALM, troubleOf } from "./trouble.js";

const FRESH = 7000; // ms: older data is called old, and times stand still

const parse = (text) => (text ? Date.parse(text) : 0);

/** "semaphore 2/3", "exclusive", "shared", or "" if it is free */
export function kindOf(lock) {
  if (lock.permits !== null) return `semaphore ${lock.holders.reduce((sum, holder) => sum + holder.permits, 0)}/${lock.permits}`;
  return (lock.holders[0] ?? lock.waiters[0])?.mode ?? "";
}

/** A lock, with what the list computes with. */
function makeRow(lock, before, at) {
  const [first] = lock.holders;
  const idle = lock.holders.length === 0 && lock.waiters.length > 0;
  const words = [lock.id, lock.token];
  for (const one of [...lock.holders, ...lock.waiters, ...lock.expired]) words.push(one.who, one.value, one.token);
  return {
    id: lock.id,
    lock,
    words: words.filter((word) => word).join("\n").toLowerCase(),
    since: parse(first?.since),
    until: Math.min(...lock.holders.map((holder) => parse(holder.until))),
    expiredHolder: lock.holders.some((holder) => holder.expired),
    waitingSince: Math.min(...lock.waiters.map((waiter) => parse(waiter.since))),
    idleSince: idle ? before?.idleSince || at : 0, // not in the document: since we saw it
    trouble: before?.trouble ?? null,
  };
}

/** What the server told, and how old it is. */
export class Store {
  rows = []; // in the order of their ids
  at = 0; // of the last read, by MongoDB's clock; in ms
  about = null; // what is shown, and the limits
  phase = "connecting"; // "live", "lost", "unauthorized", "paused"
  phaseSince = Date.now();
  reading = null; // the server's last `state`
  loaded = false;
  #byId = new Map();
  #readAt = 0; // by performance.now()
  #listeners = new Set();

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  setPhase(phase) {
    if (phase === this.phase) return;
    this.phase = phase;
    this.phaseSince = Date.now();
    this.#changed();
  }

  take(event, data) {
    if (event === "about") this.about = data;
    if (event === "locks") this.#takeLocks(data);
    if (event === "state") {
      this.reading = data;
      if (data.age !== null) this.#readAt = performance.now() - 1000 * data.age;
      if (data.at) this.at = parse(data.at);
    }
    this.phase = "live";
    this.#changed();
  }

  #takeLocks({ full, at, locks, gone }) {
    this.at = parse(at) || this.at;
    this.#readAt = performance.now();
    const before = this.#byId;
    let known = !full;
    if (full) this.#byId = new Map();
    for (const lock of locks) {
      const old = before.get(lock.id);
      known &&= old !== undefined;
      this.#byId.set(lock.id, makeRow(lock, old, this.at));
    }
    for (const id of gone) this.#byId.delete(id);
    this.rows = [...this.#byId.values()];
    if (!known && !full) this.rows.sort((a, b) => (a.id < b.id ? -1 : 1));
    if (!known && !full) this.#byId = new Map(this.rows.map((row) => [row.id, row]));
    this.loaded = true;
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** How old the data is, in ms. */
  age() {
    return this.#readAt === 0 ? 0 : performance.now() - this.#readAt;
  }

  isStale() {
    return this.age() > FRESH;
  }

  /** MongoDB's time. It stands still when there is no news: what we do not know does not grow. */
  now() {
    return this.at + Math.min(this.age(), FRESH);
  }

  limits() {
    return { hold: this.about?.long_hold ?? Infinity, wait: this.about?.long_wait ?? Infinity };
  }

  /** Sets row.trouble of all locks. Returns how many are in use, waited for and in trouble. */
  judge() {
    const now = this.now();
    const limits = this.limits();
    const counts = { all: this.rows.length, used: 0, waited: 0, trouble: 0 };
    for (const row of this.rows) {
      row.trouble = troubleOf(row, now, this.at, limits);
      if (row.lock.holders.length + row.lock.waiters.length > 0) counts.used += 1;
      if (row.lock.waiters.length > 0) counts.waited += 1;
      if (row.trouble.level !== CALM) counts.trouble += 1;
    }
    return counts;
  }

  #changed() {
    for (const listener of this.#listeners) listener();
  }
}
