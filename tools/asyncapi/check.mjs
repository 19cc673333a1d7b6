// node check.mjs DOCUMENT RELEASED: whether a document is valid, and breaks nothing that a release has promised.
import { existsSync, readFileSync } from "node:fs";
import { argv, exit } from "node:process";
import { changes, read } from "./contract.mjs";

const [file, released] = argv.slice(2);

function fail(sentence, lines) {
  console.error([sentence, ...lines.map((one) => `  ${one}`)].join("\n"));
  exit(1);
}

const { document, complaints } = await read(readFileSync(file, "utf8"));
if (complaints.length) fail(`${file} is not valid:`, complaints);
const examples = document.messages().all().flatMap((one) => one.examples().all());
console.log(`${file} is valid: ${document.channels().all().length} channels, ${examples.length} examples`);

if (!existsSync(released)) {
  console.log(`There is no ${released}, so there is no release to compare it with`);
  exit(0);
}
const { document: before } = await read(readFileSync(released, "utf8"));
const shown = (type) => found.filter((one) => one.type === type).map((one) => `${one.action} ${one.path}`);
const found = changes(before, document);
if (shown("breaking").length) {
  fail(`These changes since ${released} break subscribers or requesters. They need a new version in the topic:`, shown("breaking"));
}
for (const one of shown("unclassified")) console.log(`Look at this change: ${one}`);
console.log(`Nothing breaks since ${released}: ${found.length} changes`);
