// What a session or a build prints, as it comes: a dialog over the page.

import { LOGS } from "./documents.js";
import { byId, setText } from "./dom.js";

const KEPT = 200_000; // characters on the page; the API keeps more

export class Log {
  #leave = () => {};
  #ended = true;
  #link = "";

  constructor() {
    byId("log").addEventListener("close", () => this.#leave());
  }

  open(live, studio, onProblem) {
    const text = byId("log-text");
    let after = null;
    setText(byId("log-title"), `Log of ${studio.name}`);
    setText(text, "");
    this.#ended = false;
    this.tell(this.#link);
    const take = (frame) => {
      if (frame.nextOffset !== undefined) after = frame.nextOffset;
      if (frame.__typename === "LogChunk") this.#add(text, frame);
    };
    const end = (error) => {
      this.#ended = true;
      setText(byId("log-state"), error?.message ?? (text.textContent ? "complete" : "nothing was printed"));
      if (error) onProblem(error);
    };
    this.#leave = live.stream(LOGS, () => ({ studioId: studio.id, afterOffset: after }), take, end);
    byId("log").showModal();
  }

  tell(link) {
    // How the connection is, as long as more may come.
    this.#link = link;
    if (!this.#ended) setText(byId("log-state"), link);
  }

  #add(node, { text, skipped }) {
    const atEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
    const gap = skipped ? `\n… ${skipped} bytes are not kept …\n` : "";
    node.textContent = (node.textContent + gap + text).slice(-KEPT);
    if (atEnd) node.scrollTop = node.scrollHeight;
  }
}
