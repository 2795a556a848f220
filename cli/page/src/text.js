import { html } from "./html.js";

// What nobody sees, or what changes how the text around it is read: controls, formats (the marks of direction are among them),
// unassigned and private characters, half surrogates, blanks other than the usual one, fillers, variation selectors.
const ODD =
  /[\p{C}\p{Zl}\p{Zp}\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

const CONTROLS =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(" ");

function nameOf(character) {
  const code = character.codePointAt(0);
  return CONTROLS[code] ?? (code === 0x7f ? "DEL" : `U+${code.toString(16).toUpperCase().padStart(4, "0")}`);
}

/** Parts of a text: strings, and objects with the name of an odd character. */
export function partsOf(text) {
  const parts = [];
  let begin = 0;
  for (const found of text.matchAll(ODD)) {
    if (found.index > begin) parts.push(text.slice(begin, found.index));
    parts.push({ name: nameOf(found[0]) });
    begin = found.index + found[0].length;
  }
  if (begin < text.length) parts.push(text.slice(begin));
  return parts;
}

/** The same as one string, for titles and labels. */
export function plain(text) {
  return text.replace(ODD, (character) => `⟨${nameOf(character)}⟩`);
}

export function isOdd(text) {
  return text.search(ODD) !== -1;
}

/** Text of others: nothing in it is invisible, and its direction stays inside. */
export function Text({ value }) {
  const parts = partsOf(value);
  return html`<bdi dir="auto">${parts.map((part) => (typeof part === "string" ? part : html`<span class="odd">${part.name}</span>`))}</bdi>`;
}

/** A word for a POSIX shell, or null: what cannot be seen should not be copied. */
export function shellWord(text) {
  if (isOdd(text)) return null;
  return /^[\w.,:@%+/=][\w.,:@%+/=-]*$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
