// Looks in a session for extensions of Visual Studio Code that its version does not load. The session's own Node runs this text; its argument
// is the mark that lines begin with. Fields are separated by tabs: mark, kind, name, reason.
const fs = require("fs");
const os = require("os");
const path = require("path");

const mark = process.argv[1];
const directory = path.join(os.homedir(), ".local/share/code-server/extensions");
const version = numbers(JSON.parse(fs.readFileSync("/opt/code-server/lib/vscode/package.json", "utf8")).version);

function numbers(text) {
  const match = /(\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(match[1]), Number(match[2])];
}

function reason(folder) {
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  const needed = manifest.engines?.vscode ?? "*";
  const [major, minor] = numbers(needed);
  if (needed !== "*" && (major !== version[0] || minor > version[1])) return `needs VS Code ${needed}, and the tool is ${version.join(".")}`;
  const main = manifest.main && path.join(folder, manifest.main);
  if (main && ![main, `${main}.js`, path.join(main, "index.js")].some((file) => fs.existsSync(file))) return `lacks its file ${manifest.main}`;
  return null;
}

for (const name of fs.existsSync(directory) ? fs.readdirSync(directory) : []) {
  const folder = path.join(directory, name);
  if (!fs.existsSync(path.join(folder, "package.json"))) continue;
  let refused;
  try {
    refused = reason(folder);
  } catch (error) {
    refused = `has a package.json that cannot be read: ${error.message}`;
  }
  if (refused) console.log([mark, "extension-refused", name.replace(/-\d.*$/, ""), refused.replace(/\s+/g, " ")].join("\t"));
}
