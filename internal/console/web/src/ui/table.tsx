import type { ComponentChildren } from 'preact';
import { t } from '../lib/i18n';

interface TableProps {
  heads: (string | [words: string, cls: string])[];
  acts?: boolean; // the last column is buttons; its head is for screen readers alone
  cls?: string; // "cards": on a phone each row is a card, without heads; data-label stands before a cell that needs one
  children: ComponentChildren; // the rows
}

/** A table that scrolls by itself where it is too wide. */
export function Table({ heads, acts, cls, children }: TableProps) {
  return (
    <div class="scroll">
      <table class={cls}>
        <thead>
          <tr>
            {heads.map((h) => {
              const [words, kind] = typeof h === 'string' ? [h, undefined] : h;
              return (
                <th key={words} class={kind}>
                  {words}
                </th>
              );
            })}
            {acts && (
              <th>
                <span class="unseen">{t('field.actions')}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
