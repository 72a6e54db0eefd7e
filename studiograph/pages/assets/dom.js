// Creates and fills elements. Text is always set as text: nothing from the server is read as HTML.

export const byId = (id) => document.getElementById(id);

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export function setText(node, text) {
  // Writes only a change, so that screen readers do not read the same text twice.
  if (node.textContent !== text) node.textContent = text;
}

// A button that is not allowed can be focused and gives the reason; `disabled` would hide it from the keyboard.
export function allow(button, refusal) {
  button.setAttribute("aria-disabled", String(Boolean(refusal)));
  button.title = refusal ?? "";
}

export const isAllowed = (button) => button.getAttribute("aria-disabled") !== "true";

export function setChildren(node, children) {
  node.replaceChildren(...children);
}

// Gives the text to screen readers.
export const announce = (text) => setText(byId("announcement"), text);

export function formatBytes(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}

export function formatTime(iso) {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return today ? at.toLocaleTimeString() : at.toLocaleString();
}
