import { useState } from 'preact/hooks';
import { query } from '../lib/api';
import { age, valueText } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { href } from '../lib/route';
import { may } from '../lib/session';
import type { List, TagValue } from '../lib/types';
import { Button, Empty, QualityMark, View } from '../ui/basic';
import { Table } from '../ui/table';
import { useLive, keyOf } from '../tags/live';
import { Write } from '../tags/write';

/** The tags of a connection as they are now. The page's feed carries them. */
export function Values({ connection }: { connection: string }) {
  const list = useGet<List<TagValue>>('/tags' + query({ connection, limit: 1000 }));
  const live = useLive();
  const now = useNow();
  const [writing, setWriting] = useState<TagValue | null>(null);
  return (
    <View of={list}>
      {(data) =>
        data.items.length === 0 ? (
          <Empty>{t('tags.none')}</Empty>
        ) : (
          <>
            <Table
              heads={[
                t('noun.tag'),
                [t('field.value'), 'num'],
                t('field.quality'),
                [t('field.age'), 'num'],
                [t('field.address'), 'wide-only'],
              ]}
              acts
            >
              {data.items.map((at) => {
                const v = live(at);
                return (
                  <tr key={keyOf(v)}>
                    <td class="tag-name">
                      <a href={href(['tags'], { channel: v.channel, plot: keyOf(v) })}>
                        {v.device}/{v.tag}
                      </a>
                      {v.title && <span class="muted"> {v.title}</span>}
                    </td>
                    <td class="num">
                      <strong>{valueText(v.value)}</strong> <span class="muted">{v.unit}</span>
                    </td>
                    <td>
                      <QualityMark quality={v.quality} reason="" /> <span class="muted">{v.reason}</span>
                    </td>
                    <td class="num">{age(v.ts, now)}</td>
                    <td class="mono wide-only">{v.address}</td>
                    <td class="acts">
                      {v.writable && may('operator') && (
                        <Button small icon="edit" onClick={() => setWriting(v)}>
                          {t('action.write')}
                        </Button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </Table>
            {data.next && <p class="muted">{t('tags.more', { n: data.items.length })}</p>}
            {writing && <Write of={live(writing)} onClose={() => setWriting(null)} />}
          </>
        )
      }
    </View>
  );
}
