// Whether an event is what the schema says.
export function check(schema, event) {
  return Object.entries(schema.fields).every(([name, type]) => typeof event[name] === type) && schema.kinds.includes(event.kind);
}
