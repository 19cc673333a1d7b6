// The mistakes of a dashboard, found by the TypeScript compiler: its JSON is a constant of the type in dashboard.ts.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const FOLDER = dirname(fileURLToPath(import.meta.url));
const OPTIONS = { strict: true, noEmit: true, skipLibCheck: true, moduleResolution: ts.ModuleResolutionKind.Bundler };

/** The mistakes of each dashboard in `texts`, by their names: a line number of the JSON and a sentence each. */
export function mistakes(texts) {
  const sources = new Map(Object.keys(texts).map((name, number) => [join(FOLDER, `${number}.checked.ts`), name]));
  const options = { ...OPTIONS, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
  const host = ts.createCompilerHost(options);
  const { fileExists, getSourceFile } = host;
  host.fileExists = (path) => sources.has(path) || fileExists(path);
  host.getSourceFile = (path, ...rest) =>
    sources.has(path) ? ts.createSourceFile(path, source(texts[sources.get(path)]), ...rest) : getSourceFile(path, ...rest);
  const program = ts.createProgram([...sources.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map((one) => {
    const { line } = one.file.getLineAndCharacterOfPosition(one.start);
    return { dashboard: sources.get(one.file.fileName) ?? one.file.fileName, line: line + 1, sentence: ts.flattenDiagnosticMessageText(one.messageText, '\n') };
  });
}

function source(json) {
  // On one line with the beginning of the JSON, so that the numbers of the lines are its own.
  return `import type { Dashboard } from './dashboard'; export const dashboard: Dashboard = ${json};`;
}
