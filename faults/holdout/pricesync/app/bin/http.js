// JSON by HTTP from the partner, over connections that are kept.
const http = require("http");

const agent = new http.Agent({ keepAlive: true, maxSockets: 3 });

function once(method, path, body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${process.env.TOKEN}` };
    if (body) headers["content-length"] = Buffer.byteLength(body);
    const request = http.request(process.env.api + path, { method, agent, headers, timeout: 5000 }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(parts).toString() }));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error(`${path}: no answer`)));
    request.on("error", reject);
    request.end(body);
  });
}

exports.ask = async function (method, path, body) {
  for (let attempt = 1; attempt <= 6; attempt++) {
    const answer = await once(method, path, body);
    if (answer.status === 200) return JSON.parse(answer.text);
    console.error(`${method} ${path}: ${answer.status}`);
    if (answer.status !== 429) break;
    await new Promise((done) => setTimeout(done, 1000 * Number(answer.headers["retry-after"] || 1)));
  }
  throw new Error(`${method} ${path}: given up`);
};
