// Makes the board of a day: board.mjs DAY SETTINGS
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { createRequire } from "node:module";
import { Cache } from "./lib/cache.mjs";
import { Client } from "./lib/client.mjs";

const require = createRequire(import.meta.url);
const { render } = require("./lib/render.cjs");
const [day, settingsPath] = process.argv.slice(2);
const settings = JSON.parse(fs.readFileSync(settingsPath, "utf8"));
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function lock(file) {
  const end = Date.now() + settings.lock_ms;
  for (;;) {
    try {
      fs.writeFileSync(file, `${process.pid}\n`, { flag: "wx" });
      return true;
    } catch (error) {
      if (error.code !== "EEXIST" || Date.now() > end) return false;
      await pause(100);
    }
  }
}

function charts(rows) {
  return new Promise((done, fail) => {
    const worker = new Worker(new URL("./lib/chart.mjs", import.meta.url), { workerData: rows });
    worker.on("message", done);
    worker.on("error", fail);
  });
}

function write(file, text) {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.${Math.random().toString(36).slice(2, 8)}`);
  fs.writeFileSync(temporary, text);
  fs.renameSync(temporary, file);
}

async function main() {
  const folder = fs.realpathSync("data/latest");
  const cache = new Cache("cache", settings.keep_days);
  const client = new Client(settings, cache);
  const prices = await client.json(`${settings.prices}/${day}`, false);
  const stations = JSON.parse(fs.readFileSync("data/stations.json", "utf8"));
  const jobs = stations.slice();
  const done = [];
  let failed = 0;
  await Promise.all(Array.from({ length: settings.parallel }, async () => {
    for (let station = jobs.shift(); station; station = jobs.shift()) {
      const file = path.join(folder, `${station.id}.json`);
      try {
        const readings = JSON.parse(await fs.promises.readFile(file, "utf8"));
        const forecast = await client.json(`${settings.forecast}/${station.id}?day=${day}`, true);
        done.push({ ...station, readings, forecast, price: prices[station.zone] });
      } catch (error) {
        failed += 1;
        console.error(`${station.id}: ${file}: ${error.message}`);
      }
    }
  }));
  done.sort((a, b) => (a.id < b.id ? -1 : 1));
  const drawn = await charts(done.map((one) => one.readings.map((row) => row.value)));
  const out = path.join("out", day);
  fs.mkdirSync(out, { recursive: true });
  done.forEach((one, index) => write(path.join(out, `${one.id}.html`), render("station", { ...one, day, chart: drawn[index] })));
  write(path.join(out, "index.html"), render("index", { day, done, prices }));
  fs.appendFileSync("log/board.log", JSON.stringify({ day, pages: done.length, failed, asked: client.asked, kept: cache.hits }) + "\n");
  console.log(`${done.length} pages, ${failed} failed`);
  const status = spawnSync("sh", ["hooks/publish.sh", out], { stdio: "inherit" });
  if (status.status !== 0) console.error(`not published: ${status.signal ?? status.status}`);
  return failed || status.status !== 0 ? 1 : 0;
}

if (!(await lock("var/board.lock"))) {
  console.error("another board is being made: var/board.lock");
  process.exit(4);
}
try {
  process.exitCode = await main();
} finally {
  fs.unlinkSync("var/board.lock");
}
