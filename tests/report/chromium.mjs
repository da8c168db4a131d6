// A headless Chromium over its debugging pipe: no package is needed for it.
import {spawn} from "node:child_process";
import {mkdtempSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join} from "node:path";

export async function openChromium(program) {
  const profile = mkdtempSync(join(tmpdir(), "limen-chromium-"));
  const child = spawn(program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "about:blank"],
  {stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"]});
  const [, , , to, from] = child.stdio;
  const waiting = new Map(), events = [];
  let last = 0, buffer = "";
  from.setEncoding("utf8");
  from.on("data", (text) => {
    const messages = (buffer + text).split("\0");
    buffer = messages.pop();
    for (const m of messages.map((t) => JSON.parse(t))) {
      if (!m.id) events.push(m);
      else if (m.error) waiting.get(m.id).reject(new Error(JSON.stringify(m.error)));
      else waiting.get(m.id).resolve(m.result);
    }
  });
  child.on("exit", () => { for (const w of waiting.values()) w.reject(new Error("chromium ended")); });
  const send = (method, params = {}, sessionId = undefined) => new Promise((resolve, reject) => {
    waiting.set(++last, {resolve, reject});
    to.write(JSON.stringify({id: last, method, params, sessionId}) + "\0");
  });
  const {targetId} = await send("Target.createTarget", {url: "about:blank"});
  const {sessionId} = await send("Target.attachToTarget", {targetId, flatten: true});
  const tab = (method, params) => send(method, params, sessionId);
  for (const domain of ["Page", "Runtime", "Log", "Network"]) await tab(domain + ".enable");

  const page = {
    events, tab, send,
    async evaluate(expression) {
      const r = await tab("Runtime.evaluate", {expression, returnByValue: true, awaitPromise: true, userGesture: true});
      if (r.exceptionDetails) throw new Error(`${expression}: ${r.exceptionDetails.exception?.description ?? r.exceptionDetails.text}`);
      return r.result.value;
    },
    async until(expression, what = expression) {
      for (let i = 0; i < 600; ++i) {
        const value = await page.evaluate(expression);
        if (value) return value;
        await new Promise((r) => setTimeout(r, 100));
      }
      throw new Error(`waited in vain for ${what}; ${JSON.stringify(events.filter((e) => e.method === "Runtime.exceptionThrown")).slice(0, 1500)}`);
    },
    async open(url) {
      await tab("Page.navigate", {url: "about:blank"});
      await tab("Page.navigate", {url});
      await page.until("document.readyState === 'complete' && document.querySelectorAll('.plot > svg').length === document.querySelectorAll('.plot').length", "the figures of " + url);
    },
    async view(width, height, scheme) {
      await tab("Emulation.setDeviceMetricsOverride", {width, height, deviceScaleFactor: 1, mobile: false});
      await tab("Emulation.setEmulatedMedia", {features: [{name: "prefers-color-scheme", value: scheme}]});
    },
    async key(name, times = 1) {
      const codes = {ArrowRight: 39, ArrowLeft: 37, Home: 36, End: 35, Tab: 9};
      for (let i = 0; i < times; ++i)
        for (const type of ["rawKeyDown", "keyUp"]) await tab("Input.dispatchKeyEvent", {type, key: name, code: name, windowsVirtualKeyCode: codes[name]});
    },
    async close() {
      const gone = new Promise((r) => child.once("exit", r));
      await send("Browser.close").catch(() => child.kill());
      await gone;
      rmSync(profile, {recursive: true, force: true});
    },
  };
  return page;
}
