// The console's way to the HTTP API. The key lives in this tab's session storage and travels only as a header.

const KEY = "ragkeeper-key";

export class Problem extends Error {
  constructor(body, status) {
    super(body.detail ?? body.title ?? `The server answered ${status}.`);
    this.code = body.code ?? "unknown";
    this.fix = body.fix ?? "";
    this.status = status;
  }
}

export function key() {
  return sessionStorage.getItem(KEY);
}

export function remember(value) {
  sessionStorage.setItem(KEY, value);
}

export function forget() {
  sessionStorage.removeItem(KEY);
}

export async function call(path, options = {}) {
  const headers = { ...options.headers, "X-API-Key": key() ?? "" };
  const response = await fetch(path, { ...options, headers });
  if (!response.ok) throw new Problem(await response.json().catch(() => ({})), response.status);
  return response;
}

export async function json(path, options) {
  return (await call(path, options)).json();
}

export function post(path, body, signal) {
  return call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" }, signal });
}

// Server-sent events from a POST, one [name, data] at a time.
export async function* events(path, body, signal) {
  const reader = (await post(path, body, signal)).body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    pending += value;
    const parts = pending.split("\n\n");
    pending = parts.pop();
    for (const part of parts) {
      const name = /^event: (.*)$/m.exec(part)?.[1] ?? "message";
      yield [name, JSON.parse(/^data: (.*)$/m.exec(part)[1])];
    }
  }
}
