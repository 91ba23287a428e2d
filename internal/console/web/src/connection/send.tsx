import { useState } from 'preact/hooks';
import { call, url } from '../lib/api';
import { escapes, hexBytes, hexOfText, hexSpaced, visible } from '../lib/format';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import type { Connection, SendAnswer } from '../lib/types';
import { Button, Card, ErrorBox, Facts } from '../ui/basic';
import { Choice, Input, Select } from '../ui/form';
import { compare } from './frames';

const waits = ['500', '1000', '3000', '10000']; // ms

/** What came of a send, and the reply that was expected then, two digits a byte; empty: any. */
interface Sent {
  answer: SendAnswer;
  expected: string;
}

/** Sends bytes to the device, and shows what comes back within a while, and whether it is what was expected. */
export function Send({ of: c }: { of: Connection }) {
  const [as, setAs] = useState<'hex' | 'text'>('hex');
  const [data, setData] = useState('');
  const [expect, setExpect] = useState('');
  const [wait, setWait] = useState('1000');
  const [sent, setSent] = useState<Sent | null>(null);
  const task = useTask();
  const expected = as === 'hex' ? hexBytes(expect) : hexOfText(escapes(expect));
  const send = () =>
    task.run(async () => {
      setSent(null);
      const text = as === 'text' ? escapes(data) : data;
      const to = url`/connections/${c.provider}/${c.name}/send`;
      const { body } = await call<SendAnswer>('POST', to, { json: { [as]: text, wait_ms: Number(wait) } });
      setSent({ answer: body, expected: expected ?? '' });
    });
  const seconds = (ms: string) => t('time.s', { n: Number(ms) / 1000 });
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
        <Input
          label={t('send.expected')}
          value={expect}
          onInput={(v) => {
            setExpect(v);
            if (v && wait === '0') setWait('1000'); // it is waited for
          }}
          mono
          hint={t('send.expectedHint')}
          error={expected === null ? t('send.notHex') : undefined}
        />
        <Select
          label={t('send.wait')}
          value={wait}
          onChange={setWait}
          options={[
            ...(expect ? [] : [['0', t('send.noWait')] as [string, string]]),
            ...waits.map((ms): [string, string] => [ms, seconds(ms)]),
          ]}
        />
        <Button
          submit
          kind="primary"
          icon="send"
          disabled={task.busy || !data || expected === null || c.state !== 'online'}
        >
          {task.busy ? t('send.waiting') : t('action.send')}
        </Button>
      </form>
      {c.state !== 'online' && <p class="muted">{t('send.offline')}</p>}
      <ErrorBox error={task.error} />
      <div aria-live="polite">{sent && <Reply of={sent} />}</div>
    </Card>
  );
}

function Reply({ of: { answer, expected } }: { of: Sent }) {
  return (
    <>
      {expected && <Verdict got={answer.received_hex} want={expected} />}
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
    </>
  );
}

/** Says in words how the reply compares with the expected one. */
function Verdict({ got, want }: { got: string; want: string }) {
  const c = compare(got, want);
  const words = {
    none: () => t('send.none'),
    same: () => t('send.same'),
    more: () => t('send.more', { n: c.is === 'more' ? c.bytes : 0 }),
    short: () => t('send.short', { n: c.is === 'short' ? c.bytes : 0, all: want.length / 2 }),
    differs: () => (c.is === 'differs' ? t('send.differs', { n: c.at, got: c.got, want: c.want }) : ''),
  };
  return <p class={c.is === 'same' ? 'quality-good' : 'quality-bad'}>{words[c.is]()}</p>;
}
