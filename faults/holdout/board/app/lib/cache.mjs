// Answers of peers under the hash of their addresses.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";

export class Cache {
  constructor(folder, days) {
    this.folder = folder;
    this.hits = 0;
    const oldest = Date.now() - days * 86400e3;
    let names = [];
    try {
      names = fs.readdirSync(folder);
    } catch {
      fs.mkdirSync(folder, { recursive: true });
    }
    for (const name of names) {
      const file = path.join(folder, name);
      if (fs.statSync(file).mtimeMs < oldest) fs.unlinkSync(file);
    }
  }

  file(url) {
    return path.join(this.folder, createHash("sha1").update(url).digest("hex") + ".json");
  }

  get(url) {
    try {
      const text = fs.readFileSync(this.file(url), "utf8");
      this.hits += 1;
      return JSON.parse(text);
    } catch {
      return undefined;
    }
  }

  put(url, value) {
    const file = this.file(url);
    try {
      fs.writeFileSync(`${file}.new`, JSON.stringify(value));
      fs.renameSync(`${file}.new`, file);
    } catch (error) {
      console.error(`not kept: ${error.message}`);
    }
  }
}
