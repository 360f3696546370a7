// Reads a file with the importers of speedscope itself, taken from its released page, and prints what they found as JSON.
//
// The page is a browser's program: its surroundings are stood in for, its importer is called by the name that its own code
// calls it by.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const [folder, file] = process.argv.slice(2);
const release = path.join(folder, "speedscope", "dist", "release");
const bundle = fs.readdirSync(release).find((name) => /^speedscope-.*\.js$/.test(name));
const source = fs.readFileSync(path.join(release, bundle), "utf8");
const call = /await (\w+)\(\w+,await \w+\.arrayBuffer\(\)\)/.exec(source);
if (!call) throw new Error("the importer is not found: another version of speedscope?");

const stub = () => {
  const target = function () {};
  const proxy = new Proxy(target, {
    get: (_, key) => {
      if (key === Symbol.toPrimitive) return () => 0;
      if (key === Symbol.iterator) return function* () {};
      if (key === "length") return 0;
      if (key === "then") return undefined;
      return proxy;
    },
    set: () => true,
    apply: () => proxy,
    construct: () => proxy,
  });
  return proxy;
};
const page = stub();
const context = {
  console: { log() {}, warn() {}, error() {} },
  document: page, navigator: { userAgent: "", platform: "" }, location: { hash: "", protocol: "file:", href: "file:///" },
  localStorage: page, matchMedia: () => page, requestAnimationFrame() {}, cancelAnimationFrame() {}, addEventListener() {},
  removeEventListener() {}, setTimeout, clearTimeout, performance, TextDecoder, TextEncoder, URL, Blob, atob, btoa,
  HTMLElement: page, Node: page, FontFace: page, Image: page, devicePixelRatio: 1, fetch: page, alert() {}, WebAssembly,
  Uint8Array, ArrayBuffer, DataView, Float32Array, Uint16Array, Uint32Array, Int32Array,
};
context.window = context;
context.self = context;
context.globalThis = context;
vm.createContext(context);
// The program ends with drawing itself: its importer is handed out instead.
const end = source.lastIndexOf("console.log(`speedscope v");
vm.runInContext(`${source.slice(0, end)}\nwindow.importer = ${call[1]};})();`, context);

(async () => {
  const bytes = fs.readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const group = await context.importer(path.basename(file), buffer);
  if (!group) throw new Error("speedscope does not know the format");
  const profiles = group.profiles.map((profile) => {
    const names = new Set();
    profile.forEachCall((node) => names.add(node.frame.name), () => {});
    return {
      name: profile.getName(),
      total: profile.getTotalNonIdleWeight(),
      unit: profile.getWeightUnit(),
      names: Array.from(names).sort(),
    };
  });
  console.log(JSON.stringify({ active: group.indexToView, profiles }));
})().catch((error) => { console.error(error); process.exit(1); });
