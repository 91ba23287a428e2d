import { t } from '../lib/i18n';
import { Store, useStore } from '../lib/store';
import { Button } from './basic';

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  offer: Offer | undefined;
}

/** What can be done about what was said. */
export interface Offer {
  label: string;
  run: () => void;
}

const shown = new Store<Toast[]>([]);
const most = 3;
const stays = 5000; // ms; what went wrong stays until it is closed
const offered = 20_000; // ms that an offer stays
let count = 0;

const drop = (id: number) => shown.set(shown.value.filter((x) => x.id !== id));

/** Says in a corner what has come of something. */
export function say(text: string, bad = false, offer?: Offer): void {
  const id = ++count;
  shown.set([...shown.value, { id, text, bad, offer }].slice(-most));
  if (!bad) setTimeout(() => drop(id), offer ? offered : stays);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {useStore(shown).map((x) => (
        <div key={x.id} class={x.bad ? 'toast bad' : 'toast'}>
          <span>{x.text}</span>
          {x.offer && (
            <Button
              small
              onClick={() => {
                drop(x.id);
                x.offer!.run();
              }}
            >
              {x.offer.label}
            </Button>
          )}
          <Button icon="close" kind="quiet" small label={t('action.close')} onClick={() => drop(x.id)} />
        </div>
      ))}
    </div>
  );
}
