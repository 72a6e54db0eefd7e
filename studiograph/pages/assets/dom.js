// Making and filling elements. Text is always set as text: nothing from the server is read as HTML.

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export function setText(node, text) {
  // Only a change is written, so that screen readers are not told the same thing twice.
  if (node.textContent !== text) node.textContent = text;
}

export function setChildren(node, children) {
  node.replaceChildren(...children);
}

export const say = (text) => setText(byId("said"), text);

export function clock(iso) {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return today ? at.toLocaleTimeString() : at.toLocaleString();
}
