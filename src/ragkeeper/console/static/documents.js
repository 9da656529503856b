// The list of documents, and what is dropped on the page.

import * as api from "./api.js";
import { element } from "./chat.js";

const find = (id) => document.getElementById(id);
const PAGE = 50;
const AT_ONCE = 4;
const UNFINISHED = new Set(["accepted", "parsing", "indexing", "searchable"]);
let timer = null;
let cursor = null;

export async function showDocuments() {
  clearTimeout(timer);
  const page = await api.json(`/api/v1/documents?limit=${PAGE}`);
  cursor = page.next_cursor;
  find("documents").replaceChildren(...page.items.map(row));
  find("more").hidden = !cursor;
  if (page.items.some((item) => UNFINISHED.has(item.status))) timer = setTimeout(showDocuments, 1000);
}

find("more").addEventListener("click", async () => {
  const page = await api.json(`/api/v1/documents?limit=${PAGE}&cursor=${cursor}`);
  cursor = page.next_cursor;
  find("documents").append(...page.items.map(row));
  find("more").hidden = !cursor;
});

function row(item) {
  const made = element("tr");
  const name = element("td", item.name);
  if (item.title && item.title !== item.name) name.append(element("div", item.title, "quiet"));
  const state = element("td", item.status, item.status);
  if (item.version.error) state.append(element("div", `${item.version.error.message} ${item.version.error.fix}`, "quiet"));
  for (const warning of item.version.warnings.slice(0, 3)) state.append(element("div", warning.message, "quiet"));
  const actions = element("td");
  const remove = element("button", "Delete", "plain");
  remove.addEventListener("click", () => removeDocument(item));
  actions.append(remove);
  made.append(name, state, element("td", item.version.pages ?? ""), actions);
  return made;
}

async function removeDocument(item) {
  if (!confirm(`Delete “${item.name}”? It is gone from searches and citations at once.`)) return;
  try {
    await api.call(`/api/v1/documents/${item.id}`, { method: "DELETE" });
  } catch (problem) {
    refuse(item.name, problem);
  }
  await showDocuments();
}

export function watchDrops() {
  const area = find("drop");
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
    await send((await Promise.all(entries.map(filesOf))).flat());
  });
  find("files").addEventListener("change", (event) => send([...event.target.files].map((file) => [file.name, file])));
}

// [path, File] of every file below a dropped entry.
async function filesOf(entry) {
  if (entry.isFile) return [[entry.fullPath.slice(1), await new Promise((done, fail) => entry.file(done, fail))]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const batch = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!batch.length) break;
    found.push(...batch);
  }
  return (await Promise.all(found.filter((inner) => !inner.name.startsWith(".")).map(filesOf))).flat();
}

async function send(files) {
  find("refused").replaceChildren();
  let sent = 0;
  const waiting = [...files];
  const sender = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      await sendOne(...next);
      find("sending").textContent = `${(sent += 1)} of ${files.length} sent`;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, sender));
  await showDocuments();
}

async function sendOne(path, file) {
  const form = new FormData();
  form.append("file", file, file.name);
  form.append("name", path);
  try {
    await api.call("/api/v1/documents", { method: "POST", body: form });
  } catch (problem) {
    refuse(path, problem);
  }
}

function refuse(name, problem) {
  find("refused").append(element("li", `${name}: ${problem.message} ${problem.fix ?? ""}`, "error"));
}
