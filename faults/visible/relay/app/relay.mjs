// Relays the events of a day.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import zlib from "node:zlib";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { check } from "./lib/check.mjs";
import { Seen } from "./lib/seen.mjs";

const day = process.argv[2];
const conf = JSON.parse(fs.readFileSync("conf/relay.json", "utf8"));
const schema = JSON.parse(fs.readFileSync("conf/schema.json", "utf8"));
const regions = Object.fromEntries(fs.readFileSync("conf/regions.map", "utf8").trim().split("\n").map((line) => line.split("\t")));
const agent = new http.Agent({ keepAlive: true, maxSockets: conf.sockets });

function ask(method, port, where, body) {
  return new Promise((done, fail) => {
    const request = http.request({ agent, method, port, host: "127.0.0.1", path: where }, (answer) => {
      let text = "";
      answer.on("data", (part) => (text += part));
      answer.on("end", () => (answer.statusCode < 300 ? done(text) : fail(new Error(`${where}: ${answer.statusCode}`))));
    });
    request.on("error", fail);
    request.end(body);
  });
}

async function patiently(work) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= conf.attempts) throw error;
      await new Promise((wake) => setTimeout(wake, 120 * attempt));
    }
  }
}

const seen = new Seen();
const events = [];
let bad = 0;
for (const name of fs.readdirSync("spool").sort()) {
  const text = zlib.gunzipSync(fs.readFileSync(path.join("spool", name))).toString();
  for (const line of text.trim().split("\n")) {
    const event = JSON.parse(line);
    if (!check(schema, event)) bad++;
    else if (!seen.has(event)) events.push(event);
  }
}
const devices = [...new Set(events.map((event) => event.device))].sort();
const places = new Map();
for (let at = 0; at < devices.length; at += conf.batch) {
  const part = devices.slice(at, at + conf.batch);
  const text = await patiently(() => ask("POST", conf.places, "/places", JSON.stringify(part)));
  for (const [device, place] of Object.entries(JSON.parse(text))) places.set(device, place);
}
const byRegion = new Map();
for (const event of events) {
  const region = regions[places.get(event.device)] ?? "elsewhere";
  if (!byRegion.has(region)) byRegion.set(region, []);
  byRegion.get(region).push(event);
}
for (const [region, list] of [...byRegion].sort()) {
  const file = `out/${day}-${region}.ndjson`;
  fs.writeFileSync(`${file}.part`, list.map((event) => JSON.stringify(event)).join("\n") + "\n");
  fs.renameSync(`${file}.part`, file);
  await promisify(execFile)("gzip", ["-f", `-${conf.level}`, file]);
}
const before = JSON.parse(fs.readFileSync("state/checkpoint.json", "utf8"));
fs.writeFileSync("state/checkpoint.json.new", JSON.stringify({ last: before.last + events.length, count: events.length }));
fs.renameSync("state/checkpoint.json.new", "state/checkpoint.json");
await patiently(() => ask("PUT", conf.hook, `/relay/${day}`, JSON.stringify({ events: events.length, bad, before: before.count })));
agent.destroy();
console.log(`${events.length} events of ${devices.length} devices, ${bad} bad`);
if (bad > events.length) process.exit(4);
