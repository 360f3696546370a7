// Events that were there already.
export class Seen {
  #keys = new Set();
  has(event) {
    const key = `${event.device} ${event.kind} ${event.at}`;
    if (this.#keys.has(key)) return true;
    this.#keys.add(key);
    return false;
  }
}
