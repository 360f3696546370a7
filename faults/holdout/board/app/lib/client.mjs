// Asks peers, some of them through the cache.
import http from "node:http";

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function once(url) {
  return new Promise((done, fail) => {
    const request = http.get(url, { agent, timeout: 6000 }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", fail);
      answer.on("end", () => {
        if (answer.statusCode === 200) done(Buffer.concat(parts).toString());
        else fail(Object.assign(new Error(`status ${answer.statusCode}`), { busy: answer.statusCode === 503 }));
      });
    });
    request.on("timeout", () => request.destroy(new Error("no answer in time")));
    request.on("error", fail);
  });
}

export class Client {
  constructor(settings, cache) {
    this.settings = settings;
    this.cache = cache;
    this.asked = 0;
  }

  async json(url, kept) {
    const known = kept ? this.cache.get(url) : undefined;
    if (known !== undefined) return known;
    for (let attempt = 1; ; attempt += 1) {
      this.asked += 1;
      try {
        const value = JSON.parse(await once(url));
        if (kept) this.cache.put(url, value);
        return value;
      } catch (error) {
        if (attempt === this.settings.tries || !(error.busy || error.code === "ECONNRESET")) throw error;
        await new Promise((done) => setTimeout(done, this.settings.pause_ms * attempt));
      }
    }
  }
}
