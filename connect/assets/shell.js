// The script of the page around a tool (the shell): one WebSocket that receives users, warnings and the end of the session, and an
// overlay that shows the end (B52, B53, B58).
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const studioName = document.body.dataset.name;
  const { tool, path, framed } = document.body.dataset; // the tool's origin, its path that the shell shows, and whether in the frame
  const frame = byId("tool");
  const ICON_COLORS = { good: "#1a7f4b", busy: "#b7791f", bad: "#b3261e", idle: "#5b6678" };
  const ORDINARY_ENDS = ["STUDIO_STOPPED", "IDLE_STOPPED", "LIFESPAN_EXPIRED"]; // nothing failed
  const RENEW_INTERVAL_MS = 120_000;
  const ACTIVITY_INTERVAL_MS = 20_000;
  const RETRY_DELAYS_MS = [500, 1000, 2000, 4000];
  const RECONNECT_NOTICE_DELAY_MS = 1500;
  const MAX_SHOWN_USERS = 6;
  let socket = null;
  let failures = 0; // attempts to connect since the last success
  let ended = false; // the overlay is shown
  let opening = false; // the tool is being opened
  let leaving = false; // the page is being replaced
  let reconnectNoticeTimer = 0;
  let activitySentAt = 0;

  function showState(tone, label) {
    byId("state").dataset.tone = tone;
    byId("state").textContent = label;
    document.title = `${label === "Running" ? "" : `${label}: `}${studioName} · Studiograph`;
    const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${ICON_COLORS[tone]}"/></svg>`;
    byId("icon").href = `data:image/svg+xml,${encodeURIComponent(dot)}`;
  }

  function showNotice(text) {
    byId("notice").firstElementChild.textContent = text;
    byId("notice").hidden = !text;
  }

  function leaveTo(address) {
    if (leaving) return;
    leaving = true;
    location.replace(address);
  }

  function enterAgain() {
    // Goes through the API's origin, which checks the login again. Where the tool went since, its frame does not tell.
    leaveTo(`/_sg/again?to=${encodeURIComponent(path)}${location.hash}`);
  }

  async function postGrant(code) {
    // Has the tool's origin set its cookie; without a code, renew it. Returns whether it did.
    const answer = await fetch(`${tool}/_sg/grant${framed === "yes" ? "" : "?unframed=1"}`, { method: "POST", credentials: "include", body: code });
    return answer.ok;
  }

  async function exchangeCode() {
    const answer = await fetch("/_sg/grant", { method: "POST", cache: "no-store" });
    return answer.ok && postGrant((await answer.json()).code);
  }

  async function openTool() {
    // Signs in at the tool's origin, and then loads the tool.
    if (opening) return;
    opening = true;
    for (let attempt = 0; !leaving && !ended; attempt++) {
      if (await exchangeCode().catch(() => false)) {
        showTool(`${tool}${path}`);
        break;
      }
      if (attempt === 1) showNotice("The address of the tool does not answer. This page tries again by itself.");
      if (attempt === RETRY_DELAYS_MS.length && framed !== "yes") location.reload(); // no socket tells this page why
      await new Promise((resolve) => setTimeout(resolve, retryDelay(attempt)));
    }
    opening = false;
  }

  function showTool(address) {
    showNotice("");
    if (framed !== "yes") leaveTo(address + location.hash);
    else frame.src = frame.src ? address : address + location.hash; // a fragment would keep the frame from loading again
  }

  function retryDelay(attempt) {
    return RETRY_DELAYS_MS[Math.min(attempt, RETRY_DELAYS_MS.length - 1)] * (0.75 + Math.random() / 2);
  }

  function showPeople(people) {
    const labels = people.slice(0, MAX_SHOWN_USERS).map(({ name, tabs }) => (tabs > 1 ? `${name} (${tabs} tabs)` : name));
    if (people.length > MAX_SHOWN_USERS) labels.push(`and ${people.length - MAX_SHOWN_USERS} more`);
    byId("people").replaceChildren(...labels.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    byId("people").title = people.map(({ name }) => name).join(", ");
  }

  function open(message) {
    ended = false;
    showState("good", "Running");
    showNotice("");
    if (!byId("overlay").hidden) {
      byId("overlay").hidden = true;
      frame.inert = false;
      openTool();
    }
    showPeople(message.people);
  }

  function end({ code, message, reason, advice, who, at, returns }) {
    const starting = code === "STUDIO_STARTING";
    const firstShown = byId("overlay").hidden;
    ended = true;
    showState(starting ? "busy" : ORDINARY_ENDS.includes(code) ? "idle" : "bad", starting ? "Starting" : returns ? "Stopped" : "Ended");
    showNotice("");
    showPeople([]);
    byId("overlay-code").textContent = code;
    byId("overlay-title").textContent = message;
    byId("overlay-reason").textContent = reason || "";
    const actor = who && !reason?.includes(who) ? `By ${who}` : ""; // "Stopped by ada." names the actor already
    byId("overlay-who").textContent = [actor, at && new Date(at).toLocaleTimeString()].filter(Boolean).join(", ");
    byId("overlay-advice").textContent = advice;
    byId("overlay-step").textContent = "";
    byId("overlay-status").hidden = !returns;
    byId("overlay-status").textContent = starting ? "Starting" : "Waits until it runs again";
    byId("again").textContent = returns ? "Try again now" : "Sign in again";
    frame.inert = true;
    byId("overlay").hidden = false;
    if (firstShown) byId("overlay").focus();
  }

  const HANDLERS = {
    open,
    end,
    people: ({ people }) => showPeople(people),
    step: ({ text }) => { if (ended) byId("overlay-step").textContent = text ?? ""; },
    status: ({ text }) => { if (ended && text) byId("overlay-status").textContent = text; },
    warning: ({ reason, at }) => showNotice(`${reason}${at ? ` At ${new Date(at).toLocaleTimeString()}.` : ""}`),
    fault: ({ reason }) => showNotice(reason),
    ready: enterAgain,
  };

  function connect() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/_sg/live`);
    socket.onopen = () => { failures = 0; clearTimeout(reconnectNoticeTimer); reconnectNoticeTimer = 0; };
    socket.onmessage = ({ data }) => { const message = JSON.parse(data); HANDLERS[message.type]?.(message); };
    socket.onclose = ({ code }) => { if (!leaving) onClose(code); };
  }

  function onClose(code) {
    if (code === 4401 || code === 4408) return enterAgain();
    if (code >= 4400 && code < 4500) { // a refusal: trying again would not help
      if (!ended) renew();
      return;
    }
    if (!ended && !reconnectNoticeTimer) reconnectNoticeTimer = setTimeout(() => { showState("busy", "Reconnecting"); showNotice("The connection was lost. This page connects again by itself."); }, RECONNECT_NOTICE_DELAY_MS);
    setTimeout(connect, retryDelay(failures++));
  }

  async function renew() {
    // Renews the cookies of both origins, and shows an end that the socket could not report.
    try {
      const answer = await fetch("/_sg/state", { cache: "no-store" });
      if (answer.status >= 400 && !ended) end(await answer.json());
      else if (!ended && !(await postGrant(""))) await exchangeCode();
    } catch { /* the server is away: the socket shows it */ }
  }

  function reportActivity() {
    if (ended || Date.now() - activitySentAt < ACTIVITY_INTERVAL_MS || socket?.readyState !== WebSocket.OPEN) return;
    activitySentAt = Date.now();
    socket.send('{"type":"active"}');
  }

  function reportToolActivity() {
    // The input of the frame is not seen from here. Its user is active while it has the focus in the window in front.
    if (document.visibilityState === "visible" && document.hasFocus() && document.activeElement === frame) reportActivity();
  }

  function onMessage({ origin, source, data }) {
    if (origin !== tool || source !== frame.contentWindow || typeof data?.refusesFrame !== "string") return;
    leaveTo(`/_sg/unframed?to=${encodeURIComponent(data.refusesFrame)}`);
  }

  for (const name of ["pointerdown", "keydown", "wheel"]) document.addEventListener(name, reportActivity, { capture: true, passive: true });
  addEventListener("blur", () => setTimeout(reportToolActivity));
  setInterval(reportToolActivity, ACTIVITY_INTERVAL_MS);
  addEventListener("message", onMessage);
  byId("notice").querySelector("button").addEventListener("click", () => showNotice(""));
  byId("again").addEventListener("click", enterAgain);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
  showState("busy", "Connecting");
  openTool();
  if (framed === "yes") {
    setInterval(renew, RENEW_INTERVAL_MS);
    connect();
  }
})();
