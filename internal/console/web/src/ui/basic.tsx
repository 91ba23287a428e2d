import type { ComponentChildren } from 'preact';
import { t } from '../lib/i18n';
import type { Problem } from '../lib/api';
import type { Quality, State } from '../lib/types';
import { Icon, type IconName } from './icons';

interface ButtonProps {
  children?: ComponentChildren;
  icon?: IconName;
  label?: string; // of a button that shows an icon alone
  kind?: 'primary' | 'danger' | 'quiet' | undefined;
  small?: boolean;
  submit?: boolean;
  disabled?: boolean | undefined;
  pressed?: boolean;
  unfocused?: boolean; // it is reached by another key
  onClick?: (e: MouseEvent) => void;
}

export function Button(p: ButtonProps) {
  const cls = ['button', p.kind, p.small && 'small', !p.children && 'bare'].filter(Boolean).join(' ');
  return (
    <button
      type={p.submit ? 'submit' : 'button'}
      class={cls}
      disabled={p.disabled}
      aria-label={p.label}
      title={p.label}
      aria-pressed={p.pressed}
      tabIndex={p.unfocused ? -1 : undefined}
      onClick={p.onClick}
    >
      {p.icon && <Icon name={p.icon} />}
      {p.children && <span>{p.children}</span>}
    </button>
  );
}

/** A state as a dot and a word: never a colour alone. What flaps is told so, whether it is online now or not. */
export function StateDot({ state, flapping, word = true }: { state: State; flapping?: boolean; word?: boolean }) {
  const text = t(flapping && state !== 'disabled' ? 'state.flapping' : `state.${state}`);
  return (
    <span class={`dot-line state-${state}` + (flapping ? ' state-flapping' : '')}>
      <span class="dot" aria-hidden="true" />
      {word ? text : <span class="unseen">{text}</span>}
    </span>
  );
}

export function QualityMark({ quality, reason }: { quality: Quality; reason: string }) {
  return (
    <span class={'quality quality-' + quality} title={reason || undefined}>
      {t(`quality.${quality}`)}
    </span>
  );
}

export function Loading() {
  return (
    <p class="state-box" role="status">
      <span class="spinner" aria-hidden="true" />
      {t('state.loading')}
    </p>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="state-box empty">{children}</p>;
}

/** A refusal in the API's own words. */
export function ErrorBox({ error, retry }: { error: Problem | null; retry?: () => void }) {
  if (!error) return null;
  return (
    <div class="error-box" role="alert">
      <p>{error.message}</p>
      {retry && (
        <Button small onClick={retry}>
          {t('action.retry')}
        </Button>
      )}
    </div>
  );
}

interface ViewProps<T> {
  of: { data: T | null; error: Problem | null; loading: boolean; reload: () => void };
  children: (data: T) => ComponentChildren;
}

/** What was read, or why there is nothing: loading, refused, or refused with what was there before. */
export function View<T>({ of, children }: ViewProps<T>) {
  return (
    <>
      <ErrorBox error={of.error} retry={of.reload} />
      {of.data !== null ? children(of.data) : of.loading && !of.error ? <Loading /> : null}
    </>
  );
}

export function Page({
  title,
  actions,
  children,
}: {
  title: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <>
      <div class="page-head">
        <h1 tabIndex={-1}>{title}</h1>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

export function Card({
  title,
  actions,
  children,
}: {
  title?: ComponentChildren;
  actions?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <section class="card">
      {(title || actions) && (
        <div class="card-head">
          {title && <h2>{title}</h2>}
          {actions && <div class="actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
