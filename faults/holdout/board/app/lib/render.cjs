// Fills {{name}}, {{>partial}} and the table into a template.
const fs = require("fs");
const path = require("path");
const table = require("tinytable");

const folder = path.join(__dirname, "..", "templates");
const known = new Map();

function load(name) {
  if (!known.has(name)) known.set(name, fs.readFileSync(path.join(folder, `${name}.html`), "utf8"));
  return known.get(name);
}

exports.render = (name, values) =>
  load(name)
    .replace(/\{\{>(\w+)\}\}/g, (_, part) => load(`partials/${part}`))
    .replace(/\{\{table\}\}/g, () => table(values.readings ?? values.done.map(({ id, zone, price }) => ({ id, zone, price }))))
    .replace(/\{\{(\w+)\}\}/g, (_, key) => String(values[key] ?? ""));
