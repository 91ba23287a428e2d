import { useMemo, useState } from 'preact/hooks';
import { clock, duration, none, number } from '../lib/format';
import { useGet, useNow } from '../lib/hooks';
import { t } from '../lib/i18n';
import { setQuery } from '../lib/route';
import type { Series } from '../lib/types';
import { Empty, ErrorBox, Loading } from '../ui/basic';
import { Choice } from '../ui/form';
import { colourOf, Lines } from '../ui/lines';
import { livesOf, rate, sheetOf, spans, took, type Sheet, type Span } from './series';

const again = 10_000; // ms between two readings, as between two points
const high = 150; // px

const nothing: Series = { since: '', step_s: 0, times: [], lines: {}, closes: {} };

/** What the fleet was like, as lines. The charts have their places before there is anything in them. */
export function Charts({ span }: { span: Span }) {
  const turn = useNow(again);
  const series = useGet<Series>(`/fleet/series?span=${span}`, turn);
  return (
    <>
      <div class="row">
        <Choice
          label={t('history.span')}
          value={span}
          onChange={(s) => setQuery({ span: s })}
          options={[
            ['15m', t('span.15m')],
            ['1h', t('span.1h')],
            ['24h', t('span.24h')],
          ]}
        />
        <span class="muted" role="status">
          {series.data && turn - Date.parse(series.data.since) < spans[span] * 1000
            ? t('charts.since', { age: duration(turn - Date.parse(series.data.since)) })
            : ''}
        </span>
      </div>
      <ErrorBox error={series.error} retry={series.reload} />
      <div class="charts">
        <All of={series.data ?? nothing} span={span} loading={!series.data && !series.error} />
      </div>
    </>
  );
}

function All({ of: s, span, loading }: { of: Series; span: Span; loading: boolean }) {
  const sheets = useMemo(
    () => ({
      devices: sheetOf(s, [
        ['online', t('state.online')],
        ['offline', t('state.offline')],
      ]),
      lives: livesOf(s, t('charts.connects'), (reason) => t('charts.closed', { reason }), t('charts.closedRest')),
      times: sheetOf(s, [
        ['poll_p50', t('charts.median')],
        ['poll_p99', t('charts.p99')],
        ['lateness_p99', t('charts.lateness')],
      ]),
      polls: sheetOf(s, [
        ['polls_ok', t('charts.ok')],
        ['polls_failed', t('charts.failed')],
        ['polls_missed', t('charts.missed')],
      ]),
    }),
    [s],
  );
  const common = { seconds: spans[span], step: s.step_s, loading };
  return (
    <>
      <Chart {...common} title={t('charts.devices')} of={sheets.devices} show={(v) => number(Math.round(v))} />
      <Chart {...common} title={t('charts.lives')} of={sheets.lives} show={rate} />
      <Chart {...common} title={t('charts.times')} of={sheets.times} show={took} />
      <Chart {...common} title={t('charts.polls')} of={sheets.polls} show={rate} />
    </>
  );
}

interface ChartProps {
  title: string;
  of: Sheet;
  seconds: number;
  step: number; // seconds; 0 while it is not known
  loading: boolean;
  show: (value: number) => string;
}

/** A chart, and below it the values in words: the last ones, or those that the pointer is at. */
function Chart({ title, of, seconds, step, loading, show }: ChartProps) {
  const [at, setAt] = useState<number | null>(null);
  const times = of.data[0];
  const i = Math.min(at ?? Infinity, times.length - 1);
  const value = (line: number) => of.data[line + 1]![i];
  const text = (line: number) => (value(line) == null ? none : show(value(line)!));
  return (
    <figure class="card chart">
      <figcaption>
        <h2>{title}</h2>
        <span class="muted num">{i >= 0 ? clock(times[i]! * 1000) : ''}</span>
      </figcaption>
      {times.length === 0 ? (
        <div class="chart-empty" style={{ minHeight: high + 'px' }}>
          {loading && <Loading />}
          {step > 0 && (
            <Empty>
              {t('charts.soon', { step: step < 60 ? t('time.s', { n: step }) : t('time.m', { n: step / 60 }) })}
            </Empty>
          )}
        </div>
      ) : (
        <Lines
          names={of.names}
          data={of.data}
          seconds={seconds}
          high={high}
          show={show}
          onPoint={setAt}
          about={title}
        />
      )}
      <ul class="legend">
        {of.names.map((name, line) => (
          <li key={name}>
            <span class="dot" style={{ background: colourOf(line) }} aria-hidden="true" />
            {name} <strong class="num">{text(line)}</strong>
          </li>
        ))}
      </ul>
    </figure>
  );
}
