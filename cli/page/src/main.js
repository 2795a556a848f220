import { render } from "preact";
import { App } from "./app.js";
import { Connection } from "./connection.js";
import { html } from "./html.js";
import { Store } from "./store.js";

const store = new Store();
const connection = new Connection(store);
render(html`<${App} store=${store} connection=${connection} />`, document.getElementById("page"));
connection.start();
