// The batch flow through the JavaScript client: node sdk.js SESSION IMAGE STEP..., in the project's folder.
// Prints one line a step, "STEP {json}": what the client saw, or how it refused. It judges nothing.
"use strict";
const fs = require("fs");
const path = require("path");

// The package expects a browser.
const stored = {};
globalThis.localStorage = {
  getItem: (key) => (key in stored ? stored[key] : null),
  setItem: (key, value) => { stored[key] = String(value); },
  removeItem: (key) => { delete stored[key]; },
};
if (globalThis.navigator === undefined) globalThis.navigator = { onLine: true };

const modules = process.env.CLIENT_MODULES;
const { Client, ClientConfig } = require(path.join(modules, "backend.ai-client", "backend.ai-client-node.js"));

const PROJECT = ["Makefile", "main.c", "src/answer.c", "include/answer.h", "read me.txt", "größe.txt", "data.bin"];
const [session, image, ...steps] = process.argv.slice(2);
const client = new Client(ClientConfig.createFromEnv(), "batchproof");

const send = (name, content) => client.upload(session, name, new Blob([content]));

const SNIPPET = '#include <stdio.h>\nint main(void) { puts("from a snippet"); return 0; }\n';

const run = (options) => followed("batch", "", options);

async function followed(firstMode, firstCode, options) {
  const seen = { statuses: [], stdout: "", stderr: "", codes: {}, run_ids: [] };
  const runId = Math.random().toString(16).slice(2, 14).padEnd(12, "0");
  let [mode, code, opts] = [firstMode, firstCode, options];
  for (;;) {
    const { result } = await client.execute(session, runId, mode, code, opts);
    seen.statuses.push(result.status);
    seen.run_ids.push(result.runId);
    seen.codes[result.status] = result.exitCode;
    for (const [kind, text] of result.console) seen[kind] = (seen[kind] || "") + text;
    if (result.status === "finished" || result.status === "exec-timeout") return seen;
    [mode, code, opts] = result.status === "waiting-input" ? ["input", "Ada", {}] : ["continue", "", {}];
  }
}

// A reader of plain tars in a multipart body, for this test only: the client hands the raw body over.
function unpack(body) {
  const boundary = body.subarray(0, body.indexOf("\r\n"));
  const files = {};
  for (let at = body.indexOf(boundary); at >= 0;) {
    const next = body.indexOf(boundary, at + boundary.length);
    if (next < 0) break;
    const tar = body.subarray(body.indexOf("\r\n\r\n", at) + 4, next - 2);
    const text = (from, length) => tar.subarray(from, from + length).toString().split("\0")[0];
    files[text(0, 100)] = tar.subarray(512, 512 + parseInt(text(124, 12), 8));
    at = next;
  }
  return files;
}

const scenario = {
  version: async () => ({ version: (await client.getServerVersion()).version }),
  create: async () => {
    await client.get_manager_version();
    const answer = await client.createIfNotExists(image, session);
    return { id: answer.kernelId || answer.sessionId, created: answer.created };
  },
  reuse: async () => {
    const answer = await client.createIfNotExists(image, session);
    return { same: (answer.kernelId || session) === session, created: answer.created };
  },
  upload: async () => {
    for (const name of PROJECT) await send(name, fs.readFileSync(name));
    return { files: PROJECT.length };
  },
  batch: () => run({ build: "make", exec: "./main 'a b' c" }),
  defaults: () => run({ clean: "*", build: "*", exec: "*" }),
  clean: () => run({ clean: "rm -v main", build: "make", exec: "./main" }),
  patience: () => run({ exec: "for i in 1 2 3 4; do echo $i; sleep 0.8; done" }),
  "failed-build": () => run({ build: "echo broken >&2; exit 3", exec: "echo never" }),
  input: () => run({ exec: "read -r who; echo hello $who" }),
  query: () => followed("query", SNIPPET, {}),
  download: async () => {
    const asked = ["src/answer.c", "read me.txt", "data.bin"];
    const blob = await client.download(session, asked);
    const files = unpack(Buffer.from(await blob.arrayBuffer()));
    const same = asked.filter((name) => fs.readFileSync(name).equals(files[path.basename(name)]));
    return { asked, same };
  },
  logs: async () => ({ logs: (await client.get_logs(session)).result.logs }),
  restart: async () => {
    await client.restart(session);
    return run({ exec: "cat 'read me.txt'" });
  },
  "too-large": () => send("large.bin", Buffer.alloc(1024 * 1024 + 1)),
  destroy: async () => ({ answer: JSON.stringify(await client.destroy(session)) }),
  unknown: () => client.get_logs(session),
};

(async () => {
  for (const step of steps) {
    let seen;
    try {
      seen = await scenario[step]();
    } catch (error) {
      seen = { raised: "rejected", status: error.statusCode ?? null, text: String(error.message ?? error) };
    }
    console.log("STEP " + JSON.stringify({ ...seen, step }));
  }
})();
