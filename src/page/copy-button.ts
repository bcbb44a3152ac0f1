import { make, setText } from './dom.ts';

/** How long a button says what it has done, in milliseconds. */
const TOLD_FOR = 2_000;

/** A button that copies the text of an element. Without access to the clipboard, it selects the text. */
export function copyButton(source: HTMLElement): HTMLButtonElement {
  const button = make('button', 'copy', 'Copy');
  button.type = 'button';
  button.addEventListener('click', async () => {
    const done = await copy(source);
    setText(button, done);
    setTimeout(() => setText(button, 'Copy'), TOLD_FOR);
  });
  return button;
}

async function copy(source: HTMLElement): Promise<string> {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return 'Copied';
  } catch {
    getSelection()?.selectAllChildren(source);
    return 'Selected';
  }
}
