import { useEffect, useRef, useState } from 'preact/hooks';
import { useTask } from '../lib/hooks';
import { t } from '../lib/i18n';
import { may } from '../lib/session';
import type { Config, Tag } from '../lib/types';
import { Button, Empty } from '../ui/basic';
import { Check, faultsOf, type Faults } from '../ui/form';
import { tagSpec } from './config';
import { cellsOf, columns, isEmpty, orders, pasted, rowOf, specOf, types, type Column, type Row } from './tag-columns';

interface Props<V> {
  tags: Tag[];
  from: V; // the version that they are of; save is given that of the rows
  base: string; // where the API has the list, such as body.tags
  save: (tags: Config[], from: V) => Promise<void>;
}

/** Tags as a grid, into which cells of a spreadsheet can be pasted. */
export function TagGrid<V>({ tags, from, base, save }: Props<V>) {
  const stored = () => tags.map((tag) => rowOf(tagSpec(tag)));
  const [rows, setRows] = useState<Row[]>(stored);
  const origin = useRef(from);
  const [dirty, setDirty] = useState(false);
  const [all, setAll] = useState(false);
  const task = useTask();
  const box = useRef<HTMLTableElement>(null);
  const admin = may('admin');
  const refill = () => {
    origin.current = from;
    setRows(stored());
  };
  useEffect(() => {
    if (!dirty) refill();
  }, [tags]);
  const shown = columns.filter((c) => all || c.first);
  const faults = faultsOf(task.error);
  const change = (to: Row[]) => {
    setRows(to);
    setDirty(true);
  };
  const submit = () =>
    task.run(async () => {
      const left = rows.filter((r) => !isEmpty(r));
      setRows(left);
      await save(left.map(specOf), origin.current);
      setDirty(false);
    });
  const discard = () => {
    refill();
    setDirty(false);
    task.clear();
  };
  const cellAt = (row: number, column: number) =>
    box.current?.querySelector<HTMLElement>(`[data-row="${row}"][data-column="${column}"]`);
  const place = (e: Event): [number, number] | null => {
    const { row, column } = (e.target as HTMLElement).dataset;
    return row === undefined || column === undefined ? null : [Number(row), Number(column)];
  };
  const onPaste = (e: ClipboardEvent) => {
    const at = place(e);
    const clip = e.clipboardData?.getData('text/plain') ?? '';
    if (!at || !admin || !/[\t\n]/.test(clip.trimEnd())) return; // one cell is pasted as text
    e.preventDefault();
    change(pasted(rows, cellsOf(clip), at[0], at[1], shown));
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const at = place(e);
    if (!at || e.key !== 'Enter') return;
    e.preventDefault();
    cellAt(at[0] + (e.shiftKey ? -1 : 1), at[1])?.focus();
  };
  const words = faultList(faults, rows, base);
  return (
    <>
      {rows.length > 0 && (
        <div class="scroll">
          <table class="grid" ref={box} onPaste={onPaste} onKeyDown={onKeyDown}>
            <thead>
              <tr>
                {shown.map((c) => (
                  <th key={c.key} style={{ minWidth: c.width }}>
                    {t(`column.${c.key as 'name'}`)}
                  </th>
                ))}
                {admin && (
                  <th>
                    <span class="unseen">{t('field.actions')}</span>
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {rows.map((row, i) => (
                <tr key={i}>
                  {shown.map((c, j) => (
                    <td key={c.key}>
                      <Cell
                        column={c}
                        row={row}
                        at={[i, j]}
                        fault={words(i, c.key)}
                        disabled={!admin}
                        onChange={(v) => change(rows.map((r, k) => (k === i ? { ...r, [c.key]: v } : r)))}
                      />
                    </td>
                  ))}
                  {admin && (
                    <td class="acts">
                      <Button
                        icon="remove"
                        kind="quiet"
                        small
                        label={t('grid.remove', { name: row['name'] || i + 1 })}
                        onClick={() => change(rows.filter((_, k) => k !== i))}
                      />
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length === 0 && <Empty>{t('tags.none')}</Empty>}
      {faults.rest().map((f) => (
        <p class="fault" role="alert" key={f}>
          {f}
        </p>
      ))}
      <div class="row">
        {admin && (
          <Button
            icon="add"
            onClick={() => {
              change([...rows, rowOf({})]);
              setTimeout(() => cellAt(rows.length, 0)?.focus());
            }}
          >
            {t('grid.add')}
          </Button>
        )}
        <Check label={t('grid.all')} checked={all} onChange={setAll} />
        <span class="grow hint wide-only">{admin && t('grid.pasteHint')}</span>
        {dirty && <Button onClick={discard}>{t('grid.discard')}</Button>}
        {admin && (
          <Button kind="primary" disabled={!dirty || task.busy} onClick={() => void submit()}>
            {t('action.save')}
          </Button>
        )}
      </div>
    </>
  );
}

/** What is wrong with a cell. A tag is at its name, or at its number where it has none; its name's cell tells for it all. */
function faultList(faults: Faults, rows: Row[], base: string): (row: number, key: string) => string | undefined {
  return (i, key) => {
    const name = rows[i]?.['name']?.trim();
    const tags = [`${base}.${i}`, ...(name ? [`${base}.${name}`] : [])];
    const own = faults.of(...tags.map((tag) => `${tag}.${key}`));
    return key === 'name' ? [own, faults.self(...tags)].filter(Boolean).join('; ') || undefined : own;
  };
}

interface CellProps {
  column: Column;
  row: Row;
  at: [number, number];
  fault: string | undefined;
  disabled: boolean;
  onChange: (value: string) => void;
}

function Cell({ column: c, row, at, fault, disabled, onChange }: CellProps) {
  const value = row[c.key] ?? '';
  const common = {
    'data-row': at[0],
    'data-column': at[1],
    disabled,
    'aria-label': `${t(`column.${c.key as 'name'}`)} ${at[0] + 1}`,
    'aria-invalid': fault ? (true as const) : undefined,
  };
  return (
    <>
      {c.kind === 'flag' ? (
        <input
          {...common}
          type="checkbox"
          checked={value !== ''}
          onChange={(e) => onChange(e.currentTarget.checked ? 'true' : '')}
        />
      ) : c.kind === 'type' || c.kind === 'order' ? (
        <select {...common} value={value} onChange={(e) => onChange(e.currentTarget.value)}>
          {withOwn(c.kind === 'type' ? types : orders, value).map((v) => (
            <option key={v} value={v}>
              {v || t('grid.default')}
            </option>
          ))}
        </select>
      ) : (
        <input
          {...common}
          value={value}
          spellcheck={false}
          autocomplete="off"
          onInput={(e) => onChange(e.currentTarget.value)}
        />
      )}
      {fault && <p class="fault">{fault}</p>}
    </>
  );
}

const withOwn = (list: string[], own: string): string[] => (list.includes(own) ? list : [...list, own]);
