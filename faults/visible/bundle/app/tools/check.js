// Checks a bundle: check.js MANIFEST
const fs = require('fs');
const manifest = JSON.parse(fs.readFileSync(process.argv[2]));
for (const file of Object.values(manifest)) fs.statSync(file);
console.log(Object.keys(manifest).length, 'files are there');
