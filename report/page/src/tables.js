// Tables behind the figures, folded up.
import {h} from "./dom.js";

export function fillTables(element, tables) {
  for (const t of tables) {
    const right = t.head.map((text) => text.startsWith("#"));
    const cell = (tag, text, i) => h(tag, {className: right[i] ? "n" : ""}, text);
    const details = h("details", {}, h("summary", {}, t.title));
    // Built when it is first opened: a long run has hundreds of rows.
    const fill = () => {
      if (details.childElementCount > 1) return;
      const body = h("table", {}, h("tr", {}, ...t.head.map((text, i) => cell("th", right[i] ? text.slice(1) : text, i))),
        ...t.rows.map((row) => h("tr", {}, ...row.map((text, i) => cell("td", text, i)))));
      if (t.note) details.append(h("p", {}, t.note));
      details.append(h("div", {className: "scroll", tabIndex: 0}, body));
    };
    details.addEventListener("toggle", fill);
    addEventListener("beforeprint", fill);
    element.append(details);
  }
}
