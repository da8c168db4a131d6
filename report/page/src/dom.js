// Elements from plain text: nothing that came with the data is ever parsed as markup.

export function h(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) e.addEventListener(key.slice(2), value);
    else if (key in e && key !== "list" && key !== "form") e[key] = value;
    else e.setAttribute(key, value);
  }
  e.append(...children);  // strings become text
  return e;
}
