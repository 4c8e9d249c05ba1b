// Reads actions and workflows with the platform's own parser and prints what it
// refuses. A file called action.yml is an action, anything else a workflow.
import {readFileSync} from "node:fs";
import {basename} from "node:path";
import {parseAction} from "@actions/workflow-parser/actions/action-parser";
import {parseWorkflow} from "@actions/workflow-parser/workflows/workflow-parser";
import {NoOperationTraceWriter} from "@actions/workflow-parser/templates/trace-writer";

let refused = process.argv.length < 3;
for (const name of process.argv.slice(2)) {
  const parse = basename(name) === "action.yml" ? parseAction : parseWorkflow;
  const result = parse({name, content: readFileSync(name, "utf8")}, new NoOperationTraceWriter());
  for (const error of result.context.errors.getErrors()) {
    console.error(`${error.message}`);
    refused = true;
  }
  if (result.value === undefined) {
    console.error(`${name}: nothing was read`);
    refused = true;
  }
}
process.exitCode = refused ? 1 : 0;
