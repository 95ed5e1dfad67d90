// Keys: j and k go to the next and the previous story, o opens it, / searches, ? lists the keys.
// All pages work without this file.
"use strict";

const KEYS = [
  ["j", "next story"],
  ["k", "previous story"],
  ["o or Enter", "open the story"],
  ["/", "search"],
  ["?", "these keys"],
  ["Esc", "close"],
];

function stories() {
  return [...document.querySelectorAll(".story h3 a")];
}

function move(step) {
  const links = stories();
  if (!links.length) {
    const target = document.querySelector(step > 0 ? "a[rel~=next]" : "a[rel~=prev]");
    if (target) target.click();
    return;
  }
  const current = links.indexOf(document.activeElement);
  if (current < 0 && step < 0) return;
  const next = links[current + step];
  if (next) {
    next.focus();
    next.scrollIntoView({ block: "center" });
  } else if (step > 0) {
    document.querySelector("a[rel~=next]")?.focus();
  }
}

function openStory() {
  if (stories().includes(document.activeElement)) document.activeElement.click();
}

function focusSearch(event) {
  const field = document.querySelector("main input[name=q]") || document.querySelector("input[name=q]");
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
}

function showHelp() {
  let dialog = document.querySelector("dialog.keys");
  if (!dialog) {
    dialog = document.createElement("dialog");
    dialog.className = "keys";
    dialog.setAttribute("aria-labelledby", "keys-title");
    const title = document.createElement("h2");
    title.id = "keys-title";
    title.textContent = "Keys";
    const list = document.createElement("dl");
    for (const [key, meaning] of KEYS) {
      const row = document.createElement("div");
      const term = document.createElement("dt");
      term.textContent = key;
      const text = document.createElement("dd");
      text.textContent = meaning;
      row.append(term, text);
      list.append(row);
    }
    const close = document.createElement("button");
    close.textContent = "Close";
    close.addEventListener("click", () => dialog.close());
    dialog.append(title, list, close);
    document.body.append(dialog);
  }
  dialog.showModal();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest?.("input, select, textarea, dialog, [contenteditable]")) return;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "o") openStory();
  else if (event.key === "/") focusSearch(event);
  else if (event.key === "?") showHelp();
});
