// Offers that changed since the day began, one a line: pull.js DAY
const fs = require("fs");
const net = require("net");
const money = require("money");
const { ask } = require("./http");

function rates() {
  return new Promise((resolve) => {
    const peer = net.connect("var/rates.sock", () => peer.write(`RATES ${process.env.currency}\n`));
    let text = "";
    peer.on("data", (part) => (text += part));
    peer.on("end", () => resolve(JSON.parse(text)));
    peer.on("error", (error) => {
      console.error(`rates: ${error.message}; those of the last month are used`);
      resolve(JSON.parse(fs.readFileSync("conf/rates.json")));
    });
  });
}

async function pull(warehouse, since, table) {
  for (let page = `/offers?warehouse=${warehouse}&since=${since}&page=1`; page; ) {
    const { offers, next } = await ask("GET", page);
    for (const offer of offers) {
      const cents = money.cents(offer.price, table[offer.currency]);
      console.log(JSON.stringify({ sku: offer.sku, warehouse, category: offer.category, cents, stock: offer.stock }));
    }
    page = next;
  }
}

async function main() {
  const since = new Date(`${process.argv[2]}T00:00:00`).toISOString();
  const table = await rates();
  await Promise.all(process.env.warehouses.split(",").map((warehouse) => pull(warehouse, since, table)));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
