const BEGIN = '<!-- The bench writes from here … -->';
const END = '<!-- … to here. -->';

/** Replaces the text between the two markers. */
export function withReport(document: string, report: string): string {
  const from = document.indexOf(BEGIN);
  const to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error('the document has no place for the figures');

  return `${document.slice(0, from + BEGIN.length)}\n\n${report}\n${document.slice(to)}`;
}

/** The text between the two markers. */
export function reportIn(document: string): string {
  return document.slice(document.indexOf(BEGIN) + BEGIN.length + 2, document.indexOf(END) - 1);
}
