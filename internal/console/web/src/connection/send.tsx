import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { escapes, hexSpaced, visible } from '../lib/format';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Connection, SendAnswer } from '../lib/types';
import { Button, Card, ErrorBox, Facts } from '../ui/basic';
import { Choice, Input, Select } from '../ui/form';

/** Sends bytes to the device, and shows what comes back within a while. */
export function Send({ of: c }: { of: Connection }) {
  const [as, setAs] = useState<'hex' | 'text'>('hex');
  const [data, setData] = useState('');
  const [wait, setWait] = useState('1000');
  const [answer, setAnswer] = useState<SendAnswer | null>(null);
  const task = useTask();
  const send = () =>
    task.run(async () => {
      setAnswer(null);
      const text = as === 'text' ? escapes(data) : data;
      const to = url`/connections/${c.provider}/${c.name}/send`;
      setAnswer((await call<SendAnswer>('POST', to, { json: { [as]: text, wait_ms: Number(wait) } })).body);
    });
  return (
    <Card
      title={t('send.title')}
      actions={
        <Choice
          label={t('send.as')}
          value={as}
          onChange={setAs}
          options={[
            ['hex', t('send.hex')],
            ['text', t('send.text')],
          ]}
        />
      }
    >
      <form
        class="send"
        onSubmit={(e) => {
          e.preventDefault();
          void send();
        }}
      >
        <Input
          label={t('send.data')}
          value={data}
          onInput={setData}
          mono
          hint={as === 'hex' ? t('send.hexHint') : t('send.textHint')}
        />
        <Select
          label={t('send.wait')}
          value={wait}
          onChange={setWait}
          options={[
            ['0', t('send.noWait')],
            ...['500', '1000', '3000', '10000'].map((ms): [string, string] => [
              ms,
              t('time.s', { n: Number(ms) / 1000 }),
            ]),
          ]}
        />
        <Button submit kind="primary" icon="send" disabled={task.busy || !data || c.state !== 'online'}>
          {task.busy ? t('send.waiting') : t('action.send')}
        </Button>
      </form>
      {c.state !== 'online' && <p class="muted">{t('send.offline')}</p>}
      <ErrorBox error={task.error} />
      <div aria-live="polite">
        {answer && (
          <Facts
            of={[
              [t('send.sent'), `${answer.sent} B`],
              [
                t('send.receivedHex'),
                <span class="mono">{answer.received_hex ? hexSpaced(answer.received_hex) : t('send.nothing')}</span>,
              ],
              [t('send.receivedText'), <span class="mono">{visible(answer.received_text)}</span>],
            ]}
          />
        )}
      </div>
    </Card>
  );
}
