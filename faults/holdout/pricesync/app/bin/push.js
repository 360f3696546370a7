// Sends the stock that waits in a folder, and removes what is sent: push.js FOLDER
const fs = require("fs");
const path = require("path");
const { ask } = require("./http");

async function main() {
  const folder = process.argv[2];
  const size = Number(process.env.batch);
  for (const name of fs.readdirSync(folder).sort()) {
    const file = path.join(folder, name);
    const rows = JSON.parse(fs.readFileSync(file, "utf8") || "[]");
    for (let start = 0; start < rows.length; start += size) {
      await ask("PUT", "/stock", JSON.stringify(rows.slice(start, start + size)));
    }
    fs.unlinkSync(file);
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
