const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (n) => String(n).padStart(2, "0");

/** "0s", "12s", "3m 12s", "5h 03m", "2d 4h": rounded down, as in `dlock ls`. */
export function span(ms) {
  const t = Math.max(0, ms);
  if (t < MINUTE) return `${Math.floor(t / SECOND)}s`;
  if (t < HOUR) return `${Math.floor(t / MINUTE)}m ${two(Math.floor((t % MINUTE) / SECOND))}s`;
  if (t < DAY) return `${Math.floor(t / HOUR)}h ${two(Math.floor((t % HOUR) / MINUTE))}m`;
  return `${Math.floor(t / DAY)}d ${Math.floor((t % DAY) / HOUR)}h`;
}

/** A measured duration: "0.4 ms", "12 ms", "3.2 s", then as span(). */
export function duration(ms) {
  if (ms < 1) return ms < 0.05 ? "0 ms" : `${ms.toFixed(1)} ms`;
  if (ms < SECOND) return `${Math.round(ms)} ms`;
  return ms < MINUTE ? `${(ms / SECOND).toFixed(1)} s` : span(ms);
}

/** "03:12:09", or "Nov 28, 03:12" on another day; in the zone of whoever looks. */
export function clock(ms, today = Date.now()) {
  const at = new Date(ms);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === new Date(today).toDateString()) return `${time}:${two(at.getSeconds())}`;
  return `${at.toLocaleDateString("en", { month: "short", day: "numeric" })}, ${time}`;
}

/** "03:12", or with seconds if there are any: for an axis. */
export function shortClock(ms) {
  const at = new Date(ms);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.getSeconds() === 0 ? time : `${time}:${two(at.getSeconds())}`;
}

/** "2026-11-28 02:12:09.123 UTC" */
export function utc(ms) {
  const at = new Date(ms);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** "UTC+2" */
export function zone() {
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${size % 60 ? `:${two(size % 60)}` : ""}`;
}
