import type { Overview } from '../explain/overview.ts';
import { byId, setHidden, setText } from './dom.ts';
import { headlineOf } from './model/headline.ts';
import { scopeOf } from './model/sentences.ts';

/** The first lines of the page: how it is, since when and for whom; or why there is no data. */
export function headlineSection(): (
  overview: Overview | undefined,
  trouble: string | undefined,
  restartedAt: number | undefined,
) => void {
  const [title, status, trouble, spoken] = [byId('headline'), byId('status'), byId('trouble'), byId('announcement')];
  return (overview, what, restartedAt) => {
    const last = overview === undefined ? 'There is no data yet.' : `The last data is of ${timeOf(overview.at)}.`;
    const problem = what === undefined ? '' : `${what} ${last} Trying again every 2 s.`;
    setText(trouble, problem);
    setHidden(trouble, what === undefined);
    document.body.classList.toggle('stale', what !== undefined);
    if (overview === undefined) {
      setText(spoken, problem);
      return;
    }

    const headline = headlineOf(overview);
    setText(title, headline.text);
    setText(spoken, what === undefined ? headline.spoken : problem);
    if (document.title !== headline.text) document.title = headline.text;
    const anew =
      restartedAt === undefined ? '' : ` The process has started again: counted anew since ${timeOf(restartedAt)}.`;
    setText(status, `${scopeOf(overview)}, data of ${timeOf(overview.at)}.${anew}`);
  };
}

function timeOf(at: number): string {
  return new Date(at).toLocaleTimeString();
}
