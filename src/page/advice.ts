import type { Advice } from '../metrics/advice.ts';
import { copyButton } from './copy-button.ts';
import { byId, make, setForeignText, setHidden, setText } from './dom.ts';
import { originKey, originName } from './model/names.ts';
import { MAX_FINDINGS } from './model/order.ts';
import { adviceSentence, shownOf } from './model/sentences.ts';
import { type Row, Rows } from './rows.ts';

/** Timeouts to change, so that no request hits a connection that is being closed. */
export function adviceSection(): (advice: readonly Advice[]) => Iterable<void> {
  const section = byId('advice');
  const rows = new Rows(byId('advice-list'), adviceRow);
  return advice => {
    const drawn = advice.slice(0, MAX_FINDINGS);
    setText(byId('advice-count'), shownOf(drawn.length, advice.length, 'timeout'));
    setHidden(section, advice.length === 0);
    return rows.show(drawn, each => `${originKey(each)} ${each.kind}`);
  };
}

function adviceRow(): Row<Advice> {
  const [what, code] = [make('p', 'what'), make('code')];
  const button = copyButton(code);
  return {
    element: make('li', 'finding', what, make('div', 'fix', make('pre', '', code), button)),
    update(advice) {
      setText(what, adviceSentence(advice));
      setForeignText(code, advice.code);
      button.ariaLabel = `Copy the advice for ${originName(advice)}`;
    },
  };
}
