// The console's one page. Text from documents and answers is only ever set as text, never as HTML.

import * as api from "./api.js";
import { showDocuments, watchDrops } from "./documents.js";
import { Chat } from "./chat.js";

const find = (id) => document.getElementById(id);

async function open() {
  try {
    const status = await api.json("/status");
    const model = status.answer_models[0] ?? "no model: answers are quoted from your documents";
    find("state").textContent = `${status.documents.chunks} passages · ${model}`;
  } catch (problem) {
    lock(problem.status === 401 ? "This key is not the right one." : problem.message);
    return;
  }
  find("unlock").hidden = true;
  find("desk").hidden = find("forget").hidden = false;
  await showDocuments();
}

function lock(reason) {
  api.forget();
  find("desk").hidden = find("forget").hidden = true;
  find("unlock").hidden = false;
  find("unlock-error").textContent = reason;
  find("state").textContent = "";
  find("key").focus();
}

find("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  api.remember(find("key").value.trim());
  find("key").value = "";
  open();
});
find("forget").addEventListener("click", () => lock(""));

// `make run` prints an address that ends in #key=…: a fragment is never sent to a server or written to its log.
const given = /^#key=(.+)$/.exec(location.hash)?.[1];
if (given) {
  api.remember(decodeURIComponent(given));
  history.replaceState(null, "", location.pathname);
}

new Chat();
watchDrops();
if (api.key()) open();
else lock("");
