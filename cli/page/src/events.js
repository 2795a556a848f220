/** The token is missing or wrong. */
export class Refused extends Error {}

/** The token goes into a header: a URL would be in logs and histories. */
export async function request(url, token, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(url, { headers, signal, cache: "no-store", credentials: "omit" });
  if (response.status === 401) throw new Refused();
  if (!response.ok) throw new Error(`the server answers ${response.status}`);
  return response;
}

/** Server-sent events, read by fetch, because EventSource cannot send a header. Returns at the end of the stream. */
export async function readEvents(url, token, signal, onEvent, onBytes) {
  const response = await request(url, token, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let line = []; // parts of a line that is not complete: one with 10,000 locks comes in many
  let event = "";
  let data = "";
  const take = (text) => {
    if (text.startsWith("event:")) event = text.slice(6).trim();
    else if (text.startsWith("data:")) data = text.slice(5);
    else if (text === "" && data !== "") {
      onEvent(event, data);
      event = data = "";
    }
  };
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    onBytes();
    let begin = 0;
    for (let end = value.indexOf("\n"); end !== -1; end = value.indexOf("\n", begin)) {
      line.push(value.slice(begin, end));
      take(line.join(""));
      line = [];
      begin = end + 1;
    }
    if (begin < value.length) line.push(value.slice(begin));
  }
}
