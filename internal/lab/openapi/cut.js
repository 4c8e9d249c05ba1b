// Cuts GitHub's own description of its REST API down to the operations that
// the toy answers and the components that these need. The toy checks every
// request and every answer against the result.
//
//   npm ci && npm run cut        writes github.json
//   node cut.js                  writes to standard output
"use strict";

const fs = require("fs");

const operations = {
  "/meta": ["get"],
  "/rate_limit": ["get"],
  "/repos/{owner}/{repo}": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/approvals": ["get"],
  "/repos/{owner}/{repo}/attestations": ["post"],
  "/repos/{owner}/{repo}/attestations/{subject_digest}": ["get"],
  "/repos/{owner}/{repo}/environments": ["get"],
  "/repos/{owner}/{repo}/environments/{environment_name}": ["get"],
  "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": ["get"],
  "/repos/{owner}/{repo}/environments/{environment_name}/deployment_protection_rules": ["get"],
};

// What every error looks like, also where an operation does not list it.
const always = ["#/components/schemas/basic-error"];

const whole = require("@octokit/openapi/generated/api.github.com.json");
const cut = { openapi: whole.openapi, info: whole.info, paths: {}, components: {} };

for (const [path, methods] of Object.entries(operations)) {
  cut.paths[path] = {};
  for (const method of methods) {
    cut.paths[path][method] = strip(whole.paths[path][method]);
  }
}
take(cut.paths);
always.forEach((ref) => take({ $ref: ref }));
sort(cut.components);

const text = JSON.stringify(cut, null, 1) + "\n";
if (process.argv[2]) {
  fs.writeFileSync(process.argv[2], text);
} else {
  process.stdout.write(text);
}

// take adds what node refers to, and what that refers to.
function take(node) {
  if (!node || typeof node !== "object") return;
  if (typeof node.$ref === "string") {
    const [, , kind, name] = node.$ref.split("/");
    cut.components[kind] ??= {};
    if (!(name in cut.components[kind])) {
      cut.components[kind][name] = strip(whole.components[kind][name]);
      take(cut.components[kind][name]);
    }
  }
  Object.values(node).forEach(take);
}

// strip leaves out what does not constrain anything. Below "properties" the
// keys are names of fields, and a field may well be called "example".
function strip(node, names = false) {
  if (Array.isArray(node)) return node.map((n) => strip(n));
  if (!node || typeof node !== "object") return node;
  const out = {};
  for (const [key, value] of Object.entries(node)) {
    const noise = key.startsWith("x-") || ["example", "examples", "externalDocs", "summary"].includes(key);
    if (noise && !names) continue;
    out[key] = strip(value, key === "properties" && !names);
  }
  return out;
}

function sort(components) {
  for (const kind of Object.keys(components)) {
    components[kind] = Object.fromEntries(Object.entries(components[kind]).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
