import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { html } from "./html.js";
import { leaseText, nameOf } from "./list.js";
import { Plot } from "./plot.js";
import { kindOf } from "./store.js";
import { plain, shellWord, Text } from "./text.js";
import { clock, duration, span, utc } from "./time.js";
import { BAD, CALM } from "./trouble.js";

const MOST_ROWS = 100; // of a table
const PAUSE = 1000; // ms between two requests
const PERIOD = 5000; // ms: an event may come after the change that it tells of

/** What the server has seen of the lock. Asked for again when the lock changes, at most once a second. */
function useDetails(connection, id, lock) {
  const [details, setDetails] = useState(null);
  const plan = useRef(null);
  useEffect(() => {
    const stop = new AbortController();
    let timer = 0;
    let last = -PAUSE;
    let running = false;
    let again = false;
    const ask = async () => {
      [timer, running, again, last] = [0, true, false, performance.now()];
      try {
        setDetails(await connection.lock(id, stop.signal));
      } catch {
        // The stream says what is wrong.
      }
      running = false;
      if (again) plan.current?.();
    };
    plan.current = () => {
      if (running) again = true;
      else timer ||= setTimeout(ask, Math.max(0, last + PAUSE - performance.now()));
    };
    const period = setInterval(() => plan.current(), PERIOD);
    return () => {
      plan.current = null;
      stop.abort();
      clearTimeout(timer);
      clearInterval(period);
    };
  }, [connection, id]);
  useEffect(() => {
    plan.current?.();
  }, [lock]);
  return details;
}

const Time = ({ at }) => html`<time title=${utc(at)}>${clock(at)}</time>`;

function Table({ label, heads, rows, render }) {
  const hidden = rows.length - MOST_ROWS;
  return html`
    <table aria-label=${label}>
      <thead><tr>${heads.map(([head, number]) => html`<th scope="col" class=${number ? "number" : ""}>${head}</th>`)}</tr></thead>
      <tbody>${rows.slice(0, MOST_ROWS).map(render)}</tbody>
    </table>
    ${hidden > 0 && html`<p class="dim">and ${hidden.toLocaleString("en")} more</p>`}`;
}

const Note = ({ value }) => value && html`<div class="note"><${Text} value=${value} /></div>`;

const modeOf = (one) => (one.permits === null ? one.mode : `${one.permits} ${one.permits === 1 ? "permit" : "permits"}`);

function Sentence({ lock, row, now, at }) {
  if (!lock) return html`Free: nobody has used it for a while.`;
  const [first] = lock.holders;
  const more = lock.holders.length - 1;
  const waiters = lock.waiters.length;
  const queue = waiters === 0 ? "Nobody waits." : `${waiters.toLocaleString("en")} ${waiters === 1 ? "waits" : "wait"}, for up to ${span(now - row.waitingSince)}.`;
  if (!first) return html`${waiters > 0 ? "Nobody holds it." : "Free."} ${queue}`;
  const lease = leaseText(first, Date.parse(first.until), now, at);
  return html`
    ${first.kept ? "Released, and kept by" : "Held by"} <b><${Text} value=${nameOf(first)} /></b>${more > 0 && ` and ${more} more`} for
    <b> ${span(now - row.since)}</b>. ${first.kept ? `It is free ${lease.replace("kept", "in")}.` : lease.startsWith("in ") ? `The lease ends ${lease}, unless it is renewed.` : `The lease is ${lease}.`} ${queue}`;
}

function Holders({ title, holders, now, at }) {
  if (holders.length === 0) return null;
  return html`
    <section>
      <h2>${title} <span class="count">${holders.length}</span></h2>
      <${Table} label=${title} rows=${holders} heads=${[["Who"], ["Since", true], ["Lease ends", true], ["Token", true]]} render=${(one) => html`
        <tr>
          <td><${Text} value=${nameOf(one)} />${one.revoked && html` <span class="tag bad">revoked</span>`}${one.lingering && html` <span class="tag">lingering</span>`}<${Note} value=${one.value} /></td>
          <td class="number"><${Time} at=${Date.parse(one.since)} /><div class="dim">${span(now - Date.parse(one.since))}</div></td>
          <td class="number"><${Time} at=${Date.parse(one.until)} /><div class="dim">${leaseText(one, Date.parse(one.until), now, at)}</div></td>
          <td class="number"><span class="token">${one.token ?? "–"}</span><div class="dim">${modeOf(one)}</div></td>
        </tr>`} />
    </section>`;
}

function Queue({ waiters, now }) {
  if (waiters.length === 0) return null;
  let place = 0;
  return html`
    <section>
      <h2>Queue <span class="count">${waiters.length.toLocaleString("en")}</span></h2>
      <${Table} label="Queue" rows=${waiters} heads=${[["#", true], ["Who"], ["Wants"], ["Waits for", true]]} render=${(one) => html`
        <tr>
          <td class="number dim">${++place}</td>
          <td><${Text} value=${nameOf(one)} /><${Note} value=${one.value} /></td>
          <td>${modeOf(one)}</td>
          <td class="number" title=${`since ${utc(Date.parse(one.since))}`}>${span(now - Date.parse(one.since))}</td>
        </tr>`} />
    </section>`;
}

function Grants({ grants }) {
  if (grants.length === 0) return null;
  return html`
    <section>
      <h2>Recent holders</h2>
      <${Table} label="Recent holders" rows=${grants} heads=${[["Who"], ["Got it", true], ["Waited", true], ["Held", true]]} render=${(one) => html`
        <tr>
          <td><${Text} value=${nameOf(one)} /></td>
          <td class="number"><${Time} at=${one.ms} /></td>
          <td class="number">${one.waited === null ? "" : duration(1000 * one.waited)}</td>
          <td class="number">${one.lost ? html`<span class="tag bad">lost</span> ` : ""}${one.held === null ? "" : duration(1000 * one.held)}</td>
        </tr>`} />
    </section>`;
}

function End({ run }) {
  if (run.end === "unknown") return html`<span class="dim">not yet, or it died</span>`;
  if (run.end === "ended") return run.status === 0 ? html`<span class="good">done</span>` : html`<span class="tag bad">status ${run.status}</span>`;
  return html`<span class="tag bad">${run.end === "lost" ? "lost the lock" : "took too long"}</span>`;
}

/** What dlock run has recorded. */
function Runs({ runs }) {
  if (!runs || runs.length === 0) return null;
  return html`
    <section>
      <h2>Recent runs</h2>
      <${Table} label="Recent runs" rows=${runs} heads=${[["Who"], ["Began", true], ["Took", true], ["Ended", true]]} render=${(one) => html`
        <tr>
          <td><${Text} value=${nameOf(one)} /></td>
          <td class="number"><${Time} at=${Date.parse(one.began)} /></td>
          <td class="number">${one.took === null ? "" : duration(1000 * one.took)}</td>
          <td class="number"><${End} run=${one} /></td>
        </tr>`} />
    </section>`;
}

function Commands({ lock, id, row }) {
  const word = shellWord(id);
  if (word === null) return html`<p class="dim">The ID has characters that cannot be seen: <code>dlock ls --json</code> has it exactly.</p>`;
  const name = word.startsWith("-") ? `-- ${word}` : word;
  const revoke = lock?.holders.some((holder) => !holder.foreign) && row.trouble?.level !== CALM;
  return html`
    <p class="dim">In a terminal: <code>dlock show ${name}</code>, <code>dlock watch ${name}</code></p>
    ${revoke && html`<p class="dim">To take the lock from a holder that is stuck, which is told to stop first: <code>dlock release --force ${name}</code></p>`}`;
}

/** All about one lock. */
export function Lock({ id, store, connection, now, heading }) {
  const row = store.get(id);
  const lock = row?.lock;
  const details = useDetails(connection, id, lock);
  const grants = useMemo(() => (details?.grants ?? []).map((one) => ({ ...one, ms: Date.parse(one.at) })), [details]);
  const times = (member) => grants.filter((one) => one[member] !== null).map((one) => ({ at: one.ms, ms: 1000 * one[member] })).reverse();
  const waits = useMemo(() => times("waited"), [grants]);
  const holds = useMemo(() => times("held"), [grants]);
  const trouble = row?.trouble;
  return html`
    <main class="lock">
      <nav><a href="#/" class="back">← All locks</a></nav>
      <h1 tabindex="-1" ref=${heading} title=${plain(id)}><${Text} value=${id} /></h1>
      <p class="sentence"><${Sentence} lock=${lock} row=${row} now=${now} at=${store.at} /></p>
      ${trouble && trouble.level !== CALM && html`<p class=${`alarm ${trouble.level === BAD ? "bad" : "warn"}`}>${trouble.text}</p>`}
      <dl class="facts">
        <div><dt>Kind</dt><dd>${(lock && kindOf(lock)) || "–"}</dd></div>
        <div><dt>Last token</dt><dd class="token">${lock?.token ?? "–"}</dd></div>
        <div><dt>Expiry</dt><dd>${lock?.expiry === "observed" ? "observed" : "by the server's clock"}</dd></div>
      </dl>
      <div class="parts">
        <div>
          ${lock && html`
            <${Holders} title="Holders" holders=${lock.holders} now=${now} at=${store.at} />
            <${Holders} title="Expired holders" holders=${lock.expired} now=${now} at=${store.at} />
            <${Queue} waiters=${lock.waiters} now=${now} />`}
          <${Runs} runs=${details?.runs} />
          <section><h2>Commands</h2><${Commands} lock=${lock} id=${id} row=${row} /></section>
        </div>
        <div>
          <section>
            <h2>Times <span class="count">seen since ${details ? clock(Date.parse(details.listening_since)) : "…"}</span></h2>
            <${Plot} title="Waited" points=${waits} color="--accent" />
            <${Plot} title="Held" points=${holds} color="--green" />
          </section>
          <${Grants} grants=${grants} />
        </div>
      </div>
    </main>`;
}
