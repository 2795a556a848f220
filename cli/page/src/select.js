import { CALM } from "./trouble.js";

/** What the list can be narrowed to. */
export const FILTERS = [
  { key: "all", label: "locks", of: () => true },
  { key: "used", label: "in use", of: ({ lock }) => lock.holders.length + lock.waiters.length > 0 },
  { key: "waited", label: "waited for", of: ({ lock }) => lock.waiters.length > 0 },
  { key: "trouble", label: "need attention", of: ({ trouble }) => trouble.level !== CALM },
];

/** What it can be sorted by. What has no value comes last; with the same value the order of the ids stays. */
export const SORTS = {
  id: null,
  held: ({ lock, since }) => (lock.holders.length > 0 ? since : Infinity), // the longest first
  until: ({ until }) => until,
  queue: ({ lock }) => -lock.waiters.length,
  token: ({ lock }) => -(lock.token ?? 0),
};

/** The rows to show: what needs attention comes first. */
export function selectRows(rows, { query, filter, sort }) {
  const { of } = FILTERS.find(({ key }) => key === filter);
  const words = query.toLowerCase().split(/\s+/).filter((word) => word);
  const chosen = rows.filter((row) => of(row) && words.every((word) => row.words.includes(word)));
  const value = SORTS[sort];
  const order = (a, b) => b.trouble.level - a.trouble.level || (value ? difference(value(a), value(b)) : 0);
  return chosen.sort(order);
}

const difference = (a, b) => (a === b ? 0 : a - b); // Infinity - Infinity is no number
