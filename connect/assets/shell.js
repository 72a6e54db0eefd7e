// The tab around a tool: one socket that says who is here and what happens, and an overlay when the session ends (B52, B53, B58).
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const studio = document.body.dataset.name;
  const frame = $("tool");
  const ICON_COLORS = { good: "#1a7f4b", busy: "#b7791f", bad: "#b3261e", idle: "#5b6678" };
  const ORDINARY_ENDS = ["STUDIO_STOPPED", "IDLE_STOPPED", "LIFESPAN_EXPIRED"]; // nothing failed
  const RENEW_MS = 120_000;
  const ACTIVE_MS = 20_000;
  const RETRY_MS = [500, 1000, 2000, 4000];
  const GRACE_MS = 1500;
  const SHOWN = 6;
  let socket = null;
  let failures = 0;
  let ended = false;
  let leaving = false;
  let lostTimer = 0;
  let saidActiveAt = 0;

  function show(tone, word) {
    $("state").dataset.tone = tone;
    $("state").textContent = word;
    document.title = `${word === "Running" ? "" : `${word}: `}${studio} · Studiograph`;
    const dot = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${ICON_COLORS[tone]}"/></svg>`;
    $("icon").href = `data:image/svg+xml,${encodeURIComponent(dot)}`;
  }

  function notify(text) {
    $("notice").firstElementChild.textContent = text;
    $("notice").hidden = !text;
  }

  function place() {
    try {
      const { pathname, search } = frame.contentWindow.location;
      if (pathname.startsWith("/") && !pathname.startsWith("/_sg")) return pathname + search;
    } catch { /* the tool shows a page of another origin */ }
    return "/";
  }

  function enterAgain() {
    if (leaving) return;
    leaving = true;
    location.assign(`/_sg/again?to=${encodeURIComponent(place())}`);
  }

  function showPeople(people) {
    const words = people.slice(0, SHOWN).map(({ name, tabs }) => (tabs > 1 ? `${name} (${tabs} tabs)` : name));
    if (people.length > SHOWN) words.push(`and ${people.length - SHOWN} more`);
    $("people").replaceChildren(...words.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    $("people").title = people.map(({ name }) => name).join(", ");
  }

  function open(message) {
    ended = false;
    show("good", "Running");
    notify("");
    if (!$("over").hidden) {
      $("over").hidden = true;
      frame.inert = false;
      frame.contentWindow.location.reload();
    }
    showPeople(message.people);
  }

  function end({ code, message, reason, advice, who, at, returns }) {
    const coming = code === "STUDIO_STARTING";
    const fresh = $("over").hidden;
    ended = true;
    show(coming ? "busy" : ORDINARY_ENDS.includes(code) ? "idle" : "bad", coming ? "Starting" : returns ? "Stopped" : "Ended");
    notify("");
    showPeople([]);
    $("over-code").textContent = code;
    $("over-title").textContent = message;
    $("over-reason").textContent = reason || "";
    const actor = who && !reason?.includes(who) ? `By ${who}` : ""; // "Stopped by ada." names the actor already
    $("over-who").textContent = [actor, at && new Date(at).toLocaleTimeString()].filter(Boolean).join(", ");
    $("over-advice").textContent = advice;
    $("over-step").textContent = "";
    $("over-status").hidden = !returns;
    $("over-status").textContent = coming ? "Starting" : "Waiting until it runs again";
    $("again").textContent = returns ? "Look again now" : "Sign in again";
    frame.inert = true;
    $("over").hidden = false;
    if (fresh) $("over").focus();
  }

  const HANDLERS = {
    open,
    end,
    people: ({ people }) => showPeople(people),
    step: ({ text }) => { if (ended) $("over-step").textContent = text ?? ""; },
    status: ({ text }) => { if (ended && text) $("over-status").textContent = text; },
    warning: ({ reason, at }) => notify(`${reason}${at ? ` At ${new Date(at).toLocaleTimeString()}.` : ""}`),
    fault: ({ reason }) => notify(reason),
    ready: enterAgain,
  };

  function connect() {
    socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/_sg/live`);
    socket.onopen = () => { failures = 0; clearTimeout(lostTimer); lostTimer = 0; };
    socket.onmessage = ({ data }) => { const message = JSON.parse(data); HANDLERS[message.type]?.(message); };
    socket.onclose = ({ code }) => { if (!leaving) closed(code); };
  }

  function closed(code) {
    if (code === 4401 || code === 4408) return enterAgain();
    if (code >= 4400 && code < 4500) { // nothing to wait for
      if (!ended) renew();
      return;
    }
    if (!ended && !lostTimer) lostTimer = setTimeout(() => { show("busy", "Reconnecting"); notify("The connection was lost. It is tried again by itself."); }, GRACE_MS);
    const pause = RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
    setTimeout(connect, pause);
  }

  async function renew() {
    try {
      const answer = await fetch("/_sg/state", { cache: "no-store" });
      if (answer.status >= 400 && !ended) end(await answer.json());
    } catch { /* the socket tells */ }
  }

  function active() {
    if (ended || Date.now() - saidActiveAt < ACTIVE_MS || socket?.readyState !== WebSocket.OPEN) return;
    saidActiveAt = Date.now();
    socket.send('{"type":"active"}');
  }

  function listen(target) {
    for (const name of ["pointerdown", "keydown", "wheel"]) target.addEventListener(name, active, { capture: true, passive: true });
  }

  listen(document);
  frame.addEventListener("load", () => { try { listen(frame.contentDocument); } catch { /* another origin */ } });
  $("notice").querySelector("button").addEventListener("click", () => notify(""));
  $("again").addEventListener("click", enterAgain);
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
  setInterval(renew, RENEW_MS);
  show("busy", "Connecting");
  connect();
})();
