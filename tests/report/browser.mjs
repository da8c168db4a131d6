// node browser.mjs CHROMIUM LIMEN SOURCE: opens report pages from disk as a reader would, and holds their figures against the program's.
// With LIMEN_SCREENSHOTS=FOLDER it also leaves pictures there.
import assert from "node:assert/strict";
import {execFileSync} from "node:child_process";
import {copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";
import {openChromium} from "./chromium.mjs";

const [chromium, limen, source] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "limen-page-"));
const run = (...args) => execFileSync(limen, args, {encoding: "utf8", stdio: ["ignore", "pipe", "ignore"]});
const page = (name, ...args) => {
  const file = join(folder, name);
  run("report", ...args, "-o", file);
  assert.ok(readFileSync(file).length < 1e6, `${name} is larger than 1 MB`);
  return "file://" + file;
};
// As the page writes it: three significant digits.
const figure = (v) => v >= 100 ? String(Math.round(v)).replace(/\B(?=(\d{3})+$)/g, "\u202f") : v.toPrecision(3);

const browser = await openChromium(chromium);
const {evaluate, until, key} = browser;
const text = (selector) => evaluate(`document.querySelector(${JSON.stringify(selector)}).innerText`);
const focus = (name) => evaluate(`document.querySelector('[name="${name}"]').focus()`);
const choose = (name, option) => evaluate(`(() => { const s = document.querySelector('[name="${name}"]'); const o = [...s.options].find((o) => o.textContent === ${JSON.stringify(option)});
  s.value = o.value; s.dispatchEvent(new Event("change", {bubbles: true})); })()`);

// What the page says of a user's rate is what `limen predict` says.
async function agrees(what, args) {
  const p = JSON.parse(run("predict", ...args, "--json"))[0];
  const tiles = await evaluate(`[...document.querySelectorAll(".answer")].map((e) => e.innerText)`);
  assert.ok(p.fits, what);
  assert.ok(tiles[0].includes(figure(p.utps)), `${what}: ${tiles[0]} is not ${p.utps}`);
  assert.ok(tiles[0].includes(figure(p.utps_ideal)) || !p.calibrated, `${what}: ${tiles[0]} has no ideal ${p.utps_ideal}`);
  if (p.calibrated && !args.includes("--set")) assert.ok(tiles[0].includes(`${figure(p.utps_low)} to ${figure(p.utps_high)}`), `${what}: ${tiles[0]} is not ${p.utps_low} to ${p.utps_high}`);
  assert.ok(tiles[1].includes(figure(p.stps)), `${what}: ${tiles[1]} is not ${p.stps}`);
  assert.ok(tiles[2].includes(p.binding_limit.replace("_", " ")), `${what}: ${tiles[2]} is not ${p.binding_limit}`);
  if (p.next_factor !== null && p.next_factor < 10) assert.ok(tiles[2].includes(`${p.next_limit.replace("_", " ")} at ${p.next_factor.toPrecision(2)}×`), `${what}: ${tiles[2]} is not ${p.next_limit} at ${p.next_factor}`);
}

// Nothing but the page itself was loaded, and nothing was complained about.
function quiet(what) {
  for (const e of browser.events) {
    if (e.method === "Runtime.exceptionThrown" || e.method === "Log.entryAdded" || e.method === "Runtime.consoleAPICalled") assert.fail(`${what}: ${JSON.stringify(e.params).slice(0, 700)}`);
    if (e.method === "Network.requestWillBeSent") assert.match(e.params.request.url, /^(file:\/\/.*\.html(#.*)?$|about:blank|blob:)/, what);
  }
  browser.events.length = 0;
}

async function pictures(name) {
  if (!process.env.LIMEN_SCREENSHOTS) return;
  mkdirSync(process.env.LIMEN_SCREENSHOTS, {recursive: true});
  for (const width of [1280, 400]) {
    for (const scheme of ["light", "dark"]) {
      await browser.view(width, 900, scheme);
      await new Promise((r) => setTimeout(r, 600));
      await browser.view(width, await evaluate("document.documentElement.scrollHeight"), scheme);
      await new Promise((r) => setTimeout(r, 900));
      const {data} = await browser.tab("Page.captureScreenshot", {format: "png"});
      writeFileSync(join(process.env.LIMEN_SCREENSHOTS, `${name}-${width}-${scheme}.png`), Buffer.from(data, "base64"));
    }
  }
  await browser.view(1280, 900, "light");
}

async function answersLikeTheProgram() {
  await browser.open(page("cards.html"));
  const base = ["--machine", "h100-8", "--model", "llama-3.1-70b", "--weights", "fp8"];
  await agrees("as it opens", [...base, "--tp", "8"]);
  await focus("memory bandwidth");
  await key("ArrowRight", 8);
  await agrees("twice the bandwidth", [...base, "--tp", "8", "--set", "memory.bandwidth=6.7TB/s"]);
  await focus("batch");
  await key("ArrowRight", 5);
  await focus("TP");
  await key("ArrowLeft");
  await agrees("batch 32, TP 4", [...base, "--tp", "4", "--batch", "32", "--set", "memory.bandwidth=6.7TB/s"]);
  await evaluate(`[...document.querySelectorAll("button")].find((b) => b.textContent === "As it is").click()`);
  await agrees("sliders back", [...base, "--tp", "4", "--batch", "32"]);
  await choose("machine", "xpu-hbm4");
  await choose("model", "deepseek-v3");
  await choose("weights", "as published");
  await choose("KV cache", "fp8");
  await focus("TP");
  await key("ArrowRight", 3);
  await focus("EP");
  await key("End");
  const other = ["--machine", "xpu-hbm4", "--model", "deepseek-v3", "--weights", "native", "--kv", "fp8", "--batch", "32", "--tp", "32", "--ep", "32"];
  await agrees("another machine and model", other);
  await focus("sync latency");
  await key("ArrowLeft", 8);
  await agrees("half the latency", [...other, "--set", "sync.tp=0.75us"]);
  await choose("beside it", "h100-8");
  assert.match(await text("#verdict"), /h100-8: /);
  await until("location.hash.includes('beside=h100-8')");
  const before = await text("#verdict"), address = await evaluate("location.href");
  await browser.open(address);
  assert.equal(await text("#verdict"), before, "the link restores the state");
  await pictures("two-machines");
  quiet("figures");
}

async function savesFigures() {
  const to = join(folder, "saved");
  await browser.send("Browser.setDownloadBehavior", {behavior: "allow", downloadPath: to});
  for (const ending of ["svg", "png", "csv"]) {
    await evaluate(`[...document.querySelectorAll("#figure-map button")].find((b) => b.textContent === "${ending.toUpperCase()}").click()`);
    const file = join(to, `limen-map.${ending}`);
    for (let i = 0; i < 300 && !existsSync(file); ++i) await new Promise((r) => setTimeout(r, 100));
    const saved = readFileSync(file);
    if (ending === "svg") assert.ok(saved.includes("<svg") && !saved.includes("var(--"));
    if (ending === "png") assert.equal(saved.subarray(1, 4).toString(), "PNG");
    if (ending === "csv") assert.match(saved.toString(), /^bandwidth_bytes_per_second,latency_seconds,utps,binding\n[\d.]/);
  }
  quiet("saved figures");
}

const hostile = `</script><img src=x onerror="window.harmed=1"><svg onload="window.harmed=1"><script>window.harmed=1</script>&lt;b&gt;`;

async function showsHostileTextAsText() {
  const data = join(source, "results/data/epyc-2core-quick"), copy = join(folder, "run");
  mkdirSync(copy);
  copyFileSync(join(data, "samples.jsonl"), join(copy, "samples.jsonl"));
  const facts = JSON.parse(readFileSync(join(data, "run.json"), "utf8"));
  for (const key of ["host", "cpu_model", "kernel", "governor", "started", "version"]) facts.provenance[key] = hostile;
  writeFileSync(join(copy, "run.json"), JSON.stringify(facts));
  const machine = join(folder, "machine.toml"), steps = join(folder, "steps.json");
  writeFileSync(machine, readFileSync(join(data, "machine.toml"), "utf8").replace(/^name = .*$/m, `name = ${JSON.stringify(hostile)}`));
  writeFileSync(steps, JSON.stringify({cases: [{model: hostile, weights: hostile, tp: 1, batch: 1, context: 1024, measured_seconds: {median: 0.01, low: 0.009, high: 0.011}, predicted_seconds: {value: 0.011, low: 0.01, high: 0.012}}]}));
  await browser.open(page("hostile.html", copy, "--machine", machine, "--verified", steps));
  await choose("beside it", hostile);
  await evaluate(`document.querySelectorAll("details").forEach((e) => { e.open = true; })`);
  await until("document.querySelectorAll('table').length > 2");
  await new Promise((r) => setTimeout(r, 500));
  assert.equal(await evaluate("window.harmed"), undefined, "markup from the data ran");
  assert.equal(await evaluate("document.querySelectorAll('img, svg[onload]').length"), 0, "markup from the data became elements");
  assert.ok((await text("#verdict")).includes("<img src=x"), "the name is shown as it is");
  assert.ok((await text("#origin")).includes("<script>"), "the host is shown as it is");
  quiet("hostile text");
}

async function showsARun() {
  await browser.open(page("run.html", join(source, "results/data/epyc-2core-quick"), "--cases", join(source, "results/data/published/decode.csv")));
  assert.ok(await evaluate("document.querySelectorAll('#figures figure').length") >= 9);
  assert.match(await text("#origin"), /AMD EPYC/);
  await pictures("run");
  quiet("run");
  // How fast it is on this machine: said, never demanded.
  const times = await evaluate(`(async () => {
    const slider = document.querySelector('[name="memory bandwidth"]'), out = [];
    for (let i = 0; i < 25; ++i) {
      const before = performance.now();
      slider.value = i / 8;
      slider.dispatchEvent(new Event("input", {bubbles: true}));
      document.body.getBoundingClientRect();
      out.push(performance.now() - before);
      await new Promise((r) => setTimeout(r, 400));
    }
    return out.sort((a, b) => a - b);
  })()`);
  const paint = await evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
  console.log(`first paint ${paint?.toFixed(0)} ms; slider to redrawn figures in sight: median ${times[12].toFixed(0)} ms, slowest ${times[24].toFixed(0)} ms`);
}

try {
  await browser.view(1280, 900, "light");
  await answersLikeTheProgram();
  await savesFigures();
  await showsHostileTextAsText();
  await showsARun();
} finally {
  await browser.close();
  rmSync(folder, {recursive: true, force: true});
}
