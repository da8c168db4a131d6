// Bundles src/ and puts it, the style and the model into one page: node bundle.mjs MODEL.wasm OUT.
import {createHash} from "node:crypto";
import {readFileSync, writeFileSync} from "node:fs";
import {dirname, join} from "node:path";
import {fileURLToPath} from "node:url";
import {build} from "esbuild";

const [wasm, out] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
process.chdir(here);
const {outputFiles, metafile} = await build({
  absWorkingDir: here, entryPoints: ["src/main.js"], bundle: true, minify: true, write: false, metafile: true, format: "iife", target: "es2022",
  legalComments: "none", charset: "ascii",
});
const script = outputFiles[0].text.trim();
if (script.includes("</script") || script.includes("<!--")) throw new Error("the bundle would end its own script element");
// Licences of what was bundled: each text once, under the packages and copyrights that it is of.
const packages = [...new Set(Object.keys(metafile.inputs).map((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1]).filter(Boolean))].sort();
const texts = new Map();
for (const name of packages) {
  const {version} = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").replace(/\r/g, "").trim();
  const copyright = text.split("\n").filter((l) => /^copyright/i.test(l)).join("; ");
  const rest = text.split("\n").filter((l) => !/^copyright/i.test(l)).join("\n").trim();
  texts.set(rest, [...(texts.get(rest) ?? []), `${name} ${version}: ${copyright}`]);
}
const licences = [...texts].map(([text, names]) => `${names.join("\n")}\n\n${text}\n`).join("\n----\n\n");
if (licences.includes("</script")) throw new Error("a licence would end its element");

const style = readFileSync("src/page.css", "utf8");
const parts = {
  "script-hash": "sha256-" + createHash("sha256").update(script).digest("base64"),
  style, script, licences, model: readFileSync(wasm).toString("base64"),
};
const page = readFileSync("src/page.html", "utf8").replace(/\{\{(script-hash|style|script|licences|model)\}\}/g, (_, name) => parts[name]);
writeFileSync(out, page);

writeFileSync(join(dirname(out), "LICENSES.txt"), licences);
const bytes = Object.entries(metafile.outputs)[0][1].bytes;
console.error(`${out}: ${page.length} bytes, script ${bytes}, model ${parts.model.length}`);
