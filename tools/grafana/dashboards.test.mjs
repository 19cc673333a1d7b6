// The check finds what Grafana would not understand: in the dashboard, in a panel, in its options and in its queries.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mistakes } from './dashboards.mjs';

const whole = JSON.parse(readFileSync(new URL('../../grafana/dashboards/operations.json', import.meta.url), 'utf8'));
const firsts = whole.panels.filter((panel, number) => whole.panels.findIndex(({ type }) => type === panel.type) === number);
const text = JSON.stringify({ ...whole, panels: firsts }, null, 1);

const BROKEN = {
  'a key that does not exist': ['"schemaVersion"', '"schemaVersions"'],
  'a panel of an unknown plugin': ['"type": "timeseries"', '"type": "timesseries"'],
  'an option of another plugin': ['"wideLayout": true', '"showHeader": true'],
  'a value that the option does not have': ['"graphMode": "none"', '"graphMode": "nothing"'],
  'a style that a field does not have': ['"drawStyle": "line"', '"drawStyle": "lines"'],
  'a number as text': ['"h": 4', '"h": "4"'],
  'a query of another source': ['"expr"', '"rawSql"'],
};

test('each mistake is found where it is', () => {
  const texts = Object.fromEntries(Object.entries(BROKEN).map(([name, [right, wrong]]) => [name, text.replace(right, wrong)]));
  for (const name of Object.keys(BROKEN)) {
    assert.notEqual(texts[name], text, name);
  }
  const found = mistakes({ 'no mistake': text, ...texts });
  assert.deepEqual(new Set(found.map((one) => one.dashboard)), new Set(Object.keys(BROKEN)));
});
