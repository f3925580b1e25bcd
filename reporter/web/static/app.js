// What a page does beyond its links and forms: nothing that it can't do without.
"use strict";
(() => {
  const $ = (s, at = document) => at.querySelector(s), $$ = (s, at = document) => [...at.querySelectorAll(s)];
  const typing = e => e.target.closest("input,select,textarea,[contenteditable]");

  // Copy buttons.
  document.addEventListener("click", e => {
    const b = e.target.closest("[data-copy]");
    if (!b) return;
    const from = $(b.dataset.copy);
    navigator.clipboard.writeText(from.textContent.trim()).then(() => { b.textContent = "Copied"; });
  });

  // The system's light or dark, or the other one.
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
  document.addEventListener("click", e => {
    if (!e.target.closest("[data-theme-toggle]")) return;
    const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", document.documentElement.dataset.theme);
  });

  // Selects that lead somewhere.
  document.addEventListener("change", e => {
    if (e.target.matches("select[data-go]")) location.href = e.target.value;
    if (e.target.matches("select[data-submit]")) e.target.form.requestSubmit();
  });

  // Keys: / searches, d and w choose ranges, Esc leaves a field.
  document.addEventListener("keydown", e => {
    if (e.key === "Escape" && typing(e)) e.target.blur();
    if (typing(e) || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "/") { const s = $("[data-search]"); if (s) { s.focus(); e.preventDefault(); } }
    const to = { d: "today", w: "7d" }[e.key], link = to && $(`[data-range="${to}"]`);
    if (link) location.href = link.href;
  });

  // The chart's cursor: one line over all panels, by pointer and by arrow keys.
  const svg = $("[data-chart]");
  if (svg) {
    const rows = $$("[data-x]").map(r => ({ x: +r.dataset.x, text: $$("th,td", r).map(c => c.textContent).join(" · ") }));
    const lines = $$(".cursor", svg), out = $(".chart output"), plot = $("svg", svg);
    let at = rows.length - 1;
    const show = i => {
      if (!rows.length) return;
      at = Math.max(0, Math.min(rows.length - 1, i));
      for (const line of lines) { line.setAttribute("x1", rows[at].x); line.setAttribute("x2", rows[at].x); line.removeAttribute("visibility"); }
      out.textContent = rows[at].text;
    };
    svg.addEventListener("pointermove", e => {
      const box = plot.getBoundingClientRect(), x = (e.clientX - box.left) / box.width * 1000;
      let best = 0;
      rows.forEach((r, i) => { if (Math.abs(r.x - x) < Math.abs(rows[best].x - x)) best = i; });
      show(best);
    });
    svg.addEventListener("keydown", e => {
      if (e.key === "ArrowLeft" || e.key === "ArrowRight") { show(at + (e.key === "ArrowLeft" ? -1 : 1)); e.preventDefault(); }
    });
  }

  // Figures that move while the page is open. Rows never move: what is new is said.
  const live = $("[data-live]");
  if (live) {
    let source, said = 0;
    const put = (el, text) => {
      if (!el || el.textContent === text) return false;
      el.textContent = text;
      el.classList.remove("moved"); void el.offsetWidth; el.classList.add("moved");
      return true;
    };
    const news = m => {
      const n = JSON.parse(m.data);
      put($("[data-evidence]"), n.evidence);
      let moved = false;
      for (const [name, [value]] of Object.entries(n.strip)) moved = put($(`[data-figure="${name}"]`), value) || moved;
      let unknown = 0;
      for (const [key, cells] of Object.entries(n.rows)) {
        const row = $(`tr[data-key="${CSS.escape(key)}"]`);
        if (!row) { unknown++; continue; }
        $$("td:not(.left)", row).forEach((td, i) => put($("[data-value]", td) || td, cells[i]));
      }
      const more = $("[data-news]");
      more.hidden = !unknown && +more.dataset.all === n.all;
      if (moved && Date.now() - said > 15000) { said = Date.now(); $("[data-said]").textContent = n.evidence; }
    };
    const open = () => { if (!source) { source = new EventSource(live.dataset.live); source.onmessage = news; source.onerror = again; } };
    const close = () => { if (source) { source.close(); source = null; } };
    const again = () => { close(); setTimeout(() => document.hidden || open(), 1000 + Math.random() * 4000); };
    document.addEventListener("visibilitychange", () => document.hidden ? close() : setTimeout(open, Math.random() * 1000));
    addEventListener("pagehide", close);
    if (!document.hidden) open();
  }
})();
