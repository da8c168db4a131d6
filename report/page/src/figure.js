// A figure's frame: title, one sentence of what it shows now, the plot, and its export as SVG, PNG
// and CSV.
import {h} from "./dom.js";

// Colours are variables of the page; a file of its own needs their values.
function resolved(svg) {
  const style = getComputedStyle(document.documentElement);
  const value = (text) => text.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  const copy = svg.cloneNode(true);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  for (const e of [copy, ...copy.querySelectorAll("*")]) {
    for (const a of [...e.attributes]) if (a.value.includes("var(")) e.setAttribute(a.name, value(a.value));
  }
  copy.style.color = value("var(--ink)");
  copy.style.background = value("var(--paper)");
  copy.setAttribute("font-family", "system-ui, sans-serif");
  return new XMLSerializer().serializeToString(copy);
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function savePng(svg, name) {
  const image = new Image(), scale = 3;
  const url = URL.createObjectURL(new Blob([resolved(svg)], {type: "image/svg+xml"}));
  image.onload = () => {
    const canvas = h("canvas", {width: scale * svg.clientWidth, height: scale * svg.clientHeight});
    const c = canvas.getContext("2d");
    c.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper");
    c.fillRect(0, 0, canvas.width, canvas.height);
    c.drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(url);
    canvas.toBlob((blob) => save(blob, name));
  };
  image.src = url;
}

// Text that a spreadsheet would take for a formula gets an apostrophe before it.
export function csv(rows) {
  if (rows.length === 0) return "";
  const heads = Object.keys(rows[0]);
  const cell = (v) => {
    const text = typeof v === "string" && /^[=+\-@\t\r]/.test(v) ? "'" + v : String(v ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [heads, ...rows.map((r) => heads.map((k) => r[k]))].map((r) => r.map(cell).join(",")).join("\n") + "\n";
}

export class Figure {
  // draw(width, context) gives {svg, says, rows}; `svg` may hold several plots in an array.
  constructor(id, title, draw, {wide = false, click} = {}) {
    this.draw = draw;
    this.says = h("p");
    this.plot = h("div", {className: click ? "plot click" : "plot"});
    const name = (ending) => `limen-${id}.${ending}`;
    const svg = () => this.plot.querySelector("svg");
    this.element = h("figure", {id: "figure-" + id, className: wide ? "wide" : ""},
      h("figcaption", {}, h("h3", {}, title), this.says),
      h("div", {className: "tools"},
        h("button", {type: "button", "aria-label": title + ": save as SVG", onclick: () => save(new Blob([resolved(svg())], {type: "image/svg+xml"}), name("svg"))}, "SVG"),
        h("button", {type: "button", "aria-label": title + ": save as PNG", onclick: () => savePng(svg(), name("png"))}, "PNG"),
        h("button", {type: "button", "aria-label": title + ": save data as CSV", onclick: () => save(new Blob([csv(this.rows)], {type: "text/csv"}), name("csv"))}, "CSV")),
      this.plot);
    if (click) this.plot.addEventListener("click", (event) => {
      const box = svg().getBoundingClientRect();
      click(event.clientX - box.left, event.clientY - box.top, box.width);
    });
    this.visible = true;
    this.stale = true;
  }

  render(context) {
    const width = Math.floor(this.plot.clientWidth);
    if (width === 0) return;
    const {svg, says, rows} = this.draw(width, context);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", says);
    this.plot.replaceChildren(svg);
    this.says.textContent = says;
    this.rows = rows;
    this.stale = false;
  }
}
