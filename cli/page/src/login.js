import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "./html.js";

/** Asks for the token, which only the memory of this page has. */
export function Login({ connection }) {
  const field = useRef(null);
  const [refused, setRefused] = useState(false);
  useEffect(() => field.current.focus(), []);
  const submit = async (event) => {
    event.preventDefault();
    setRefused(false);
    await connection.start(field.current.value.trim()); // comes back only if it was refused
    setRefused(true);
    field.current?.select();
  };
  return html`
    <main class="login">
      <form onSubmit=${submit}>
        <h1>dlock</h1>
        <label for="token">Token</label>
        <input id="token" ref=${field} type="password" autocomplete="off" spellcheck=${false} required aria-describedby="token-help" />
        <button type="submit">Show the locks</button>
        <p id="token-help" class="dim">It is in the file that <code>--token-file</code> names. This page keeps it until it is closed or loaded again.</p>
        <p role="alert" class="bad">${refused ? "This token is not the right one." : ""}</p>
      </form>
    </main>`;
}
