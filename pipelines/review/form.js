"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = data.rows;
  const at = (id) => document.getElementById(id);
  const COLUMNS = ["number", "id", "kind", "decision", "text", "answer", "edited_text", "note", "reviewer", "reviewed_at",
    "suggestions", "original", "source"];
  const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff]|[\u{e0000}-\u{e0fff}]/gu;
  const FORMULA = /^'*[\s\u0000-\u0020\u00a0\ufeff]*[=+\-@＝＋－＠|%]/u;
  const SIGNS = { accept: "✓", edit: "✎", refuse: "✗" };
  const WORDS = { accept: "accepted", edit: "edited", refuse: "refused" };
  const draft = "arcmill-review:" + data.key;
  let said = {}; // id -> {decision, text, note, off, reviewer, at}
  let current = 0;
  let unsaved = false;

  const state = (row) => (said[row.id] ??= { decision: "", text: row.text, note: "", off: [], reviewer: "", at: "" });
  const decided = () => rows.filter((row) => said[row.id]?.decision).length;

  // -- texts: data becomes text nodes, never markup ---------------------------------------------------------------

  function show(element, text) {
    element.replaceChildren();
    let end = 0;
    for (const found of text.matchAll(HIDDEN)) {
      element.append(text.slice(end, found.index), made("span", "hid", "U+" + found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")));
      end = found.index + found[0].length;
    }
    element.append(text.slice(end));
    return element;
  }
  function made(kind, name, text) {
    const element = document.createElement(kind);
    if (name) element.className = name;
    if (text !== undefined) show(element, text);
    return element;
  }
  function composed(row) {
    const off = state(row).off;
    let text = "", end = 0;
    row.spans.forEach((span, number) => {
      text += row.original.slice(end, span.start) + (off.includes(number) ? span.original : span.suggestion);
      end = span.end;
    });
    return text + row.original.slice(end);
  }

  // -- the row that is shown --------------------------------------------------------------------------------------

  function render() {
    const row = rows[current], held = state(row);
    at("place").textContent = `row ${current + 1} of ${rows.length}`;
    show(at("title"), row.kind === "passage-qa" ? "Passage" : "Question");
    show(at("facts"), [row.source, row.url, row.id].filter(Boolean).join(" · "));
    at("original").hidden = !row.spans.length;
    passage(row);
    show(at("answer"), row.answer);
    show(at("question"), row.question);
    at("question").hidden = !row.question;
    at("text-label").textContent = row.kind === "passage-qa" ? "Text with names and details hidden" : "Text of the question";
    at("text").value = held.text;
    at("note").value = held.note;
    const odd = [...new Set([...row.text.matchAll(HIDDEN)].map((found) => "U+" + found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")))];
    warn(odd.length ? `The text holds characters that do not show, or that reorder it: ${odd.slice(0, 8).join(", ")}` : "");
    marks();
  }
  function passage(row) {
    const held = state(row), place = at("passage"), byHand = held.text !== composed(row);
    place.replaceChildren();
    let end = 0;
    row.spans.forEach((span, number) => {
      place.append(show(document.createElement("span"), row.original.slice(end, span.start)));
      const button = made("button", "");
      button.type = "button";
      button.setAttribute("aria-pressed", String(!held.off.includes(number)));
      button.title = span.reason;
      button.disabled = byHand;
      button.append(made("s", "", span.original), made("span", "new", " " + span.suggestion));
      button.setAttribute("aria-label", `${span.original}: ${span.suggestion} (${span.reason})`);
      button.addEventListener("click", () => {
        held.off = held.off.includes(number) ? held.off.filter((one) => one !== number) : [...held.off, number];
        held.text = composed(row);
        changed(row);
        render();
        at("passage").querySelectorAll("button")[number].focus();
      });
      place.append(button);
      end = span.end;
    });
    place.append(show(document.createElement("span"), row.original.slice(end)));
  }
  function marks() {
    const row = rows[current], held = state(row);
    at("accept-label").textContent = held.text === row.text ? "Accept" : "Accept as edited";
    at("accept").setAttribute("aria-pressed", String(held.decision === "accept" || held.decision === "edit"));
    at("refuse").setAttribute("aria-pressed", String(held.decision === "refuse"));
    at("reset").disabled = held.text === row.text;
    at("previous").disabled = current === 0;
    at("next").disabled = current === rows.length - 1;
    at("progress").value = decided();
    const counts = Object.keys(WORDS).map((key) => `${rows.filter((one) => said[one.id]?.decision === key).length} ${WORDS[key]}`);
    at("told").textContent = `${decided()} of ${rows.length} decided: ${counts.join(", ")}`;
    [...at("rows").children].forEach((item, number) => {
      const decision = said[rows[number].id]?.decision || "";
      item.firstChild.setAttribute("aria-current", String(number === current));
      item.firstChild.setAttribute("aria-label", `Row ${number + 1}, ${WORDS[decision] || "undecided"}`);
      item.querySelector(".state").textContent = SIGNS[decision] || "·";
    });
  }
  function warn(text) { show(at("warning"), text); }

  // -- decisions --------------------------------------------------------------------------------------------------

  const folded = (text) => text.normalize("NFKC").toLowerCase().split(/\s+/u).filter(Boolean).join(" ");
  const HAN = /\p{Script=Han}/u, WORD = /[\p{L}\p{N}\p{M}_]/u;
  function names(row, text) {
    const where = folded(text);
    return row.names.find((name) => {
      const one = folded(name);
      for (let place = where.indexOf(one); one && place >= 0; place = where.indexOf(one, place + 1)) {
        const runs = (a, b) => a && b && WORD.test(a) && WORD.test(b) && !HAN.test(a) && !HAN.test(b);
        if (!runs(where[place - 1], one[0]) && !runs(one[one.length - 1], where[place + one.length])) return true;
      }
      return false;
    });
  }
  function changed(row) {
    const held = state(row);
    if (held.decision === "accept" || held.decision === "edit") Object.assign(held, { decision: "", at: "" });
    keep();
  }
  function decide(decision) {
    const row = rows[current], held = state(row), reviewer = at("reviewer").value.trim();
    if (decision && !reviewer) {
      warn("Write your name first: each decision says who made it.");
      at("reviewer").focus();
      return false;
    }
    if (decision === "accept" && held.text.trim() === "") return warn("There is no text left."), false;
    if (decision === "accept" && held.text.trim() !== row.text.trim()) {
      const name = names(row, held.text);
      if (name !== undefined) return warn(`The text names the answer: ${name}`), false;
      decision = "edit";
    }
    Object.assign(held, { decision, reviewer: decision ? reviewer : "", at: decision ? new Date().toISOString() : "" });
    keep();
    warn("");
    marks();
    return true;
  }
  function go(number) {
    if (number < 0 || number >= rows.length) return;
    current = number;
    render();
    at("card").focus({ preventScroll: true });
    at("rows").children[number].scrollIntoView({ block: "nearest" });
  }
  function accept() { if (decide("accept")) go(current + 1); }
  function refuse() { if (decide("refuse")) at("note").focus(); }

  // -- draft and files --------------------------------------------------------------------------------------------

  function keep() {
    unsaved = true;
    try { localStorage.setItem(draft, JSON.stringify({ reviewer: at("reviewer").value, said })); } catch { /* a private window */ }
  }
  function restore() {
    try {
      const held = JSON.parse(localStorage.getItem(draft) || "null");
      if (!held || typeof held.said !== "object") return;
      at("reviewer").value = String(held.reviewer || "");
      for (const row of rows) if (Object.hasOwn(held.said, row.id)) said[row.id] = { ...state(row), ...held.said[row.id] };
    } catch { /* no draft */ }
  }
  function entries() {
    return rows.map((row) => {
      const held = state(row);
      return { id: row.id, decision: held.decision, text: row.text, edited_text: held.decision === "edit" ? held.text : "",
        note: held.decision ? held.note : "", reviewer: held.reviewer, reviewed_at: held.at };
    });
  }
  function csv() {
    const cell = (value) => {
      const text = String(value ?? ""), guarded = FORMULA.test(text) ? "'" + text : text;
      return /[",\r\n]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
    };
    const lines = entries().map((entry, number) => {
      const row = rows[number];
      const told = row.spans.map((span) => `${span.original} → ${span.suggestion} (${span.reason})`).join("\n");
      const cells = { ...entry, number: number + 1, kind: row.kind, answer: row.answer, source: row.source, original: row.original, suggestions: told };
      return COLUMNS.map((name) => cell(cells[name])).join(",");
    });
    return "\ufeff" + [COLUMNS.join(","), ...lines].join("\r\n") + "\r\n";
  }
  function save(kind, text) {
    const link = document.createElement("a"), address = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "application/json" }));
    link.href = address;
    link.download = `${data.name}-reviewed.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
    unsaved = false;
  }
  const saveCsv = () => save("csv", csv());
  const saveJson = () => save("json", JSON.stringify({ format: "arcmill-review", version: 1, rows: entries() }, null, 1) + "\n");

  // -- hands ------------------------------------------------------------------------------------------------------

  rows.forEach((row, number) => {
    const item = document.createElement("li"), button = made("button", "");
    button.type = "button";
    button.append(made("span", "state", "·"), made("span", "name", `${number + 1}. ${row.answer || row.text}`.slice(0, 80)));
    button.addEventListener("click", () => go(number));
    item.append(button);
    at("rows").append(item);
  });
  at("text").addEventListener("input", () => {
    const row = rows[current], held = state(row);
    held.text = at("text").value;
    const name = held.text.trim() === row.text.trim() ? undefined : names(row, held.text);
    warn(name === undefined ? "" : `The text names the answer: ${name}`);
    changed(row);
    if (row.spans.length) passage(row);
    marks();
  });
  at("note").addEventListener("input", () => { state(rows[current]).note = at("note").value; keep(); });
  at("reviewer").addEventListener("input", keep);
  at("reset").addEventListener("click", () => {
    const row = rows[current];
    Object.assign(state(row), { text: row.text, off: [] });
    changed(row);
    render();
  });
  at("accept").addEventListener("click", accept);
  at("edit").addEventListener("click", () => at("text").focus());
  at("refuse").addEventListener("click", refuse);
  at("clear").addEventListener("click", () => decide(""));
  at("previous").addEventListener("click", () => go(current - 1));
  at("next").addEventListener("click", () => go(current + 1));
  at("save-csv").addEventListener("click", saveCsv);
  at("save-json").addEventListener("click", saveJson);
  at("keys").addEventListener("click", () => {
    at("help").hidden = !at("help").hidden;
    at("keys").setAttribute("aria-expanded", String(!at("help").hidden));
    if (!at("help").hidden) at("help").scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("keydown", (event) => {
    const field = event.target instanceof Element && event.target.closest("input, textarea");
    if (event.key === "Escape" && field) return at("card").focus();
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && field) {
      event.preventDefault();
      if (event.target.id === "text") accept(); else go(current + 1);
      return;
    }
    if (field || event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = { a: accept, e: () => at("text").focus(), r: refuse, u: () => decide(""), j: () => go(current + 1), k: () => go(current - 1),
      s: saveCsv, ArrowRight: () => go(current + 1), ArrowLeft: () => go(current - 1) };
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (act) { event.preventDefault(); act(); }
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  restore();
  const first = rows.findIndex((row) => !said[row.id]?.decision);
  current = Math.max(0, first);
  render();
})();
