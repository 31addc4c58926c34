// Keeps a page fresh. The page works without it.
"use strict";
(() => {
  const root = document.documentElement;
  const kept = (() => { try { return localStorage.getItem("theme"); } catch { return null; } })();
  if (kept) root.dataset.theme = kept;

  const themes = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const order = ["auto", "light", "dark"];
    const show = () => { button.textContent = "Theme: " + (root.dataset.theme || "auto"); };
    button.hidden = false;
    button.addEventListener("click", () => {
      const next = order[(order.indexOf(root.dataset.theme || "auto") + 1) % 3];
      if (next === "auto") delete root.dataset.theme; else root.dataset.theme = next;
      try { next === "auto" ? localStorage.removeItem("theme") : localStorage.setItem("theme", next); } catch { /* private */ }
      show();
    });
    show();
  };

  // The server's clock counts, not this machine's.
  let skew = 0;
  const distance = (at) => {
    const millis = at - (Date.now() + skew), s = Math.floor(Math.abs(millis) / 1000);
    if (s < 5) return "now";
    const [n, unit] = s < 60 ? [s, "s"] : s < 5400 ? [s / 60, "m"] : s < 129600 ? [s / 3600, "h"] : [s / 86400, "d"];
    const text = Math.floor(n) + unit;
    return millis < 0 ? text + " ago" : "in " + text;
  };
  const age = () => {
    for (const element of document.querySelectorAll("[data-at]")) {
      const text = distance(Number(element.dataset.at));
      if (element.textContent !== text) element.textContent = text;
    }
  };

  // What somebody is typing into is left alone until they are done.
  const waiting = new Map();
  const busy = (element) =>
    (element.contains(document.activeElement) && document.activeElement.matches("input, select, textarea, summary")) ||
    element.querySelector("form details[open], .acts details[open]");
  // What a row says, but for its times: only rows that say something new are lit.
  const rows = (element) => [...element.querySelectorAll(".line, article")];
  const said = (row) => (row.id || row.textContent.slice(0, 60)) + "|" + [...row.querySelectorAll(".state")].map((state) => state.textContent);
  const light = (old, fresh) => {
    const before = new Set(rows(old).map(said));
    for (const row of rows(fresh)) if (!before.has(said(row))) row.classList.add("fresh");
  };
  const put = (id, html) => {
    const old = document.getElementById(id);
    if (!old) return;
    if (busy(old)) { waiting.set(id, html); return; }
    waiting.delete(id);
    const open = [...old.querySelectorAll("details[open] > summary")].map((summary) => summary.textContent);
    const box = document.createElement("template");
    box.innerHTML = html;
    const fresh = box.content.firstElementChild;
    if (!fresh) return;
    for (const summary of fresh.querySelectorAll("summary")) {
      if (open.includes(summary.textContent)) summary.parentElement.open = true;
    }
    light(old, fresh);
    old.replaceWith(fresh);
  };
  const retry = () => { for (const [id, html] of [...waiting]) put(id, html); };

  const live = () => {
    const address = document.body.dataset.events;
    const lamp = document.getElementById("live");
    if (!address || !lamp || !window.EventSource) return;
    const url = new URL(address, location.href);
    if (document.body.dataset.board) url.searchParams.set("at", document.body.dataset.board);
    const source = new EventSource(url);
    const say = (text, lost) => { lamp.hidden = false; lamp.textContent = text; lamp.classList.toggle("lost", lost); };
    source.addEventListener("open", () => say("live", false));
    source.addEventListener("error", () => {
      say("not live since " + new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }), true);
      // The server refused for good (signed out, or too many streams): look again later.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 60000);
    });
    source.addEventListener("fragment", (event) => {
      const { id, html, title } = JSON.parse(event.data);
      put(id, html);
      if (title) document.title = title + document.title.slice(document.title.lastIndexOf(" · "));
      age();
    });
    addEventListener("pagehide", () => source.close());
  };

  document.addEventListener("DOMContentLoaded", () => {
    skew = Number(document.body.dataset.now) - Date.now();
    if (!Number.isFinite(skew)) skew = 0;
    themes();
    live();
    setInterval(() => { age(); retry(); }, 1000);
    document.addEventListener("focusout", () => setTimeout(retry, 0));
  });
})();
