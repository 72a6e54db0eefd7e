// What the buttons of a Studio do: they ask where work may be lost, and send the mutation.

import {
  CHECKPOINT_NOW,
  CONNECT,
  DELETE,
  DELETE_CHECKPOINT,
  DISCARD_MIGRATION,
  FORCE_STOP,
  MIGRATE,
  RENAME_CHECKPOINT,
  RETRY_BUILD,
  START,
  STOP,
  UPDATE,
} from "./documents.js";
import { showProblem } from "./problem.js";
import { ask } from "./question.js";
import { newKey, send } from "./send.js";

const CHECKPOINT_MISSING = "CHECKPOINT_MISSING";

export class StudioActions {
  // `viewerName()` returns the user name of who is signed in; `openLog(studio)` and `openClone(studio, checkpoint)` open their dialogs.
  constructor(viewerName, openLog, openClone) {
    this.viewerName = viewerName;
    this.openLog = openLog;
    this.openClone = openClone;
  }

  async onCard(action, studio, refusal) {
    if (refusal) return showProblem({ message: `${studio.name}: ${refusal}` });
    if (action === "CONNECT") return connect(studio);
    if (action === "LOG") return this.openLog(studio);
    if (action === "START" || action === "RETRY_BUILD") return start({ START, RETRY_BUILD }[action], studio);
    if (!(await this.#confirmed(action, studio))) return undefined;
    return send({ STOP, FORCE_STOP, DELETE }[action], { studioId: studio.id, idempotencyKey: newKey() });
  }

  // Answers the result of the mutation; null if it was refused, or if the user said no.
  async onPart(action, studio, checkpoint = null, name = null) {
    const of = { checkpointId: checkpoint?.id, idempotencyKey: newKey() };
    if (action === "MIGRATE") return send(MIGRATE, { studioId: studio.id, idempotencyKey: newKey() });
    if (action === "DISCARD") return this.#discard(studio);
    if (action === "CLONE") return this.openClone(studio, checkpoint);
    if (action === "CHECKPOINT_NOW") return send(CHECKPOINT_NOW, { studioId: studio.id, idempotencyKey: newKey() });
    if (action === "START_FROM") return send(START, { studioId: studio.id, fromCheckpointId: checkpoint.id, idempotencyKey: newKey() });
    if (action === "RENAME") return send(RENAME_CHECKPOINT, { ...of, name });
    const question = `Delete the checkpoint ${checkpoint.name} of ${studio.name}? Its files cannot be brought back.`;
    return (await ask("Delete", question)) ? send(DELETE_CHECKPOINT, of) : null;
  }

  async #discard(studio) {
    const session = "If its first session runs, that is ended without a save.";
    const question = `Delete ${studio.name}, with what was changed in it? ${session} The Studio that was migrated stays as it is.`;
    return (await ask("Discard", question)) ? send(DISCARD_MIGRATION, { studioId: studio.id, idempotencyKey: newKey() }) : null;
  }

  // Saves changes of the configuration. Answers null if it was refused; an InvalidInputError or a StaleRevisionError for the form to show.
  edit(input) {
    return send(UPDATE, { ...input, idempotencyKey: newKey() }, ({ problems, code }) => problems || code === "STALE_REVISION");
  }

  async #confirmed(action, studio) {
    // For actions that lose data or end the work of others. No question, no dialog.
    const others = this.#othersConnected(studio);
    const { name } = studio;
    const [label, question] = {
      DELETE: ["Delete", `Delete ${name}, with its checkpoints? This cannot be undone.`],
      STOP: ["Stop", others && `${others} Stop ${name} for everybody?`],
      FORCE_STOP: ["Force stop", `${others} Force ${name} to stop? What it has not saved is lost; its next start begins from its newest checkpoint.`.trim()],
    }[action];
    return question ? ask(label, question) : true;
  }

  #othersConnected({ connectedUsers }) {
    // Returns a sentence that names the other users who are connected; empty if there is none.
    const names = connectedUsers.filter(({ user }) => user.userName !== this.viewerName()).map(({ user }) => user.displayName);
    if (names.length === 0) return "";
    return `${new Intl.ListFormat("en").format(names)} ${names.length === 1 ? "is" : "are"} connected.`;
  }
}

async function start(mutation, studio, acceptOlderCheckpoint = false) {
  const input = { studioId: studio.id, acceptOlderCheckpoint, idempotencyKey: newKey() };
  const result = await send(mutation, input, ({ code }) => code === CHECKPOINT_MISSING);
  if (result?.code !== CHECKPOINT_MISSING) return result;
  // The user decides whether a session starts from older files than the newest, which are missing.
  return (await ask("Start without the newest files", `${studio.name}: ${result.message}`)) ? start(mutation, studio, true) : undefined;
}

async function connect(studio) {
  // Opens the tab at once, because browsers allow it only during a click; the address follows when it is known.
  const tab = window.open("", "_blank");
  const payload = await send(CONNECT, { studioId: studio.id });
  if (!payload?.url) tab?.close();
  else if (tab) {
    tab.opener = null;
    tab.location.replace(payload.url);
  } else location.assign(payload.url);
}
