import { readEvents, Refused, request } from "./events.js";

const SILENCE = 15000; // ms without a byte: the connection is dead; the server says something every few seconds
const HIDDEN = 60000; // ms: nobody looks at a hidden page, so the server need not read for it
const PAUSES = [300, 1000, 2000, 4000];

/** Keeps the store up to date, over outages. The token is only in the memory of this page. */
export class Connection {
  #store;
  #token = "";
  #stop = null; // ends the attempt that runs
  #heard = 0;
  #generation = 0;

  constructor(store) {
    this.#store = store;
    let hiding = 0;
    document.addEventListener("visibilitychange", () => {
      clearTimeout(hiding);
      if (document.hidden) hiding = setTimeout(() => this.#pause(), HIDDEN);
      else if (store.phase === "paused") this.start();
    });
    setInterval(() => {
      if (this.#stop && performance.now() - this.#heard > SILENCE) this.#stop.abort();
    }, 1000);
  }

  async start(token = this.#token) {
    this.#token = token;
    this.#stop?.abort();
    const mine = ++this.#generation;
    for (let failures = 0; mine === this.#generation; failures += 1) {
      const begun = performance.now();
      try {
        await this.#attempt();
        if (mine === this.#generation) this.#store.setPhase("lost");
      } catch (error) {
        if (mine !== this.#generation) return;
        if (error instanceof Refused) {
          this.#token = "";
          this.#store.setPhase("unauthorized");
          return;
        }
        this.#store.setPhase("lost");
      }
      if (performance.now() - begun > 10000) failures = 0;
      await new Promise((done) => setTimeout(done, PAUSES[Math.min(failures, PAUSES.length - 1)]));
    }
  }

  async #attempt() {
    this.#stop = new AbortController();
    this.#heard = performance.now();
    const take = (event, data) => this.#store.take(event, JSON.parse(data));
    await readEvents("api/stream", this.#token, this.#stop.signal, take, () => (this.#heard = performance.now()));
  }

  #pause() {
    this.#generation += 1;
    this.#stop?.abort();
    this.#store.setPhase("paused");
  }

  /** Everything about one lock: an object. */
  async lock(id, signal) {
    const response = await request(`api/lock?id=${encodeURIComponent(id)}`, this.#token, signal);
    return response.json();
  }
}
