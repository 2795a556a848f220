import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { kindOf } from "./store.js";
import { plain, Text } from "./text.js";
import { span, utc } from "./time.js";
import { BAD, CALM } from "./trouble.js";

const ROW = 52; // px, as in the style sheet
const HEAD = 34;
const SPARE = 8; // rows above and below what is seen

const COLUMNS = [
  { key: "id", label: "Lock" },
  { key: null, label: "Holder" },
  { key: "held", label: "Held for", number: true },
  { key: "until", label: "Lease ends", number: true },
  { key: "queue", label: "Queue", number: true },
  { key: "token", label: "Token", number: true },
];

export const pathOf = (id) => `#/lock/${encodeURIComponent(id)}`;

export function nameOf(one) {
  return one.foreign ? "a mongo-dlock (node) client" : one.who || "somebody";
}

function Holder({ lock }) {
  const [first] = lock.holders;
  if (!first) return html`<div class="line dim">${lock.waiters.length > 0 ? "nobody yet" : "free"}</div>`;
  const more = lock.holders.length - 1;
  return html`
    <div class="line"><${Text} value=${nameOf(first)} />${more > 0 && html`<span class="more"> +${more} more</span>`}</div>
    ${first.value && html`<div class="line note"><${Text} value=${first.value} /></div>`}`;
}

/** "in 24s", "kept 24s", "overdue". `at`: when it was read; since then it may have been renewed. */
export function leaseText(holder, until, now, at) {
  if (holder.expired) return "expired";
  if (until <= at) return "overdue";
  return `${holder.kept ? "kept " : "in "}${span(until - now)}`;
}

function Row({ row, index, now, at, selected, onOpen }) {
  const { lock, trouble } = row;
  const waiters = lock.waiters.length;
  const level = trouble.level === BAD ? "bad" : trouble.level === CALM ? "" : "warn";
  const kind = kindOf(lock);
  const about = trouble.text || (kind === "exclusive" ? "" : kind);
  const cell = (column, classes, content, title) => html`<div role="gridcell" aria-colindex=${column} class=${classes} title=${title}>${content}</div>`;
  return html`
    <div role="row" id=${`row-${index}`} aria-rowindex=${index + 2} aria-selected=${selected ? "true" : "false"} class=${`row ${level}`}
         style=${{ top: `${index * ROW}px` }} onClick=${(event) => onOpen(row.id, event)}>
      ${cell(1, "", html`
        <div class="line id"><a href=${pathOf(row.id)} tabindex="-1" title=${plain(row.id)}><${Text} value=${row.id} /></a></div>
        ${about && html`<div class=${`line ${level || "dim"}`}>${about}</div>`}`)}
      ${cell(2, "", html`<${Holder} lock=${lock} />`)}
      ${cell(3, "number", lock.holders.length > 0 && span(now - row.since), lock.holders.length > 0 ? `since ${utc(row.since)}` : undefined)}
      ${cell(4, "number", lock.holders.length > 0 && leaseText(lock.holders[0], row.until, now, at), lock.holders.length > 0 ? utc(row.until) : undefined)}
      ${cell(5, "number", waiters > 0 && html`<div class="strong">${waiters.toLocaleString("en")}</div><div class="line dim">${span(now - row.waitingSince)}</div>`)}
      ${cell(6, "number token", lock.token ?? "")}
    </div>`;
}

/** Only the rows that are seen are in the document, so 10,000 locks are as fast as 10. */
export function List({ rows, now, at, view, setView, onOpen, box }) {
  const [seen, setSeen] = useState({ top: view.top, height: 800 });
  const ownBox = useRef(null);
  const selected = rows.findIndex((row) => row.id === view.selected);

  useLayoutEffect(() => {
    const element = ownBox.current;
    box.current = element;
    element.scrollTop = view.top;
    const look = () => setSeen({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(look);
    observer.observe(element);
    look();
    return () => observer.disconnect();
  }, []);
  const fresh = useRef(true);
  useLayoutEffect(() => {
    if (!fresh.current) ownBox.current.scrollTop = 0;
    fresh.current = false;
  }, [view.query, view.filter, view.sort]);

  const select = (index) => {
    const at = Math.max(0, Math.min(rows.length - 1, index));
    if (rows.length === 0) return;
    setView({ selected: rows[at].id });
    const element = ownBox.current;
    const room = element.clientHeight - HEAD;
    if (at * ROW < element.scrollTop) element.scrollTop = at * ROW;
    else if ((at + 1) * ROW > element.scrollTop + room) element.scrollTop = (at + 1) * ROW - room;
  };
  const onKey = (event) => {
    if (event.target !== ownBox.current || event.ctrlKey || event.altKey || event.metaKey) return;
    const page = Math.max(1, Math.floor((ownBox.current.clientHeight - HEAD) / ROW) - 1);
    const steps = { ArrowDown: selected + 1, ArrowUp: selected - 1, PageDown: selected + page, PageUp: selected - page, Home: 0, End: rows.length - 1 };
    if (event.key in steps) select(steps[event.key]);
    else if (event.key === "Enter" && selected >= 0) onOpen(rows[selected].id);
    else return;
    event.preventDefault();
  };

  const first = Math.max(0, Math.floor(seen.top / ROW) - SPARE);
  const last = Math.min(rows.length, Math.ceil((seen.top + seen.height) / ROW) + SPARE);
  const active = selected >= first && selected < last ? `row-${selected}` : undefined;
  return html`
    <div class="list" role="grid" aria-label="Locks" tabindex="0" ref=${ownBox} aria-rowcount=${rows.length + 1} aria-colcount=${COLUMNS.length}
         aria-activedescendant=${active} onKeyDown=${onKey} onFocus=${() => selected < 0 && select(first === 0 ? 0 : first + SPARE)}
         onScroll=${(event) => setSeen({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })}>
      <div role="rowgroup" class="head">
        <div role="row" class="columns" aria-rowindex="1">
          ${COLUMNS.map(({ key, label, number }) => html`
            <div role="columnheader" class=${number ? "number" : ""} aria-sort=${key && view.sort === key ? (key === "id" || key === "until" ? "ascending" : "descending") : undefined}>
              ${key ? html`<button type="button" class="sort" onClick=${() => setView({ sort: key })}>${label}</button>` : label}
            </div>`)}
        </div>
      </div>
      <div role="rowgroup" class="rows" style=${{ height: `${rows.length * ROW}px` }}>
        ${rows.slice(first, last).map((row, i) => html`
          <${Row} key=${row.id} row=${row} index=${first + i} now=${now} at=${at} selected=${first + i === selected} onOpen=${onOpen} />`)}
      </div>
    </div>`;
}
