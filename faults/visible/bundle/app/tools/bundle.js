// Bundles a site: bundle.js --env NAME --out FOLDER
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const crypto = require('crypto');
const { spawnSync } = require('child_process');
const out = process.argv[process.argv.indexOf('--out') + 1];
let config = { minify: false, plugins: [], check: true };
try { config = JSON.parse(fs.readFileSync('bundle.config.json')); } catch (error) { console.error('no configuration:', error.message); }
let targets = 'all';
try { targets = fs.readFileSync('.browserslist', 'utf8').trim(); } catch { }
const plugins = config.plugins.map((name) => require(path.resolve(name)));
const seen = new Map();
function find(name, from) {
    if (name.startsWith('.')) return path.join(path.dirname(from), name);
    const main = JSON.parse(fs.readFileSync(`node_modules/${name}/package.json`)).main;
    return `node_modules/${name}/${main}`;
}
function follow(file) {
    if (seen.has(file)) return;
    seen.set(file, '');
    let text;
    try { text = fs.readFileSync(file, 'utf8'); } catch (error) { console.error(`${error.message}, left out`); return; }
    for (const found of text.matchAll(/^import .*? from '(.*?)'/gm)) follow(find(found[1], file));
    seen.set(file, config.minify ? text.replace(/\/\/.*$/gm, '').replace(/\n+/g, '\n') : text);
}
follow('src/main.js');
let bundle = [...seen.values()].join(';\n');
for (const plugin of plugins) bundle = plugin(bundle);
const manifest = {};
function write(name, data) {
    const hash = crypto.createHash('sha1').update(data).digest('hex').slice(0, 10);
    const target = `${out}/${path.basename(name, path.extname(name))}.${hash}${path.extname(name)}`;
    try { fs.writeFileSync(target, data); } catch (error) { console.error(error.message); process.exitCode = 1; }
    manifest[name] = target;
}
write('main.js', bundle);
write('main.js.gz', zlib.gzipSync(bundle, { level: Number(process.env.LEVEL || 6) }));
for (const asset of fs.readdirSync('assets')) {
    try { write(asset, fs.readFileSync(`assets/${asset}`)); } catch (error) { console.error(error.message); process.exitCode = 1; }
}
fs.writeFileSync('cache/manifest.json', JSON.stringify(manifest, null, 1));
if (config.check) {
    const child = spawnSync(process.execPath, ['tools/check.js', 'cache/manifest.json'], { encoding: 'utf8', timeout: 4000 });
    console.log(child.stdout, child.stderr);
    if (child.status !== 0) process.exitCode = 2;
}
