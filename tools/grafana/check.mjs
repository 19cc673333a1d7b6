// Checks dashboards against Grafana's types: node tools/grafana/check.mjs grafana/dashboards/*.json
import { readFileSync } from 'node:fs';
import { mistakes } from './dashboards.mjs';

const texts = Object.fromEntries(process.argv.slice(2).map((file) => [file, readFileSync(file, 'utf8')]));
const found = mistakes(texts);
for (const { dashboard, line, sentence } of found) {
  console.error(`${dashboard}:${line}: ${sentence}`);
}
process.exitCode = found.length ? 1 : 0;
