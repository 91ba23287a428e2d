import { useEffect, useState } from 'preact/hooks';
import { query } from '../lib/api';
import { number } from '../lib/format';
import { useGet } from '../lib/hooks';
import { t } from '../lib/i18n';
import { setQuery } from '../lib/route';
import type { Limit, System } from '../lib/types';
import { Card, View } from '../ui/basic';
import { Input } from '../ui/form';
import { Table } from '../ui/table';

const pause = 400; // ms after the last key

/** What the machine lets linkd have, and what to write for a larger fleet. */
export function Limits({ fleet }: { fleet: string }) {
  const [typed, setTyped] = useState(fleet);
  const system = useGet<System>('/system' + query({ connections: fleet }));
  useEffect(() => setTyped(fleet), [fleet]);
  useEffect(() => {
    const timer = setTimeout(() => typed !== fleet && setQuery({ fleet: typed.replace(/\D/g, '') }), pause);
    return () => clearTimeout(timer);
  }, [typed]);
  return (
    <Card title={t('limits.title')}>
      <View of={system}>
        {(s) => (
          <>
            <div class="limits-head">
              <Input
                label={t('limits.fleet')}
                value={typed}
                placeholder={number(s.connections)}
                onInput={setTyped}
                hint={t('limits.hint')}
              />
              <p class={s.limits.every((l) => l.enough) ? 'quality-good' : 'quality-bad'} role="status">
                {s.limits.every((l) => l.enough)
                  ? t('limits.allEnough', { n: number(s.fleet) })
                  : t('limits.short', { n: number(s.fleet) })}
              </p>
            </div>
            <Table
              heads={[t('limits.name'), [t('limits.here'), 'num'], [t('limits.needed'), 'num'], t('limits.why')]}
              cls="cards limits"
            >
              {s.limits.map((l) => (
                <tr key={l.name}>
                  <td class="mono">
                    <span class={l.enough ? 'quality-good' : 'quality-bad'}>
                      {l.enough ? t('limits.enough') : t('limits.tooLow')}
                    </span>
                    <br />
                    {nameOf(l)}
                  </td>
                  <td class="num">{grouped(l.value)}</td>
                  <td class="num">{grouped(l.needed)}</td>
                  <td>
                    {t(`limit.why.${l.name as 'memory'}`, l.figures)}
                    {l.change && <code class="change">{changeOf(l)}</code>}
                  </td>
                </tr>
              ))}
            </Table>
            {s.limits.some((l) => l.change.startsWith('sysctl')) && <p class="hint spaced">{t('limits.keep')}</p>}
          </>
        )}
      </View>
    </Card>
  );
}

/** Settings of the kernel have its names, with dots: what changes them is a command, in no language. */
const ofKernel = (l: Limit): boolean => l.name.includes('.');
const nameOf = (l: Limit): string => (ofKernel(l) ? l.name : t(`limit.name.${l.name as 'memory'}`));
const changeOf = (l: Limit): string =>
  ofKernel(l) ? l.change : t(`limit.change.${l.name as 'memory'}`, l.figures);

/** Numbers as people read them; a number that no fleet comes near is none. Words between them are translated. */
const grouped = (text: string): string =>
  text
    .replace(/\b[a-z]+( [a-z]+)*\b/g, (words) => t(`limits.value.${words as 'none'}`))
    .replace(/\d+/g, (digits) => (digits.length > 15 ? '∞' : number(Number(digits))));
