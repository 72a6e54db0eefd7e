// Loads the page again if one of its scripts could not be loaded: a network that changes meanwhile must not leave a page that does nothing.
let scriptFailed = false;
addEventListener("error", ({ target }) => {
  if (target.localName !== "script" || scriptFailed) return;
  scriptFailed = true;
  const reloads = Number(sessionStorage.getItem("studiograph.reloads"));
  sessionStorage.setItem("studiograph.reloads", reloads + 1);
  if (reloads < 5) return setTimeout(() => location.reload(), 300 * 2 ** reloads);
  sessionStorage.removeItem("studiograph.reloads");
  document.body.prepend("This page could not be loaded completely. Check the connection, and load it again.");
}, true);
addEventListener("load", () => scriptFailed || sessionStorage.removeItem("studiograph.reloads"));
