// Cuts GitHub's own description of its REST API down to the operations that
// the toy answers and the components that these need. The toy checks every
// request and every answer against the result.
//
//   npm ci && npm run cut        writes github.json
//   node cut.js                  writes to standard output
"use strict";

const fs = require("fs");

const operations = {
  "/app/hook/deliveries": ["get"],
  "/app/hook/deliveries/{delivery_id}/attempts": ["post"],
  "/app/installations/{installation_id}/access_tokens": ["post"],
  "/meta": ["get"],
  "/orgs/{org}/attestations/bulk-list": ["post"],
  "/orgs/{org}/teams/{team_slug}": ["get"],
  "/orgs/{org}/teams/{team_slug}/members": ["get"],
  "/rate_limit": ["get"],
  "/repos/{owner}/{repo}": ["get"],
  "/repos/{owner}/{repo}/actions/permissions": ["get"],
  "/repos/{owner}/{repo}/actions/permissions/workflow": ["get"],
  "/repos/{owner}/{repo}/actions/runs": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/approvals": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/deployment_protection_rule": ["post"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs": ["get"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/pending_deployments": ["get", "post"],
  "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs": ["post"],
  "/repos/{owner}/{repo}/actions/secrets": ["get"],
  "/repos/{owner}/{repo}/activity": ["get"],
  "/repos/{owner}/{repo}/attestations": ["post"],
  "/repos/{owner}/{repo}/attestations/{subject_digest}": ["get"],
  "/repos/{owner}/{repo}/branches": ["get"],
  "/repos/{owner}/{repo}/branches/{branch}": ["get"],
  "/repos/{owner}/{repo}/collaborators": ["get"],
  "/repos/{owner}/{repo}/collaborators/{username}/permission": ["get"],
  "/repos/{owner}/{repo}/commits": ["get"],
  "/repos/{owner}/{repo}/commits/{commit_sha}/pulls": ["get"],
  "/repos/{owner}/{repo}/commits/{ref}": ["get"],
  "/repos/{owner}/{repo}/compare/{basehead}": ["get"],
  "/repos/{owner}/{repo}/contents/{path}": ["get"],
  "/repos/{owner}/{repo}/deployments": ["get"],
  "/repos/{owner}/{repo}/deployments/{deployment_id}": ["get"],
  "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses": ["get"],
  "/repos/{owner}/{repo}/environments": ["get"],
  "/repos/{owner}/{repo}/environments/{environment_name}": ["get", "put"],
  "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies": ["get", "post"],
  "/repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies/{branch_policy_id}": ["get", "put", "delete"],
  "/repos/{owner}/{repo}/environments/{environment_name}/deployment_protection_rules": ["get"],
  "/repos/{owner}/{repo}/environments/{environment_name}/secrets": ["get"],
  "/repos/{owner}/{repo}/git/matching-refs/{ref}": ["get"],
  "/repos/{owner}/{repo}/git/ref/{ref}": ["get"],
  "/repos/{owner}/{repo}/installation": ["get"],
  "/repos/{owner}/{repo}/issues/{issue_number}/timeline": ["get"],
  "/repos/{owner}/{repo}/pulls": ["get"],
  "/repos/{owner}/{repo}/pulls/{pull_number}": ["get"],
  "/repos/{owner}/{repo}/pulls/{pull_number}/commits": ["get"],
  "/repos/{owner}/{repo}/pulls/{pull_number}/reviews": ["get"],
  "/repos/{owner}/{repo}/releases": ["get"],
  "/repos/{owner}/{repo}/rules/branches/{branch}": ["get"],
  "/repos/{owner}/{repo}/rulesets": ["get"],
  "/repos/{owner}/{repo}/rulesets/{ruleset_id}": ["get"],
  "/user/{account_id}": ["get"],
  "/users/{username}": ["get"],
  "/users/{username}/attestations/bulk-list": ["post"],
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
