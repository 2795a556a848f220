import { useCallback, useEffect, useReducer, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { List, pathOf } from "./list.js";
import { Lock } from "./lock.js";
import { Login } from "./login.js";
import { FILTERS, selectRows } from "./select.js";
import { Text } from "./text.js";
import { clock, span, zone } from "./time.js";

const LOCK = "#/lock/";

/** The id of the lock in the address, or null. */
function idInAddress() {
  if (!location.hash.startsWith(LOCK)) return null;
  try {
    return decodeURIComponent(location.hash.slice(LOCK.length));
  } catch {
    return null;
  }
}

/** Renders when the store changes, at most once a frame, and each second, because times pass. */
function useStore(store) {
  const [, render] = useReducer((n) => n + 1, 0);
  useEffect(() => {
    let asked = 0;
    const ask = () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0;
        render();
      });
    };
    const end = store.subscribe(ask);
    const timer = setInterval(ask, 1000);
    return () => {
      end();
      clearInterval(timer);
      cancelAnimationFrame(asked);
    };
  }, [store]);
}

function stateOf(store) {
  if (store.phase === "paused") return { kind: "old", text: "Paused" };
  if (store.phase === "lost") return { kind: "bad", text: "No connection" };
  if (store.phase === "connecting") return { kind: "old", text: "Connecting" };
  if (store.reading?.problem || store.isStale()) return { kind: "bad", text: "No news" };
  if (!store.loaded) return { kind: "old", text: "Connecting" };
  return { kind: "live", text: "Live" };
}

/** What is wrong with what the page shows, and how old it is. */
function Outage({ store }) {
  const problem = store.reading?.problem;
  const lost = store.phase === "lost";
  if (!lost && !problem && !store.isStale()) {
    const events = store.reading?.events_problem;
    return events && html`<aside class="outage warn" aria-label="State of the data">No events come, so changes show up after a second, and wait and hold times are missing: <${Text} value=${events} /></aside>`;
  }
  if (store.phase === "paused" || store.phase === "connecting") return null;
  return html`
    <aside class="outage bad" aria-label="State of the data">
      ${store.loaded ? html`<b>These are the locks of ${clock(Date.now() - store.age())}, ${span(store.age())} ago. </b>` : html`<b>Nothing could be read so far. </b>`}
      ${lost ? `There is no connection to dlock serve since ${clock(store.phaseSince)}.` : problem ? html`The database cannot be read: <${Text} value=${problem} />` : "The database does not answer."}
    </aside>`;
}

function Tiles({ counts, filter, setView }) {
  return html`
    <div class="tiles" role="group" aria-label="Show">
      ${FILTERS.map(({ key, label }) => html`
        <button type="button" class=${`tile ${key === "trouble" && counts.trouble > 0 ? "alert" : ""}`} aria-pressed=${filter === key ? "true" : "false"}
                onClick=${() => setView({ filter: key })}>
          <b>${counts[key].toLocaleString("en")}</b> <span>${label}</span>
        </button>`)}
    </div>`;
}

export function App({ store, connection }) {
  useStore(store);
  const [id, setId] = useState(idInAddress);
  const [view, change] = useState({ query: "", filter: "all", sort: "id", selected: null, top: 0 });
  const setView = useCallback((part) => change((before) => ({ ...before, ...part })), []);
  const search = useRef(null);
  const box = useRef(null);
  const heading = useRef(null);
  const list = id === null;

  useEffect(() => {
    const follow = () => setId(idInAddress());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const came = useRef(false);
  useEffect(() => {
    if (came.current) (list ? box : heading).current?.focus();
    came.current = true;
  }, [id]);

  const open = useCallback((which, event) => {
    if (event && (event.ctrlKey || event.metaKey || event.button !== 0 || String(getSelection()) !== "")) return;
    event?.preventDefault();
    setView({ selected: which, top: box.current?.scrollTop ?? 0 });
    location.hash = pathOf(which);
  }, []);
  useEffect(() => {
    const onKey = (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const typing = event.target.matches?.("input, textarea");
      if (event.key === "/" && !typing && search.current) {
        event.preventDefault();
        search.current.focus();
        search.current.select();
      } else if (event.key === "Escape" && !list) {
        location.hash = "#/";
      } else if (event.key === "Escape" && typing && search.current) {
        setView({ query: "" });
        box.current?.focus();
      } else if (event.key === "ArrowDown" && event.target === document.body && list) {
        event.preventDefault();
        box.current?.focus();
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [list]);

  const counts = store.judge();
  useEffect(() => {
    document.title = `${counts.trouble > 0 ? `(${counts.trouble}) ` : ""}dlock`;
  }, [counts.trouble]);
  if (store.phase === "unauthorized") return html`<${Login} connection=${connection} />`;

  const now = store.now();
  const state = stateOf(store);
  const rows = list ? selectRows(store.rows, view) : [];
  const onSearchKey = (event) => {
    if (event.key === "ArrowDown" || (event.key === "Enter" && rows.length > 0)) event.preventDefault();
    if (event.key === "ArrowDown") box.current?.focus();
    if (event.key === "Enter" && rows.length > 0) open(rows[0].id);
  };
  return html`
    <header>
      <a href="#/" class="name">dlock</a>
      <span class="place">${store.about && html`<${Text} value=${store.about.collection} />${store.about.prefix && html` <span class="dim">${"begins with "}<${Text} value=${store.about.prefix} /></span>`}`}</span>
      <span class=${`state ${state.kind}`}><span role="status">${state.text}</span>${store.isStale() && html`<span class="age">${span(store.age())} old</span>`}</span>
    </header>
    <${Outage} store=${store} />
    ${list
      ? html`
        <main class="all">
          <h1 class="unseen">Locks</h1>
          <div class="bar">
            <${Tiles} counts=${counts} filter=${view.filter} setView=${setView} />
            <input type="search" ref=${search} class="search" placeholder="Search: lock, holder, note, token" aria-label="Search" spellcheck=${false} autocomplete="off"
                   value=${view.query} onInput=${(event) => setView({ query: event.currentTarget.value, selected: null })} onKeyDown=${onSearchKey} />
          </div>
          <${List} rows=${rows} now=${now} at=${store.at} view=${view} setView=${setView} onOpen=${open} box=${box} />
          ${store.loaded && rows.length === 0 && html`<p class="none">${store.rows.length === 0 ? "There is no lock." : "No lock is like that."}</p>`}
        </main>`
      : html`<${Lock} key=${id} id=${id} store=${store} connection=${connection} now=${now} heading=${heading} />`}
    <footer>
      <span><kbd>/</kbd> search</span><span><kbd>↑</kbd><kbd>↓</kbd> choose</span><span><kbd>Enter</kbd> open</span><span><kbd>Esc</kbd> back</span>
      <span class="right">times are ${zone()} · read-only${store.about ? ` · dlock ${store.about.version}` : ""} · <a href="licenses.txt">licences</a></span>
    </footer>`;
}
