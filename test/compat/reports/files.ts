import { type Ending, type Report, Results, SEPARATOR } from './report.ts';

interface JestTest {
  readonly fullName?: string;
  readonly title?: string;
  readonly ancestorTitles?: readonly string[];
  readonly status: string;
}

interface JestFile {
  readonly name?: string;
  readonly testFilePath?: string;
  readonly status?: string;
  readonly assertionResults?: readonly JestTest[];
}

/** Reads the JSON report of jest and vitest. */
export function readJestJson(text: string, folder: string): Report {
  const { testResults = [] } = JSON.parse(text) as { testResults?: readonly JestFile[] };
  const results = new Results();
  for (const file of testResults) {
    const path = (file.name ?? file.testFilePath ?? '(no file)').replace(`${folder}/`, '');
    const tests = file.assertionResults ?? [];
    if (tests.length === 0) results.add(path, file.status === 'passed' ? 'passed' : 'failed'); // failed before its tests
    for (const { fullName, title, ancestorTitles = [], status } of tests) {
      const name = title === undefined ? (fullName ?? '(no name)') : [...ancestorTitles, title].join(SEPARATOR);
      const ending: Ending = status === 'passed' || status === 'failed' ? status : 'skipped';
      results.add(path + SEPARATOR + name, ending);
    }
  }
  return results.report;
}

/** Reads a JUnit report, which most runners can write. */
export function readJunit(text: string): Report {
  const results = new Results();
  for (const [, attributes = '', body = ''] of text.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const { classname, name = '(no name)', file } = attributesOf(attributes);
    const ending = /<(failure|error)\b/.test(body) ? 'failed' : /<skipped\b/.test(body) ? 'skipped' : 'passed';
    results.add(
      [file ?? classname, name].filter(part => part !== undefined && part !== 'test').join(SEPARATOR),
      ending,
    );
  }
  return results.report;
}

function attributesOf(text: string): Record<string, string | undefined> {
  const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };
  return Object.fromEntries(
    [...text.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
      name,
      value.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => entities[entity] ?? ''),
    ]),
  );
}
