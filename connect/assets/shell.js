// The script of the page around a tool (the shell): one WebSocket that receives users, warnings and the end of the session, and an
// overlay that shows the end (B52, B53, B58).
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const studioName = document.body.dataset.name;
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

  function toolPath() {
    // Returns the path that the tool shows.
    try {
      const { pathname, search } = frame.contentWindow.location;
      if (pathname.startsWith("/") && !pathname.startsWith("/_sg")) return pathname + search;
    } catch { /* the tool shows a page of another origin */ }
    return "/";
  }

  function enterAgain() {
    // Goes through the API's origin, which checks the login again.
    if (leaving) return;
    leaving = true;
    location.assign(`/_sg/again?to=${encodeURIComponent(toolPath())}`);
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
      frame.contentWindow.location.reload();
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
    const delay = RETRY_DELAYS_MS[Math.min(failures++, RETRY_DELAYS_MS.length - 1)] * (0.75 + Math.random() / 2);
    setTimeout(connect, delay);
  }

  async function renew() {
    // Renews the cookie, and shows an end that the socket could not report.
    try {
      const answer = await fetch("/_sg/state", { cache: "no-store" });
      if (answer.status >= 400 && !ended) end(await answer.json());
    } catch { /* the server is away: the socket shows it */ }
  }

  function reportActivity() {
    if (ended || Date.now() - activitySentAt < ACTIVITY_INTERVAL_MS || socket?.readyState !== WebSocket.OPEN) return;
    activitySentAt = Date.now();
    socket.send('{"type":"active"}');
  }

  function watchActivity(target) {
    for (const name of ["pointerdown", "keydown", "wheel"]) target.addEventListener(name, reportActivity, { capture: true, passive: true });
  }

  watchActivity(document);
  frame.addEventListener("load", () => { try { watchActivity(frame.contentDocument); } catch { /* another origin */ } });
  byId("notice").querySelector("button").addEventListener("click", () => showNotice(""));
  byId("again").addEventListener("click", enterAgain);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
  setInterval(renew, RENEW_INTERVAL_MS);
  showState("busy", "Connecting");
  connect();
})();
