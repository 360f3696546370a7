// Reads a profile with the package `pprof-format`, and prints what it holds as JSON.
"use strict";
const fs = require("fs");
const zlib = require("zlib");
const { Profile } = require("pprof-format");

const profile = Profile.decode(zlib.gunzipSync(fs.readFileSync(process.argv[2])));
const text = (number) => profile.stringTable.strings[Number(number)];
const functions = new Map(profile.function.map((entry) => [Number(entry.id), text(entry.name)]));
const locations = new Map(
  profile.location.map((entry) => [Number(entry.id), functions.get(Number(entry.line[0].functionId))]),
);
const problems = [];
if (text(0) !== "") problems.push("the first string is not empty");
const types = profile.sampleType.map((type) => `${text(type.type)}/${text(type.unit)}`);
const sums = types.map(() => 0n);
const stacks = {};
for (const sample of profile.sample) {
  if (sample.value.length !== types.length) problems.push("a sample has other values than there are types");
  sample.value.forEach((value, place) => { sums[place] += BigInt(value); });
  const names = sample.locationId.map((id) => locations.get(Number(id)));
  if (names.includes(undefined)) problems.push("a location has no function");
  stacks[names.reverse().join(";")] = String(sample.value[1]);
}
console.log(JSON.stringify({
  types,
  sums: sums.map(Number),
  samples: profile.sample.length,
  stacks,
  first: text(profile.defaultSampleType),
  duration_ns: Number(profile.durationNanos),
  problems,
}));
