// Questions and answers: text as it streams, then the checked answer with its citations.

import * as api from "./api.js";
import { showSource } from "./source.js";

const find = (id) => document.getElementById(id);
const STAGES = { searching: "Searching …", generating: "Writing …", quoting: "Quoting …", limited: "Searching …" };

export function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

export class Chat {
  constructor() {
    this.conversation = null;
    find("ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask(find("question").value);
    });
    find("question").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        find("ask").requestSubmit();
      }
    });
    find("stop").addEventListener("click", () => this.running?.abort());
    find("fresh").addEventListener("click", () => {
      this.conversation = null;
      find("turns").replaceChildren();
      find("question").focus();
    });
  }

  async ask(message) {
    this.running?.abort();
    const running = (this.running = new AbortController());
    find("stop").hidden = false;
    const turn = element("li");
    const answer = element("p", "", "answer");
    turn.append(element("p", message, "question"), answer);
    find("turns").prepend(turn);
    find("question").value = "";
    try {
      await this.follow(message, running, turn, answer);
    } catch (problem) {
      const text = problem.name === "AbortError" ? "Stopped." : `${problem.message} ${problem.fix ?? ""}`;
      turn.append(element("p", text, "error"));
    } finally {
      if (this.running === running) {
        find("stop").hidden = true;
        find("progress").textContent = "";
      }
    }
  }

  async follow(message, running, turn, answer) {
    const body = { message, conversation_id: this.conversation };
    for await (const [name, data] of api.events("/chat/stream", body, running.signal)) {
      if (name === "status") find("progress").textContent = STAGES[data.stage] ?? data.stage;
      if (name === "token") answer.textContent += data.text;
      if (name === "error") throw new api.Problem(data, data.status);
      if (name === "done") {
        this.conversation = data.conversation_id;
        showAnswer(turn, answer, data);
      }
    }
  }
}

function showAnswer(turn, answer, data) {
  const supported = new Map(data.sentences.map((sentence) => [sentence.text, sentence.supported]));
  if (!data.refused) answer.replaceChildren(...pieces(data.answer, supported, data.citations));
  const mode = data.model ? `${data.mode}, ${data.model}` : data.mode;
  const age = data.cached ? ` · made ${Math.round(data.cached_seconds)} s ago` : "";
  turn.append(element("p", `${mode} · ${Math.round(data.timings_ms.total)} ms${age}`, "quiet"));
  for (const note of data.notes) turn.append(element("p", note, "quiet"));
  turn.append(data.refused ? hints(data.hints) : citations(data.citations));
}

// The answer's text with its [n] markers as buttons, unsupported sentences underlined.
function pieces(text, supported, all) {
  const made = [];
  for (const part of text.split(/(\[\d+\])/)) {
    const marker = /^\[(\d+)\]$/.exec(part)?.[1];
    const citation = marker && all.find((one) => one.marker === Number(marker));
    if (citation) {
      const button = element("button", part, "marker");
      button.type = "button";
      button.addEventListener("click", () => showSource(citation));
      made.push(button);
    } else if (part) {
      const bare = [...supported].some(([sentence, good]) => !good && sentence.startsWith(part.trim()) && part.trim());
      made.push(element("span", part, bare ? "unsupported" : ""));
    }
  }
  return made;
}

function citations(all) {
  const list = element("ul", "", "citations");
  for (const citation of all) {
    const item = element("li");
    const place = citation.page ? `${citation.title}, page ${citation.page}` : citation.title;
    const button = element("button", `[${citation.marker}] ${place}`, "marker");
    button.type = "button";
    button.addEventListener("click", () => showSource(citation));
    item.append(button, " ", element("q", citation.quote));
    list.append(item);
  }
  return list;
}

function hints(all) {
  const list = element("ul", "", "citations");
  if (all.length) list.append(element("li", "The closest passages:"));
  for (const hint of all) list.append(element("li", `${hint.title}: ${hint.text.slice(0, 300)}`));
  return list;
}
