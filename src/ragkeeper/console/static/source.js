// A citation, shown where it stands: the document's text with the quoted span marked.

import * as api from "./api.js";

const AROUND = 1500;
const find = (id) => document.getElementById(id);

export async function showSource(citation) {
  find("source-title").textContent = citation.title;
  find("source-place").textContent = citation.page ? `page ${citation.page}` : "";
  const text = find("source-text");
  text.textContent = "…";
  find("source").showModal();
  try {
    const content = await api.json(`/api/v1/documents/${citation.document_id}/content`);
    if (content.version !== citation.version) {
      text.textContent = "This document has changed since it was cited.";
      return;
    }
    // Offsets count characters (code points), JavaScript strings count UTF-16 units.
    const letters = Array.from(content.text);
    const from = Math.max(0, citation.start - AROUND);
    const mark = document.createElement("mark");
    mark.textContent = letters.slice(citation.start, citation.end).join("");
    text.replaceChildren(
      (from ? "… " : "") + letters.slice(from, citation.start).join(""),
      mark,
      letters.slice(citation.end, citation.end + AROUND).join(""),
    );
    mark.scrollIntoView({ block: "center" });
  } catch (problem) {
    text.textContent = problem.code === "document_unknown" ? "The source was deleted." : problem.message;
  }
}
